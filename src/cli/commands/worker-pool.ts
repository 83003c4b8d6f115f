import { Command, Option } from 'commander';
import { TsrqError } from '../../errors.js';
import type { Cli } from '../context.js';
import { whole } from '../values.js';
import { addWorkerOptions, type WorkerFlagValues } from '../worker-options.js';
import { runWorker } from './worker.js';

const HELP = `
Examples:
  $ tsrq worker-pool high low -n 4
  $ tsrq worker-pool --burst --num-workers 8 mail

\`tsrq worker --help\` tells where jobs are found, and what signals do.
`;

export function workerPoolCommand(cli: Cli): Command {
  const command = addWorkerOptions(
    new Command('worker-pool')
      .description("Run several jobs at once: `tsrq worker --concurrency N`, under RQ's name.")
      .argument('[queues...]', 'names of queues, highest priority first')
      .addHelpText('after', HELP),
  );
  // RQ's -n is the number of workers here, and the name elsewhere.
  const name = command.options.find((option) => option.long === '--name');
  if (name) {
    delete name.short;
    name.flags = name.flags.replace('-n, ', '');
  }
  command.addOption(new Option('-n, --num-workers <n>', 'jobs at once (default: 1)').argParser(whole(1)));
  return command.action(async (queues: string[], values: WorkerFlagValues & { numWorkers?: number }) => {
    if (values.numWorkers !== undefined && values.concurrency !== undefined)
      throw new TsrqError('USAGE', 'either -n or -C: both say how many jobs run at once');
    const concurrency = values.numWorkers ?? values.concurrency;
    await runWorker(cli, queues, {
      ...values,
      ...(concurrency === undefined ? {} : { concurrency }),
      withScheduler: true,
    });
  });
}

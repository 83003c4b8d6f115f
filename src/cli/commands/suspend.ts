import { Command } from 'commander';
import { suspend } from '../../queue/suspend.js';
import type { Cli } from '../context.js';
import { wholeSeconds } from '../values.js';

export function suspendCommand(cli: Cli): Command {
  return new Command('suspend')
    .description('Let no worker of this Redis start a new job, Python workers included; running jobs go on.')
    .option('--duration <seconds>', 'resume by itself after so many seconds', wholeSeconds)
    .addHelpText(
      'after',
      "\nExamples:\n  $ tsrq suspend\n  $ tsrq suspend --duration 600\n\n`tsrq queue pause` holds single queues, of tsrq's workers alone.",
    )
    .action(async (options: { duration?: number }) => {
      const { target } = await cli.settings();
      const seconds = options.duration ?? null;
      await suspend(await cli.connect(target), seconds);
      if (cli.json) {
        cli.stdout.write(`${JSON.stringify({ suspended: true, durationSeconds: seconds })}\n`);
        return;
      }
      const until = seconds === null ? 'until `tsrq resume`' : `for ${seconds} seconds`;
      cli.stdout.write(`Suspended ${until}: no new jobs will be started, running ones will be completed.\n`);
    });
}

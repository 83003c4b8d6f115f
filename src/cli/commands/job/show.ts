import { Command } from 'commander';
import { TsrqError } from '../../../errors.js';
import { dependencies } from '../../../queue/dependents.js';
import { fetchLog } from '../../../queue/job-log.js';
import { fetchJob, fetchResults } from '../../../queue/job-store.js';
import type { Cli } from '../../context.js';
import { jobJson, renderJob } from '../../render/job.js';
import { tellEach } from './anywhere.js';
import { printable } from '../../render/words.js';

interface Options {
  logs?: boolean;
  watch?: boolean;
}

/** Lines of a log that are shown unless all are asked for. */
const LAST_LINES = 10;

const EXAMPLES = `
Examples:
  $ tsrq job show nightly
  $ tsrq job show --watch nightly
  $ tsrq job show --json nightly | jq .jobs[0].results
`;

export function showCommand(cli: Cli): Command {
  return new Command('show')
    .description('Show status, queue, what it waits for, times, progress, meta, results, and the end of the log.')
    .argument('<job_ids...>', 'ids of jobs')
    .option('--logs', `the whole log, not its last ${LAST_LINES} lines`)
    .option('--watch', 'show one job until it has ended: in place on a terminal, else line by line')
    .addHelpText('after', EXAMPLES)
    .action(async (ids: string[], options: Options) => {
      if (options.watch !== true) {
        await show(cli, ids, options);
        return;
      }
      const [id = ''] = ids;
      if (ids.length > 1) throw new TsrqError('USAGE', '--watch shows one job', { hint: 'name one id' });
      if (cli.json) throw new TsrqError('USAGE', '--watch and --json exclude each other');
      const { watch } = await import('./watch.js');
      await watch(cli, id);
    });
}

async function show(cli: Cli, ids: readonly string[], options: Options): Promise<void> {
  await tellEach(cli, ids, fetchJob, async (id, found) => {
    if (!found) {
      cli.exitCode = 1;
      if (!cli.json) cli.stderr.write(`tsrq: there is no job ${printable(id)}\n`);
      return { id, done: false };
    }
    const { redis, value: job } = found;
    const log = await fetchLog(redis, id, options.logs === true ? {} : { most: LAST_LINES });
    const waitsFor = job.status === 'deferred' ? await dependencies(redis, id) : [];
    const shown = { job, results: await fetchResults(redis, id), log, waitsFor };
    if (!cli.json) cli.stdout.write(`${renderJob(shown).join('\n')}\n`);
    return jobJson(shown);
  });
}

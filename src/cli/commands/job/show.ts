import { Command } from 'commander';
import { fetchJob, fetchResults } from '../../../queue/job-store.js';
import type { Cli } from '../../context.js';
import { jobJson, renderJob } from '../../render/job.js';
import { anywhere } from './anywhere.js';

export function showCommand(cli: Cli): Command {
  return new Command('show')
    .description('Show status, queue, times, meta, and the results that are kept.')
    .argument('<job_ids...>', 'ids of jobs')
    .addHelpText(
      'after',
      '\nExamples:\n  $ tsrq job show nightly\n  $ tsrq job show --json nightly | jq .jobs[0].results\n',
    )
    .action((ids: string[]) => show(cli, ids));
}

async function show(cli: Cli, ids: readonly string[]): Promise<void> {
  const jobs: object[] = [];
  for (const id of new Set(ids)) {
    const found = await anywhere(cli, (redis) => fetchJob(redis, id));
    if (!found) {
      cli.exitCode = 1;
      if (!cli.json) cli.stdout.write(`There is no job ${id}.\n`);
      jobs.push({ id, done: false });
      continue;
    }
    const shown = { job: found.value, results: await fetchResults(found.redis, id) };
    if (cli.json) jobs.push(jobJson(shown));
    else cli.stdout.write(`${renderJob(shown).join('\n')}\n`);
  }
  if (cli.json) cli.stdout.write(`${JSON.stringify({ jobs })}\n`);
}

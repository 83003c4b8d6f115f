import { Command } from 'commander';
import { cancelJob, deleteJob, stopJob } from '../../../queue/end-job.js';
import type { Redis } from '../../../redis/redis.js';
import type { Cli } from '../../context.js';
import { tellEach } from './anywhere.js';
import { printable } from '../../render/words.js';

/** What was done to one job, as a sentence, or why not. */
export interface Done {
  readonly done: boolean;
  readonly text: string;
}

/** `job cancel`, `job stop` and `job delete`. */
export function endCommands(cli: Cli): Command[] {
  return [
    new Command('cancel')
      .description('Take jobs from their queues and registries; a running one is given up by its worker.')
      .argument('<job_ids...>', 'ids of jobs')
      .option('--enqueue-dependents', 'put the jobs that depend on them on their queues; otherwise those wait on')
      .addHelpText(
        'after',
        '\nExamples:\n  $ tsrq job cancel nightly\n  $ tsrq job cancel --enqueue-dependents 7a96…\n',
      )
      .action((ids: string[], options: { enqueueDependents?: boolean }) =>
        doEach(cli, ids, (redis, id) => cancel(redis, id, options.enqueueDependents === true)),
      ),
    new Command('stop')
      .description('End jobs that run: their workers are told to.')
      .argument('<job_ids...>', 'ids of jobs')
      .addHelpText('after', '\nExamples:\n  $ tsrq job stop nightly\n')
      .action((ids: string[]) => doEach(cli, ids, stop)),
    new Command('delete')
      .description('Remove jobs with their results and logs; jobs that depend on them are released.')
      .argument('<job_ids...>', 'ids of jobs')
      .addHelpText('after', '\nExamples:\n  $ tsrq job delete 7a96… 11f0…\n')
      .action((ids: string[]) =>
        doEach(cli, ids, async (redis, id) =>
          (await deleteJob(redis, id)) ? { done: true, text: `Deleted ${id}.` } : null,
        ),
      ),
  ];
}

async function doEach(
  cli: Cli,
  ids: readonly string[],
  act: (redis: Redis, id: string) => Promise<Done | null>,
): Promise<void> {
  cli.outliveReader();
  await tellEach(cli, ids, act, (id, found) => {
    const { done, text } = found?.value ?? { done: false, text: `there is no job ${id}` };
    if (!done) cli.exitCode = 1;
    if (!cli.json) (done ? cli.stdout : cli.stderr).write(`${printable(`${done ? '' : 'tsrq: '}${text}`)}\n`);
    return done ? { id, done } : { id, done, reason: text };
  });
}

export async function cancel(redis: Redis, id: string, enqueueDependents: boolean): Promise<Done | null> {
  const result = await cancelJob(redis, id, { enqueueDependents });
  if (result.state === 'gone') return null;
  return result.state === 'ended'
    ? { done: false, text: `${id} is ${result.status} already` }
    : { done: true, text: `Canceled ${id}.` };
}

export async function stop(redis: Redis, id: string): Promise<Done | null> {
  const result = await stopJob(redis, id);
  if (result.state === 'gone') return null;
  if (result.state === 'sent') return { done: true, text: `The worker of ${id} was told to stop it.` };
  const why = result.state === 'not-running' ? `it is ${result.status}, not running` : 'its worker does not listen';
  return { done: false, text: `${id} was not stopped: ${why}` };
}

import { Command } from 'commander';
import { TsrqError } from '../../../errors.js';
import { fetchJob } from '../../../queue/job-store.js';
import { waitForJob, type JobEnd, type WaitForJobOptions } from '../../../queue/wait-for-job.js';
import type { Redis } from '../../../redis/redis.js';
import { defined, type Cli } from '../../context.js';
import { lastLine, resultText, shownJson } from '../../render/job.js';
import { printable } from '../../render/words.js';
import { waitingTime } from '../../values.js';
import { Everywhere } from './anywhere.js';

const EXAMPLES = `
Examples:
  $ tsrq job wait nightly && echo done
  $ tsrq job wait --timeout 5m 7a96… 11f0…

Exits 0 if all have finished, 1 if any failed, was stopped or canceled, is gone
or does not exist, 124 when the time is over.
`;

/** What the wait for a job came to; `text`: why it did not end, where it did not. */
type Waited =
  | (Omit<JobEnd, 'kept'> & { readonly kept?: boolean })
  | { readonly id: string; readonly status: 'timeout' | 'interrupted' | 'missing'; readonly text: string };

export function waitCommand(cli: Cli): Command {
  return new Command('wait')
    .description('Wait until jobs have ended and print their results.')
    .argument('<job_ids...>', 'ids of jobs')
    .option('--timeout <duration>', 'give up after so long (default: never)', waitingTime)
    .addHelpText('after', EXAMPLES)
    .action(async (ids: string[], options: { timeout?: number }) => {
      const everywhere = new Everywhere(cli);
      const waits = [...new Set(ids)].map(async (id) => {
        const found = await everywhere.find((redis) => fetchJob(redis, id));
        const how = defined({ timeoutSeconds: options.timeout });
        const waited = found ? await waitUntilEnd(cli, found.redis, id, how) : missing(id);
        if (waited.status === 'missing') cli.exitCode = Math.max(cli.exitCode, 1);
        if (!cli.json) reportEnd(cli, waited, { alone: false });
        return waited;
      });
      const jobs = await Promise.all(waits);
      if (cli.json) cli.stdout.write(`${shownJson({ jobs })}\n`);
    });
}

const missing = (id: string): Waited => ({ id, status: 'missing', text: `there is no job ${id}` });

/** Waits for the end of a job, and sets the exit code of the command. Ctrl-C ends the command with 130. */
export async function waitUntilEnd(cli: Cli, redis: Redis, id: string, options: WaitForJobOptions): Promise<Waited> {
  const stop = cli.interruption();
  try {
    const end = await waitForJob(redis, id, { ...options, signal: stop });
    if (end?.status !== 'finished') cli.exitCode = Math.max(cli.exitCode, 1);
    return end ?? missing(id);
  } catch (error) {
    if (error instanceof TsrqError && error.code === 'TIMED_OUT') {
      cli.exitCode = 124;
      return { id, status: 'timeout', text: error.message };
    }
    if (!stop.aborted) throw error;
    cli.exitCode = stop.reason === 'SIGTERM' ? 143 : 130;
    return { id, status: 'interrupted', text: `job ${id} is not waited for any more` };
  }
}

/** Prints how a job ended; `alone`: it is the only one, of which only the result is wanted. */
export function reportEnd(cli: Cli, waited: Waited, { alone }: { readonly alone: boolean }): void {
  if ('text' in waited) {
    cli.stderr.write(`tsrq: ${waited.text}\n`);
  } else if (waited.status === 'finished') {
    const { id, kept, unreadable } = waited;
    const result = resultText(waited.result, unreadable);
    // Who wants the result alone must not take this for it.
    if (unreadable !== null && alone) cli.stderr.write(`tsrq: ${id} finished; its result ${result}\n`);
    else if (unreadable !== null) cli.stdout.write(`${id} finished; its result ${result}\n`);
    else if (kept === false) cli.stdout.write(`${id} finished; its result was not kept\n`);
    else cli.stdout.write(`${alone ? result : `${id} finished: ${result}`}\n`);
  } else {
    cli.stderr.write(`tsrq: ${waited.id} ${why(waited)}\n`);
  }
}

function why({ id, status, error }: Omit<JobEnd, 'kept'>): string {
  if (status === 'canceled') return 'was canceled';
  if (status === 'gone') return 'is gone: it was deleted, its ttl was over, or nothing is kept of it';
  const text = error === null ? '' : `: ${printable(lastLine(error))}`;
  return `${status === 'stopped' ? 'was stopped' : 'failed'}${text}\n  \`tsrq job show ${id}\` tells more`;
}

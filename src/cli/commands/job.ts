import { Argument, Command } from 'commander';
import { TsrqError } from '../../errors.js';
import { cancelJob, deleteJob, stopJob } from '../../queue/end-job.js';
import { fetchJob, type FetchedJob } from '../../queue/job-store.js';
import type { Redis } from '../../redis/redis.js';
import type { Cli } from '../context.js';
import { chosenConnections } from '../connections.js';

interface Options {
  enqueueDependents?: boolean;
}

const EXAMPLES = `
Actions:
  show      status, queue, times, result or error
  cancel    take it from its queue or registry; jobs that depend on it wait on, unless --enqueue-dependents
  stop      end it while it runs: its worker is told to
  delete    remove it with its results; jobs that depend on it are released

Examples:
  $ tsrq job show nightly
  $ tsrq job cancel 7a96… 11f0…
  $ tsrq job stop nightly

Exits 1 if any of them could not be done.
`;

/** What was done to one job, or why not. */
interface Done {
  readonly id: string;
  readonly done: boolean;
  readonly text: string;
}

export function jobCommand(cli: Cli): Command {
  return new Command('job')
    .description('Look at jobs, cancel, stop or delete them.')
    .addArgument(new Argument('<action>', 'what to do').choices(['show', 'cancel', 'stop', 'delete']))
    .argument('<job_ids...>', 'ids of jobs')
    .option('--enqueue-dependents', 'with cancel: put the jobs that depend on it on their queues')
    .addHelpText('after', EXAMPLES)
    .action(async (action: string, ids: string[], options: Options) => {
      if (options.enqueueDependents === true && action !== 'cancel') {
        throw new TsrqError('USAGE', '--enqueue-dependents goes with cancel only');
      }
      const shown: unknown[] = [];
      for (const id of new Set(ids)) {
        const result = await everywhere(cli, (redis) => act(redis, action, id, options));
        if (result?.done !== true) cli.exitCode = 1;
        if (!cli.json)
          (result?.done === false ? cli.stderr : cli.stdout).write(`${result?.text ?? `There is no job ${id}.`}\n`);
        shown.push(result?.json ?? { id, done: result?.done ?? false });
      }
      if (cli.json) cli.stdout.write(`${JSON.stringify({ jobs: shown }, shownValue)}\n`);
    });
}

type Acted = Done & { readonly json?: unknown };

/** On the first connection of the configuration that knows the job; null if none does. */
async function everywhere(cli: Cli, work: (redis: Redis) => Promise<Acted | null>): Promise<Acted | null> {
  for (const { target } of chosenConnections(await cli.settings())) {
    const result = await work(await cli.connect(target));
    if (result) return result;
  }
  return null;
}

async function act(redis: Redis, action: string, id: string, options: Options): Promise<Acted | null> {
  if (action === 'show') {
    const job = await fetchJob(redis, id);
    return job && { id, done: true, text: describe(job), json: job };
  }
  if (action === 'delete') return (await deleteJob(redis, id)) ? { id, done: true, text: `Deleted ${id}.` } : null;
  if (action === 'cancel') {
    const result = await cancelJob(redis, id, { enqueueDependents: options.enqueueDependents === true });
    if (result.state === 'gone') return null;
    return result.state === 'ended'
      ? { id, done: false, text: `tsrq: ${id} is ${result.status} already` }
      : { id, done: true, text: `Canceled ${id}.` };
  }
  const result = await stopJob(redis, id);
  if (result.state === 'gone') return null;
  if (result.state === 'sent') return { id, done: true, text: `The worker of ${id} was told to stop it.` };
  const why = result.state === 'not-running' ? `it is ${result.status}, not running` : 'its worker does not listen';
  return { id, done: false, text: `tsrq: ${id} was not stopped: ${why}` };
}

function describe(job: FetchedJob): string {
  const rows: [string, unknown][] = [
    ['id', job.id],
    ['status', job.status],
    ['queue', job.origin],
    ['description', job.description],
    ['created', job.createdAt?.toISOString()],
    ['enqueued', job.enqueuedAt?.toISOString()],
    ['started', job.startedAt?.toISOString()],
    ['ended', job.endedAt?.toISOString()],
    ['worker', job.workerName],
    ['timeout', job.timeoutSeconds === null ? null : `${job.timeoutSeconds} s`],
    ['retries left', job.retriesLeft],
    ['repeats left', job.repeatsLeft],
    ['meta', job.meta === null ? null : JSON.stringify(job.meta, shownValue)],
    ['result', job.status === 'finished' ? JSON.stringify(job.result, shownValue) : null],
    ...job.retryErrors.map(({ endedAt, workerName, error }): [string, unknown] => {
      const first = error === '' ? '' : `\n${error}`;
      return ['retried', `${endedAt.toISOString()} by ${workerName || 'a dead worker'}${first}`];
    }),
    ['error', job.error === null ? null : `\n${job.error}`],
  ];
  return rows
    .filter(([, value]) => value !== null && value !== undefined && value !== '')
    .map(([name, value]) => `${name.padEnd(12)} ${String(value)}`)
    .join('\n');
}

/** Pickled jobs may hold what JSON does not. */
function shownValue(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Map) return [...value];
  return value instanceof Set ? [...value] : value;
}

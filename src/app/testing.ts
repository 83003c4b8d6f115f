/** `tsrq/testing`: what the tests of an application need. For any test runner. */
import { TsrqError } from '../errors.js';
import { pushConnections, removeConnections, type Connections } from '../jobs/connections.js';
import { queueNames } from '../queue/registry.js';
import { waitForJob as waitForEnd } from '../queue/wait-for-job.js';
import { placeOf } from '../redis/place.js';
import { findRedisServer, installHint, startPrivateRedis } from '../redis/private-redis.js';
import type { WorkerEvent } from '../worker/events.js';
import { connectionsFor, type ConnectionLike } from './connections.js';
import { runInline } from './inline.js';
import { seconds, type Duration, type JobReference } from './options.js';
import { Job, JobNotFinishedError } from './queued-job.js';
import { Tsrq } from './tsrq.js';
import { Worker } from './worker.js';
import type { WorkerOptions, WorkerPlace } from './worker-options.js';

/** A Redis of a test file's own. */
export interface TestRedis extends AsyncDisposable {
  readonly url: string;
  /** An application on it; until `stop()` also the connection of all code that names none. */
  readonly app: Tsrq;
  /** Removes everything in it. */
  empty(): Promise<void>;
  /** Ends it; nothing of it is kept. */
  stop(): Promise<void>;
}

/**
 * Starts a private redis-server or valkey-server on a free port of 127.0.0.1, and makes it the connection of the process.
 * It ends with the process at the latest, also if that is killed. TSRQ_REDIS_BINARY names the program; default the first found. Throws REDIS_UNREACHABLE where there is none.
 */
export async function startTestRedis(): Promise<TestRedis> {
  const server = await findRedisServer(process.env);
  if (!server) {
    throw new TsrqError('REDIS_UNREACHABLE', 'no redis-server or valkey-server of version 6.2 or newer was found', {
      hint: `install one with: ${installHint()}`,
    });
  }
  const started = await startPrivateRedis(server);
  const { url } = started;
  const app = new Tsrq({ url });
  pushConnections(app);
  let running = true;
  const end = async (): Promise<void> => {
    if (!running) return;
    running = false;
    removeConnections(app);
    await app.close();
    await started.stop();
  };
  return {
    url,
    app,
    empty: async () => {
      await app.redisOf().call(['FLUSHALL']);
    },
    stop: end,
    [Symbol.asyncDispose]: end,
  };
}

/** How one job ended: its id, queue, `ending`, and `error`, the whole text, or null. */
export type RunJob = Extract<WorkerEvent, { readonly type: 'job-ended' }>;

/** How `runJobs` runs them. */
export interface RunOptions {
  /** Default as for queues; what `pushConnection` takes, too. */
  readonly connection?: ConnectionLike;
  /** Functions by name, for jobs that no loaded module defines. */
  readonly handlers?: WorkerOptions['handlers'];
}

/**
 * Runs what is on these queues (default: on all there are) in this process, until they are empty, and tells how each job ended,
 * in that order. Jobs are found among those that `job()` has defined in this process. Scheduled ones stay scheduled.
 */
export async function runJobs(
  queues: string | readonly string[] | null = null,
  { connection, handlers }: RunOptions = {},
): Promise<RunJob[]> {
  const ended: RunJob[] = [];
  const connections = connectionsFor(connection);
  for (;;) {
    const names = queues === null ? (await queueNames(connections.redisOf('default'))).names : [queues].flat();
    if (names.length === 0) return ended;
    const ran = await burst(await workerPlace(connections, names), names, handlers, (event) => ended.push(event));
    if (!ran || queues !== null) return ended;
  }
}

/**
 * Runs `work` so that each job is run, in this process, before the `enqueue` that made it returns (RQ's `is_async=False`). What
 * it did is in Redis as if a worker had run it; a job that fails does not make `enqueue` fail. Enqueue one after the other.
 */
export const inline = <T>(work: () => Promise<T>, { handlers }: Pick<RunOptions, 'handlers'> = {}): Promise<T> =>
  runInline(async (connections, queue) => {
    // What keeps a worker from its Redis is told before the job is there.
    const place = await workerPlace(connections, [queue]);
    return async () => {
      await burst(place, [queue], handlers, () => undefined);
    };
  }, work);

/**
 * Waits until a job has ended, however it did. Throws TIMED_OUT after `timeout` (default ten seconds), JobNotFinishedError for one
 * that is gone.
 */
export async function waitForJob<Result = unknown>(
  job: JobReference,
  { timeout = 10, signal, connection }: WaitForJobOptions = {},
): Promise<Job<Result>> {
  const id = typeof job === 'string' ? job : job.id;
  const redis = connectionsFor(connection).redisOf('default');
  await waitForEnd(redis, id, { timeoutSeconds: seconds(timeout), ...(signal ? { signal } : {}) });
  const [found] = await Job.read<Result>(redis, [id]);
  if (!found) throw new JobNotFinishedError(id, 'gone', null);
  return found;
}

/** For how long `waitForJob` waits, and where. */
export interface WaitForJobOptions {
  readonly timeout?: Duration;
  readonly signal?: AbortSignal;
  readonly connection?: ConnectionLike;
}

/** Where a worker finds these queues: also those of an application's own client, beside which it has connections of its own. Throws CONFIG, USAGE. */
async function workerPlace(connections: Connections, queues: readonly string[]): Promise<WorkerPlace> {
  const targetOf = (queue: string) => placeOf(connections.redisOf(queue));
  await Promise.all(queues.map(targetOf));
  const settings = await (connections as Partial<WorkerPlace>).settings?.().catch(noneOfClient);
  return settings ? { targetOf, settings: () => Promise.resolve(settings) } : { targetOf };
}

/** A client has no configuration. */
function noneOfClient(error: unknown): null {
  if (error instanceof TsrqError && error.code === 'USAGE') return null;
  throw error;
}

function burst(
  connection: WorkerPlace,
  queues: readonly string[],
  handlers: WorkerOptions['handlers'],
  onEnd: (event: RunJob) => void,
): Promise<boolean> {
  const given = handlers ? { handlers } : {};
  // One at a time, and none before its turn: what a test sees does not depend on chance.
  const worker = new Worker(queues, {
    connection,
    isolation: 'none',
    concurrency: 1,
    claimAhead: false,
    path: [],
    jobs: [],
    ...given,
  });
  return worker.on('job-ended', onEnd).work();
}

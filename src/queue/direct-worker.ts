import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { TsrqError } from '../errors.js';
import { dumps } from '../protocol/json-writer.js';
import { jobKey, workerKey, WORKERS_KEY } from '../protocol/keys.js';
import type { Redis } from '../redis/redis.js';
import { script } from '../redis/scripts.js';

/** What a worker can be told to do. Python's workers know `stop` and `kill-job`. */
export type WorkerOrder =
  | { readonly action: 'quiet' | 'resume' | 'stop' | 'kill-job' }
  | { readonly action: 'scale'; /** Jobs at once, from 1. */ readonly concurrency: number };

/**
 * What became of an order. `done`: the worker has heard it, and it shows in Redis. `already`: there was nothing to do.
 * `sent`: heard, and it was not to be waited for. `unseen`: heard, and it did not show in time. `unheard`: nobody listens.
 * `unknown`: a worker that does not know this order. `dead`: registered, and its hash is gone. `gone`: no such worker.
 */
export interface Directed {
  readonly name: string;
  readonly state: 'done' | 'already' | 'sent' | 'unseen' | 'unheard' | 'unknown' | 'dead' | 'gone';
  /** How many have heard it: more than one where another worker of that name listens, perhaps for another database. */
  readonly subscribers: number;
  /** For `unknown`: what the worker is. */
  readonly version: string | null;
}

const MESSAGES = { quiet: 'tsrq:quiet', resume: 'tsrq:resume', stop: 'shutdown', 'kill-job': 'kill-horse' } as const;
const LOOK_EVERY_MS = 100;

/**
 * Tells a worker something by RQ's channel, once, and waits until it shows in the worker's hash, at most `waitSeconds`
 * (default 10; 0: not at all). A worker that was told to stop is not told again: Python's would end their jobs at once.
 */
export async function directWorker(
  redis: Redis,
  name: string,
  order: WorkerOrder,
  { waitSeconds = 10 }: { readonly waitSeconds?: number } = {},
): Promise<Directed> {
  const result = (state: Directed['state'], subscribers = 0, version: string | null = null): Directed => ({
    ...{ name, state, subscribers, version },
  });
  const before = await look(redis, name);
  if (before.fields === null) return result(before.registered ? 'dead' : 'gone');
  const { version, runtime, concurrency } = before.fields;
  const own = order.action === 'stop' || order.action === 'kill-job';
  if (!own && concurrency === null) {
    const isOurs = runtime?.startsWith('Node.js') === true;
    return result('unknown', 0, `${isOurs ? 'tsrq' : 'Python RQ'} ${version ?? '?'}`);
  }
  if (order.action === 'stop' && hasFollowed(order, before, before)) return result('already');
  if (order.action === 'kill-job' && before.fields.currentJob === null) return result('already');

  const message =
    order.action === 'scale'
      ? { command: 'tsrq:scale', concurrency: order.concurrency }
      : { command: MESSAGES[order.action] };
  const subscribers = Number(await redis.evaluate(script('tell'), [], [name, dumps(message), randomUUID()]));
  if (subscribers === 0) return result('unheard');
  if (waitSeconds === 0) return result('sent', subscribers);
  const end = performance.now() + waitSeconds * 1_000;
  do {
    if (hasFollowed(order, before, await look(redis, name))) return result('done', subscribers);
    await sleep(LOOK_EVERY_MS);
  } while (performance.now() < end);
  return result('unseen', subscribers);
}

const FIELDS = [
  ...['birth', 'death', 'last_heartbeat', 'version', 'python_version', 'current_job'],
  ...['tsrq_concurrency', 'tsrq_quiet', 'shutdown_requested_date'],
] as const;

interface Seen {
  readonly registered: boolean;
  /** Null where there is no such worker, or it has ended. */
  readonly fields: {
    /** Null where the hash is not whole: a worker of Python whose hash has expired goes on with a part of it. */
    readonly birth: string | null;
    readonly version: string | null;
    readonly runtime: string | null;
    readonly currentJob: string | null;
    /** When its current job was started, while it runs. */
    readonly startedAt: string | null;
    readonly concurrency: string | null;
    readonly quiet: boolean;
    readonly stopping: boolean;
  } | null;
}

async function look(redis: Redis, name: string): Promise<Seen> {
  const key = workerKey(name);
  const replies = await redis.pipeline([
    ['HMGET', key, ...FIELDS],
    ['SISMEMBER', WORKERS_KEY, key],
  ]);
  const [hash, registered] = replies;
  if (hash instanceof Error) throw new TsrqError('BAD_DATA', `key ${key} holds no hash`, { cause: hash });
  const fields = (hash as (string | null)[]).map((text) => text || null);
  const [birth, death, , version, runtime, currentJob, concurrency, quiet, stopping] = fields;
  if (death != null || fields.every((text) => text === null)) return { registered: registered === 1, fields: null };
  const job = currentJob ?? null;
  return {
    registered: registered === 1,
    fields: {
      birth: birth ?? null,
      version: version ?? null,
      runtime: runtime ?? null,
      currentJob: job,
      startedAt: job === null ? null : await startOf(redis, job),
      concurrency: concurrency ?? null,
      quiet: quiet != null,
      stopping: stopping != null,
    },
  };
}

async function startOf(redis: Redis, job: string): Promise<string | null> {
  const [status, startedAt] = (await redis.call(['HMGET', jobKey(job), 'status', 'started_at'])) as (string | null)[];
  return status === 'started' ? (startedAt ?? '') : null;
}

/** Whether it shows that the worker has done as it was told. */
function hasFollowed(order: WorkerOrder, before: Seen, { fields }: Seen): boolean {
  // It has ended: nothing runs there any more, and it takes nothing.
  if (fields === null || fields.birth !== before.fields?.birth) return true;
  switch (order.action) {
    case 'quiet':
      return fields.quiet;
    case 'resume':
      return !fields.quiet;
    case 'scale':
      return fields.concurrency === String(order.concurrency);
    case 'stop':
      return fields.stopping;
    case 'kill-job':
      return fields.currentJob !== before.fields.currentJob || fields.startedAt !== before.fields.startedAt;
  }
}

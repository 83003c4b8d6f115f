import { moment, type Moment } from '../clock.js';
import { TsrqError } from '../errors.js';
import { readCallbackTimeout, type Callback, type Callbacks } from '../protocol/callbacks.js';
import { PackedReader } from '../protocol/packed.js';
import { formatDate } from '../protocol/time.js';
import type { BufferReply, Redis, RedisArg, Script } from '../redis/redis.js';
import { script } from '../redis/scripts.js';

/** Who claims, as the scripts need to know it. */
export interface WorkerStamp {
  readonly name: string;
  /** The worker hash's `birth`: tells two workers of one name apart. */
  readonly birth: string;
  readonly monitoringIntervalSeconds: number;
  /** How long the worker hash lives while idle, seconds. */
  readonly idleTtlSeconds: number;
  /** Written into jobs that carry no timeout, seconds. */
  readonly defaultTimeoutSeconds: number;
}

/** In which order a worker goes through its queues. */
export type DequeueStrategy = 'ordered' | 'round_robin' | 'random' | 'weighted';

export interface WishedQueue {
  readonly name: string;
  readonly weight: number;
  /** How many of its jobs may begin, with blanks between: `10/s`, `600/m`, `1000/h`, `5` at once; '' for no limit. */
  readonly limits?: string;
}

/** What a worker wants: at most `count` jobs from `queues`, chosen by `strategy`. */
export interface Wish {
  readonly count: number;
  readonly strategy: DequeueStrategy;
  /** Round robin: where to begin; random and weighted: the seed. */
  readonly seed: number;
  readonly queues: readonly WishedQueue[];
  /** 16 hexadecimal digits that no other process uses: how its execution ids begin. */
  readonly processPrefix: string;
}

/** A job whose execution is open: it is `started` in Redis, and ours until the lease runs out. */
export interface ClaimedJob {
  readonly id: string;
  readonly executionId: string;
  /** The job's origin: its queue, whose registries hold it. */
  readonly queue: string;
  /** RQ's `data`, undecoded; null when the hash has none, or when it is too large to be handed over. */
  readonly data: Buffer | null;
  /** Bytes of a payload that is too large; else null. */
  readonly oversizedBytes: number | null;
  /** Serialised meta, or null. */
  readonly meta: Buffer | null;
  /** As stored; a worker fails the job when it is no integer. */
  readonly timeout: string;
  readonly resultTtl: string | null;
  readonly description: string | null;
  readonly createdAt: string | null;
  readonly enqueuedAt: string | null;
  readonly retriesLeft: number | null;
  /** 1 for the first run; counts the retries of tsrq's workers. */
  readonly attempt: number;
  /** What is to be called when it has ended; null for nothing. */
  readonly callbacks: Callbacks | null;
  /** The requests that are sent when it has ended, as they are stored; null for none. */
  readonly webhooks: string | null;
  /**
   * When it was claimed, for a job whose success needs nothing but that it is written down: no dependencies, repeats, rate limit
   * or callbacks. Milliseconds since the epoch by Redis's clock, and by `performance.now()` when the reply was read. Null for others.
   */
  readonly plainSince: { readonly redisMs: number; readonly atMs: number } | null;
  /** Before Redis was asked for it: its lease began after that. */
  readonly askedAt: Moment;
}

/** An id that was taken from a queue and not started. */
export interface Skipped {
  readonly queue: string;
  readonly id: string;
  /** 'gone', 'running', a status, 'refused: …' (set aside in the failed registry) or 'blocked: …'. */
  readonly reason: string;
}

/** A queue that has jobs of which none may begin now. */
export interface Held {
  readonly queue: string;
  /** Milliseconds after which to look again; null: when a job ends. */
  readonly afterMs: number | null;
}

export type Claim =
  | {
      readonly state: 'ok';
      readonly suspended: boolean;
      /** Paused queues; while RQ is suspended that is not asked. */
      readonly paused: readonly string[];
      /** True when there may be more: the call stopped early to let others have their turn. */
      readonly more: boolean;
      readonly jobs: readonly ClaimedJob[];
      readonly skipped: readonly Skipped[];
      readonly held: readonly Held[];
    }
  /** The worker's hash is gone, or belongs to another worker of its name; nothing was done. */
  | { readonly state: 'unregistered' | 'replaced' };

/** In place of the id of a job that runs on, where nothing is claimed: the worker's state stays as another call has left it. */
export const STATE_STAYS = '*';

/** Takes jobs from queues and opens their executions, in one atomic step. `runningId`: a job that runs on, or ''. */
export async function claim(redis: Redis, worker: WorkerStamp, wish: Wish, runningId: string): Promise<Claim> {
  const args = [...workerArgs(worker), runningId, ...wishArgs(wish)];
  const askedAt = moment();
  return readClaim(await redis.evaluate(script('claim'), [], args), askedAt);
}

/** What begins the job whose id a wait has moved (`movedKey`), or puts it back at the head of its queue if none may begin. */
export function movedClaim(
  worker: WorkerStamp,
  { queue, limits = '', processPrefix, lastBegun = '' }: MovedClaim,
): { readonly script: Script; readonly args: RedisArg[] } {
  return { script: script('claim_moved'), args: [queue, limits, ...workerArgs(worker, ''), processPrefix, lastBegun] };
}

export interface MovedClaim {
  readonly queue: string;
  /** As in a wish. */
  readonly limits?: string;
  readonly processPrefix: string;
  /** The last execution that the process has begun, `0` for none; left out if it does not mark what it begins (`begunKey`). */
  readonly lastBegun?: string;
}

/** Executions that this process opened in a call whose reply was lost. `processPrefix`: how its execution ids begin. */
export async function adopt(
  redis: Redis,
  options: { readonly processPrefix: string; readonly known: readonly string[]; readonly queues: readonly string[] },
): Promise<ClaimedJob[]> {
  const args = [options.processPrefix, options.known.length, ...options.known, ...options.queues];
  const askedAt = moment();
  return readJobs(await redis.evaluate(script('adopt'), [], args), { askedAt, since: null });
}

/** `date`: now, or '' for the moment when Redis carries it out. */
export function workerArgs(worker: WorkerStamp, date = formatDate(Date.now())): RedisArg[] {
  return [
    worker.name,
    worker.birth,
    date,
    worker.monitoringIntervalSeconds,
    worker.idleTtlSeconds,
    worker.defaultTimeoutSeconds,
  ];
}

export function wishArgs(wish: Wish): RedisArg[] {
  const args: RedisArg[] = [wish.processPrefix, wish.count, wish.strategy, wish.seed, wish.queues.length];
  for (const queue of wish.queues) args.push(queue.name, queue.weight, queue.limits ?? '');
  return args;
}

/** Reads what every claiming script returns; further items of the reply are the caller's. `askedAt`: before the call was sent. */
export function readClaim(reply: BufferReply, askedAt: Moment): Claim {
  const [state, holds, more, jobs, skipped, held, micros] = asList(reply);
  const word = asText(state);
  if (word === 'unregistered' || word === 'replaced') return { state: word };
  const since = { redisMs: Number(micros) / 1_000, atMs: performance.now() };
  return {
    state: 'ok',
    suspended: holds === 1,
    paused: Array.isArray(holds) ? holds.map(asText) : [],
    more: more === 1,
    jobs: readJobs(jobs, { askedAt, since }),
    skipped: asList(skipped).map((row) => {
      const [queue, id, reason] = asList(row);
      return { queue: asText(queue), id: asText(id), reason: asText(reason) };
    }),
    held: asList(held).map((row) => {
      const [queue, after] = asList(row);
      return { queue: asText(queue), afterMs: Number(after) < 0 ? null : Number(after) };
    }),
  };
}

/** What only few jobs have: see `more_of`. */
function readMore(
  row: readonly (string | null)[] | null,
): Pick<ClaimedJob, 'callbacks' | 'webhooks'> & { readonly asked: number } {
  if (!row) return NOTHING_MORE;
  const [asked, webhooks, success, failure, stopped, ...timeouts] = row;
  const callback = (name: string | null | undefined, timeout: string | null | undefined): Callback | null =>
    name ? { name, timeoutSeconds: readCallbackTimeout(timeout) } : null;
  const [onSuccess, onFailure, onStopped] = [success, failure, stopped].map((name, i) => callback(name, timeouts[i]));
  const callbacks = { onSuccess: onSuccess ?? null, onFailure: onFailure ?? null, onStopped: onStopped ?? null };
  return {
    callbacks: onSuccess || onFailure || onStopped ? callbacks : null,
    webhooks: webhooks || null,
    asked: Number(asked) || 0,
  };
}

const NOTHING_MORE = { callbacks: null, webhooks: null, asked: 0 };

/** Texts of a row before those of few jobs, without payload and meta. */
const TEXTS = 10;

/** When jobs were claimed: `since` null if Redis's time is not known. */
interface Claimed {
  readonly askedAt: Moment;
  readonly since: ClaimedJob['plainSince'];
}

/** The rows of jobs, as a list or in one piece. */
function readJobs(reply: BufferReply | undefined, claimed: Claimed): ClaimedJob[] {
  if (!Buffer.isBuffer(reply)) {
    return asList(reply).map((row) => {
      const fields = asList(row);
      const more = Array.isArray(fields[2 + TEXTS]) ? asList(fields[2 + TEXTS]).map(textOrNull) : null;
      return toJob([asValue(fields[0]), asValue(fields[1])], fields.slice(2, 2 + TEXTS).map(textOrNull), more, claimed);
    });
  }
  const reader = new PackedReader(reply);
  const jobs: ClaimedJob[] = [];
  for (let left = reader.list(); left > 0; left -= 1) {
    const length = reader.list();
    const values: readonly [Value, Value] = [reader.value(), reader.value()];
    const texts: (string | null)[] = [];
    for (let i = 0; i < TEXTS; i += 1) texts.push(reader.text());
    const more = length > 2 + TEXTS ? Array.from({ length: reader.list() }, () => reader.text()) : null;
    jobs.push(toJob(values, texts, more, claimed));
  }
  return jobs;
}

type Value = Buffer | number | null;

function toJob(
  [data, meta]: readonly [Value, Value],
  texts: readonly (string | null)[],
  more: readonly (string | null)[] | null,
  { askedAt, since }: Claimed,
): ClaimedJob {
  const [timeout, resultTtl, description, createdAt, enqueuedAt, left, max, id, executionId, queue] = texts;
  const { callbacks, webhooks, asked } = readMore(more);
  const retriesLeft = left == null || left === '' ? null : Number(left);
  return {
    id: id ?? '',
    executionId: executionId ?? '',
    queue: queue ?? '',
    data: Buffer.isBuffer(data) ? data : null,
    oversizedBytes: typeof data === 'number' ? data : null,
    meta: Buffer.isBuffer(meta) ? meta : null,
    timeout: timeout ?? '',
    resultTtl: resultTtl ?? null,
    description: description ?? null,
    createdAt: createdAt ?? null,
    enqueuedAt: enqueuedAt ?? null,
    retriesLeft,
    attempt: (retriesLeft !== null && max != null ? Number(max) - retriesLeft + 1 : 1) + asked,
    callbacks,
    webhooks,
    plainSince: more ? null : since,
    askedAt,
  };
}

export function asList(reply: BufferReply | undefined): BufferReply[] {
  if (Array.isArray(reply)) return reply;
  throw new TsrqError('BAD_DATA', `a script answered ${String(reply)} where a list was expected`);
}

export function asText(reply: BufferReply | undefined): string {
  return textOrNull(reply) ?? '';
}

/** Reads fields and values that follow each other. */
export function toMap(reply: BufferReply | undefined): Map<string, Buffer> {
  const items = asList(reply);
  const map = new Map<string, Buffer>();
  for (let i = 0; i + 1 < items.length; i += 2) {
    const value = items[i + 1];
    if (Buffer.isBuffer(value)) map.set(asText(items[i]), value);
  }
  return map;
}

function asValue(reply: BufferReply | undefined): Value {
  return Buffer.isBuffer(reply) || typeof reply === 'number' ? reply : null;
}

function textOrNull(reply: BufferReply | undefined): string | null {
  if (Buffer.isBuffer(reply)) return reply.toString();
  return typeof reply === 'number' ? String(reply) : null;
}

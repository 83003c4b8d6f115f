import { moment } from '../clock.js';
import { seal } from '../protocol/dump.js';
import { packedBytes, packedList, packedNumber, packedText } from '../protocol/packed.js';
import { dumpSuccess } from '../protocol/result-stream.js';
import { formatDate, formatEpochSeconds } from '../protocol/time.js';
import type { Durability, Redis, RedisArg } from '../redis/redis.js';
import { script } from '../redis/scripts.js';
import {
  asList,
  asText,
  readClaim,
  wishArgs,
  workerArgs,
  type Claim,
  type ClaimedJob,
  type Wish,
  type WorkerStamp,
} from './claim.js';

/** How an execution ended, as it is recorded. */
export interface Ended {
  readonly id: string;
  readonly executionId: string;
  readonly queue: string;
  /** 'returned': claimed and never begun; the job goes back to the head of its queue. */
  readonly kind: 'finished' | 'failed' | 'stopped' | 'returned';
  /** Milliseconds since the epoch. */
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** Seconds to keep job and result: 0 not at all, -1 for ever. Only for 'finished'; failures carry their own. */
  readonly resultTtlSeconds: number;
  /** Whether a heartbeat may have written the records of the execution, which must go then. */
  readonly announced?: boolean;
  /** The serialised return value, or the zlib stream of the error text; null for none. */
  readonly value: Buffer | null;
  /**
   * When it ended by Redis's clock, milliseconds since the epoch, if its success needs nothing but that it is written down (see
   * `ClaimedJob.plainSince`; it has not been announced, and nothing is in its log): that is faster.
   */
  readonly plainEndRedisMs?: number | null;
  /** A failure that asks for another attempt, whatever retries the job was given. */
  readonly retry?: AskedRetry | undefined;
}

/** RQ's `Retry`, returned by a function. */
export interface AskedRetry {
  /** Attempts in all that may be asked for. */
  readonly max: number;
  /** Seconds to wait before each; the last one repeats. */
  readonly intervals: readonly number[];
  /** As it is serialised: RQ keeps it as the value that was returned. */
  readonly value: Buffer;
}

/** What became of an execution that ended. */
export type Ending =
  | { readonly state: 'finished'; /** Only if it is run again. */ readonly repeat?: Repetition }
  | { readonly state: 'failed' | 'stopped' | 'returned' }
  | { readonly state: 'retried'; readonly inSeconds: number; readonly retriesLeft: number }
  /** Recorded by an earlier call whose reply was lost. */
  | { readonly state: 'repeated' }
  /** Refused: the execution is not ours any more. `status`: the job's now, '' if it is gone. */
  | { readonly state: 'lost'; readonly status: string };

/** The next run of a job that is repeated. */
export interface Repetition {
  readonly inSeconds: number;
  /** Runs that follow it. */
  readonly repeatsLeft: number;
}

/** `refused`: this Redis does not take what `plainEndRedisMs` leads to; the execution goes on, and its end is to be told without it. */
export type Answer = Ending | { readonly state: 'refused' };

export type Finish = Claim & {
  readonly endings: readonly Answer[];
  /** Jobs that waited for one of these are to be released still: `releaseRest`. */
  readonly releasing: boolean;
  /** How many replicas had it in time; null when that was not asked. */
  readonly replicas: number | null;
};

/**
 * Ends a batch of executions (status, result, registries, TTLs, counters, dependents, retries) and claims the next jobs,
 * in one atomic step. Executions that are not ours any more are refused one by one. Safe to repeat. With `durability` it
 * returns when so many replicas have it, or the time for that is over.
 */
export async function finish(
  redis: Redis,
  worker: WorkerStamp,
  ended: readonly Ended[],
  wish: Wish,
  runningId: string,
  durability: Durability | null = null,
): Promise<Finish> {
  const args = [...workerArgs(worker), runningId];
  const order = addOutcomes(args, ended, worker.name);
  args.push(...wishArgs(wish));
  const askedAt = moment();
  const { reply, replicas } = durability
    ? await redis.evaluateDurably(script('finish'), args, durability)
    : { reply: await redis.evaluate(script('finish'), [], args), replicas: null };
  const claim = readClaim(reply, askedAt);
  if (claim.state !== 'ok') return { endings: [], releasing: false, replicas, ...claim };
  const [rows, releasing] = asList(reply).slice(7);
  const endings: Answer[] = ended.map(() => FINISHED);
  for (const row of asList(rows)) {
    const [place, ...ending] = asList(row);
    const words = ending.map(asText);
    endings[order[Number(place) - 1] ?? -1] = words[0] === 'refused' ? { state: 'refused' } : readEnding(words);
  }
  // In this order: V8 takes 20 times as long to add fields to what was spread first.
  return { endings, releasing: releasing === 1, replicas, ...claim };
}

const FINISHED: Ending = { state: 'finished' };

/** Gives claimed jobs that were never begun back to the heads of their queues, in the order they had. */
export async function returnToQueue(
  redis: Redis,
  worker: WorkerStamp,
  jobs: readonly ClaimedJob[],
  runningId: string,
): Promise<void> {
  if (jobs.length === 0) return;
  const nothing: Wish = { count: 0, strategy: 'ordered', seed: 0, queues: [], processPrefix: '' };
  await finish(redis, worker, returned(jobs), nothing, runningId);
}

/** How it is recorded that jobs were claimed and never begun. */
export function returned(jobs: readonly ClaimedJob[]): Ended[] {
  const now = Date.now();
  const back = {
    kind: 'returned',
    startedAtMs: now,
    endedAtMs: now,
    resultTtlSeconds: 0,
    value: null,
  } as const;
  // Each goes to the head: the last one first, so that the first is first again.
  return jobs.toReversed().map(({ id, executionId, queue }) => ({ id, executionId, queue, ...back }));
}

/** Results for which the stream is made here, bytes: its checksum takes time, and in a large one the room that is saved is little. */
const MOST_DUMPED = 4_096;
/** Shorter ones, seconds, leave a mark of the job. */
const SHORT_TTL_SECONDS = 60;
const LONG_TTL_SECONDS = 100 * 31_536_000;

function isPlain({ kind, plainEndRedisMs, resultTtlSeconds: ttl, value, retry }: Ended): boolean {
  const lasts = ttl === -1 || (ttl >= SHORT_TTL_SECONDS && ttl <= LONG_TTL_SECONDS);
  return kind === 'finished' && plainEndRedisMs != null && lasts && !retry && (value?.length ?? 0) <= MOST_DUMPED;
}

/** Adds outcomes in the order of the script; returns their places in `ended`. */
function addOutcomes(args: RedisArg[], ended: readonly Ended[], workerName: string): number[] {
  const groups = new Map<string, number[]>();
  const others: number[] = [];
  ended.forEach((one, i) => {
    if (!isPlain(one)) {
      others.push(i);
      return;
    }
    const key = `${one.resultTtlSeconds} ${one.queue}`;
    const group = groups.get(key);
    if (group) group.push(i);
    else groups.set(key, [i]);
  });
  const lists = [...groups.values()];
  args.push(
    lists.length === 0
      ? ''
      : packPlain(
          lists.map((list) => list.map((i) => ended[i] as Ended)),
          workerName,
        ),
  );
  args.push(others.length);
  for (const i of others) addEnded(args, ended[i] as Ended);
  const order: number[] = [];
  for (const list of [...lists, others]) order.push(...list);
  return order;
}

/** Plain successes as finish.lua reads them; each list is of one queue and one result TTL. */
function packPlain(lists: readonly (readonly Ended[])[], worker: string): Buffer {
  const workerName = Buffer.from(worker).toString('latin1');
  let packed = packedList(lists.length);
  // Where the dumps stand: their checksums are made when all is bytes.
  const dumps: number[] = [];
  for (const list of lists) {
    const [first] = list;
    if (!first) continue;
    packed += packedList(2 + list.length * 6) + packedText(first.queue) + packedNumber(first.resultTtlSeconds);
    for (const { id, executionId, startedAtMs, endedAtMs, value, plainEndRedisMs } of list) {
      const dump = dumpSuccess({
        workerName,
        executionId,
        endedAtRedisMs: plainEndRedisMs ?? endedAtMs,
        value: value?.toString('base64') ?? '',
        startedAt: formatEpochSeconds(startedAtMs),
        endedAt: formatEpochSeconds(endedAtMs),
      });
      packed += packedText(id) + packedBytes(executionId);
      packed += packedBytes(formatDate(startedAtMs)) + packedBytes(formatDate(endedAtMs));
      packed += packedNumber(Math.max(0, (endedAtMs - startedAtMs) / 1_000));
      packed += packedBytes(dump);
      dumps.push(packed.length - dump.length, packed.length);
    }
  }
  const bytes = Buffer.from(packed, 'latin1');
  for (let i = 0; i < dumps.length; i += 2) seal(bytes, dumps[i] ?? 0, dumps[i + 1] ?? 0);
  return bytes;
}

function addEnded(args: RedisArg[], ended: Ended): void {
  args.push(
    ended.id,
    ended.executionId,
    ended.queue,
    ended.retry ? 'retry' : ended.kind,
    formatDate(ended.startedAtMs),
    formatDate(ended.endedAtMs),
    formatEpochSeconds(ended.startedAtMs),
    formatEpochSeconds(ended.endedAtMs),
    ended.resultTtlSeconds,
    ended.announced === false ? 0 : 1,
    ended.value === null ? '' : ended.value.toString('base64'),
  );
  if (!ended.retry) return;
  const { max, intervals, value } = ended.retry;
  args.push(max, intervals.length, ...intervals, value.toString('base64'));
}

export function readEnding([state, first, second]: readonly string[]): Ending {
  switch (state) {
    case 'finished':
      if (first === undefined) return { state };
      return { state, repeat: { inSeconds: Number(first), repeatsLeft: Number(second) } };
    case 'failed':
    case 'stopped':
    case 'returned':
    case 'repeated':
      return { state };
    case 'retried':
      return { state, inSeconds: Number(first), retriesLeft: Number(second) };
    default:
      return { state: 'lost', status: first ?? '' };
  }
}

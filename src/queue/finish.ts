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

export type Finish = Claim & {
  readonly endings: readonly Ending[];
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
  const args = [...workerArgs(worker), runningId, ended.length];
  for (const one of ended) addEnded(args, one);
  args.push(...wishArgs(wish));
  const { reply, replicas } = durability
    ? await redis.evaluateDurably(script('finish'), args, durability)
    : { reply: await redis.evaluate(script('finish'), [], args), replicas: null };
  const claim = readClaim(reply);
  if (claim.state !== 'ok') return { ...claim, endings: [], releasing: false, replicas };
  const [endings, releasing] = asList(reply).slice(6);
  return {
    ...claim,
    endings: asList(endings).map((row) => readEnding(asList(row).map(asText))),
    releasing: releasing === 1,
    replicas,
  };
}

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

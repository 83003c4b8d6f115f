import { betweenKeys, queueWorkersKey, registryKey } from '../protocol/keys.js';
import type { Redis } from '../redis/redis.js';
import { endAbandoned, isSettled } from './abandoned.js';
import { cleanGone, JOB_REGISTRIES } from './clean-gone.js';
import { clean } from './clean.js';
import { goneWorkers } from './forget-worker.js';
import { releaseRest } from './release.js';
import { countStranded, rescueStranded, STRANDED_AFTER_SECONDS } from './stranded.js';

/** How a queue is cleaned. */
export interface CleanQueueOptions {
  /** Change nothing; only count. */
  readonly dryRun?: boolean;
  /** How long an id must have been seen between queue and start, seconds; default: 30. */
  readonly graceSeconds?: number;
  /** Called after each step. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Ends it between two steps. */
  readonly signal?: AbortSignal;
}

/** What there was to clean. */
export interface CleanedQueue {
  /** Executions whose lease was over: their workers are dead. Null: it is too early to tell, Redis was just started. */
  readonly abandoned: number | null;
  /** How many of their jobs were put back, at once or for later, and how many failed; the others did not run any more. */
  readonly retried: number;
  readonly failed: number;
  /** Ids that workers took and never started, and how many are on their queue again; the others had no job that waits. */
  readonly stranded: number;
  readonly putBack: number;
  /** Ids that lie there not for long enough. */
  readonly waiting: number;
  /** Entries of finished and failed jobs whose time was over. */
  readonly expired: number;
  /** Entries of registries whose job is gone. */
  readonly gone: number;
  /** The names of workers that were registered on the queue and are gone. */
  readonly workers: readonly string[];
}

/**
 * Takes out of the registries of a queue what should not be there any more: what the maintenance of workers does, at once,
 * and entries whose job is gone. Jobs are retried, failed or put back, never dropped. Every step is atomic and bounded: it is
 * safe beside workers, may be interrupted and called again.
 */
export async function cleanQueue(redis: Redis, queue: string, options: CleanQueueOptions = {}): Promise<CleanedQueue> {
  const { dryRun = false, graceSeconds = STRANDED_AFTER_SECONDS, signal } = options;
  const found = dryRun
    ? await count(redis, queue, graceSeconds)
    : { ...(await endDead(redis, queue, signal)), ...(await putBack(redis, queue, graceSeconds, signal)) };
  const over = dryRun ? null : await clean(redis, queue, signal ? { signal } : {});
  const gone = await cleanRegistries(redis, queue, options);
  if (!dryRun) await releaseRest(redis);
  return { ...found, ...(over ? { expired: over.entries, workers: over.workers } : {}), gone };
}

type Counts = Omit<CleanedQueue, 'gone'>;

/** What the steps would find now, but for entries without a job. */
async function count(redis: Redis, queue: string, graceSeconds: number): Promise<Counts> {
  const [now] = (await redis.call(['TIME'])) as [string, string];
  const replies = await redis.pipeline(
    (['wip', 'finished', 'failed'] as const).map((name) => ['ZCOUNT', registryKey(name, queue), 0, now] as const),
  );
  const bad = replies.find((reply) => reply instanceof Error);
  if (bad) throw bad;
  const [abandoned = 0, finished = 0, failed = 0] = replies.map(Number);
  const between = await countBetween(redis, queue);
  const stranded = await countStranded(redis, queue, graceSeconds);
  return {
    abandoned: (await isSettled(redis)) ? abandoned : null,
    ...{ retried: 0, failed: 0 },
    ...{ stranded, putBack: 0 },
    waiting: between - stranded,
    expired: finished + failed,
    workers: await namesOfGone(redis, queueWorkersKey(queue)),
  };
}

async function countBetween(redis: Redis, queue: string): Promise<number> {
  const lengths = await redis.pipeline(betweenKeys(queue).map((key) => ['LLEN', key] as const));
  return lengths.reduce((sum: number, length) => sum + (length instanceof Error ? 0 : Number(length)), 0);
}

async function endDead(
  redis: Redis,
  queue: string,
  signal: AbortSignal | undefined,
): Promise<Pick<Counts, 'abandoned' | 'retried' | 'failed'>> {
  if (!(await isSettled(redis))) return { abandoned: null, retried: 0, failed: 0 };
  const ended = await endAbandoned(redis, queue, 0, signal);
  const failed = ended.filter(({ ending }) => ending.state === 'failed').length;
  const lost = ended.filter(({ ending }) => ending.state === 'lost').length;
  return { abandoned: ended.length, failed, retried: ended.length - failed - lost };
}

async function putBack(
  redis: Redis,
  queue: string,
  graceSeconds: number,
  signal: AbortSignal | undefined,
): Promise<Omit<Counts, 'abandoned' | 'retried' | 'failed'>> {
  const { back, dropped } = await rescueStranded(redis, queue, graceSeconds, signal);
  const waiting = await countBetween(redis, queue);
  return { stranded: back.length + dropped.length, putBack: back.length, waiting, expired: 0, workers: [] };
}

async function cleanRegistries(redis: Redis, queue: string, options: CleanQueueOptions): Promise<number> {
  const { dryRun = false, signal } = options;
  const sizes = await redis.pipeline(JOB_REGISTRIES.map((name) => ['ZCARD', registryKey(name, queue)] as const));
  const total = sizes.reduce((sum: number, size) => sum + (size instanceof Error ? 0 : Number(size)), 0);
  let [before, gone] = [0, 0];
  for (const registry of JOB_REGISTRIES) {
    let looked = 0;
    const onProgress = (done: number): void => {
      looked = done;
      options.onProgress?.(Math.min(before + looked, total), total);
    };
    gone += await cleanGone(redis, registry, queue, { dryRun, onProgress, ...(signal ? { signal } : {}) });
    before += looked;
  }
  return gone;
}

async function namesOfGone(redis: Redis, key: string): Promise<string[]> {
  const names: string[] = [];
  for await (const page of goneWorkers(redis, key)) names.push(...page);
  return names;
}

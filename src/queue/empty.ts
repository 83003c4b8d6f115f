import { randomUUID } from 'node:crypto';
import { jobKey, queueKey } from '../protocol/keys.js';
import { formatDate, parseDate } from '../protocol/time.js';
import type { Redis } from '../redis/redis.js';
import { script } from '../redis/scripts.js';
import { asList } from './claim.js';
import { releaseRest } from './release.js';

/** Small enough that one script holds Redis for about a millisecond, also where it has half a processor. */
const BATCH = 100;

/**
 * Removes the jobs that are queued when the call begins, in bounded batches; jobs enqueued meanwhile stay. Jobs that wait
 * for one of them are released: a parent that is gone counts as done.
 * Returns how many ids were taken off the queue. `signal` ends it between two batches.
 */
export async function empty(
  redis: Redis,
  queue: string,
  onProgress?: (done: number, total: number) => void,
  signal?: AbortSignal,
): Promise<number> {
  const total = (await redis.call(['LLEN', queueKey(queue)])) as number;
  const token = randomUUID();
  let done = 0;
  for (let call = 1; done < total && signal?.aborted !== true; call += 1) {
    const limit = Math.min(BATCH, total - done);
    const args = [formatDate(Date.now()), queue, limit, token, call];
    const [taken] = asList(await redis.evaluate(script('empty'), [], args)).map(Number);
    if (!taken) break;
    done += taken;
    onProgress?.(done, total);
  }
  await releaseRest(redis);
  return done;
}

/** Which waiting jobs are removed. */
export interface EmptyOldOptions {
  /** Milliseconds since the epoch. */
  readonly beforeMs: number;
  /** Only count them. */
  readonly dryRun?: boolean;
  /** Called after each step. */
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** The same for jobs that were enqueued before a moment; the others keep their places. Returns how many. */
export async function emptyOld(redis: Redis, queue: string, options: EmptyOldOptions): Promise<number> {
  const { beforeMs, dryRun = false, onProgress, signal } = options;
  const total = Number(await redis.call(['LLEN', queueKey(queue)]));
  const token = randomUUID();
  let [looked, removed] = [0, 0];
  for (let call = 1; looked < total && signal?.aborted !== true; call += 1) {
    const [seen = 0, old = 0] = dryRun
      ? await countOld(redis, queue, looked, beforeMs)
      : asList(
          await redis.evaluate(
            script('empty_old'),
            [],
            [formatDate(Date.now()), queue, formatDate(beforeMs), looked - removed, BATCH, token, call],
          ),
        ).map(Number);
    if (seen === 0) break;
    looked += seen;
    removed += old;
    onProgress?.(Math.min(looked, total), total);
  }
  await releaseRest(redis);
  return removed;
}

/** How many of the next ids there are from `behind` on, from the end, and how many of them are old. */
async function countOld(redis: Redis, queue: string, behind: number, beforeMs: number): Promise<[number, number]> {
  const ids = (await redis.call(['LRANGE', queueKey(queue), -(behind + BATCH), -(behind + 1)])) as string[];
  const rows = await redis.pipeline(ids.map((id) => ['HMGET', jobKey(id), 'enqueued_at', 'created_at'] as const));
  const old = rows.filter((row) => {
    const [enqueued, created] = Array.isArray(row) ? row : [];
    const date = parseDate(String(enqueued || created || ''));
    return date !== null && date < beforeMs;
  });
  return [ids.length, old.length];
}

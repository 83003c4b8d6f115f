import { randomUUID } from 'node:crypto';
import { queueKey } from '../protocol/keys.js';
import type { Redis } from '../redis/redis.js';
import { script } from '../redis/scripts.js';
import { asList } from './claim.js';
import { releaseRest } from './release.js';

/** Small enough that one script holds Redis for about two milliseconds. */
const BATCH = 500;

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
    const [taken] = asList(await redis.evaluate(script('empty'), [], [queue, limit, token, call])).map(Number);
    if (!taken) break;
    done += taken;
    onProgress?.(done, total);
  }
  await releaseRest(redis);
  return done;
}

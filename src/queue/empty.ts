import { queueKey } from '../protocol/keys.js';
import type { Redis } from '../redis/redis.js';
import { script } from '../redis/scripts.js';
import { asList } from './claim.js';

/** Small enough that one script holds Redis for about two milliseconds. */
const BATCH = 500;

/**
 * Removes the jobs that are queued when the call begins, in bounded batches; jobs enqueued meanwhile stay.
 * Returns how many ids were taken off the queue.
 */
export async function empty(
  redis: Redis,
  queue: string,
  onProgress?: (done: number, total: number) => void,
): Promise<number> {
  const total = (await redis.call(['LLEN', queueKey(queue)])) as number;
  let done = 0;
  while (done < total) {
    const reply = asList(await redis.evaluate(script('empty'), [], [queue, Math.min(BATCH, total - done)]));
    const taken = Number(reply[0]);
    if (taken === 0) break;
    done += taken;
    onProgress?.(done, total);
  }
  return done;
}

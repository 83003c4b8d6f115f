import { queueKey } from '../protocol/keys.js';
import type { Redis } from '../redis/redis.js';
import { script } from '../redis/scripts.js';
import { asList } from './claim.js';

const BATCH = 1_000;

/**
 * Drops ids whose job is gone from a queue (RQ's `Queue.compact`), in bounded steps; the others keep their places. Returns
 * how many. May be interrupted.
 */
export async function compactQueue(
  redis: Redis,
  queue: string,
  onProgress?: (done: number, total: number) => void,
  signal?: AbortSignal,
): Promise<number> {
  const total = Number(await redis.call(['LLEN', queueKey(queue)]));
  let [looked, dropped] = [0, 0];
  while (looked < total && signal?.aborted !== true) {
    const args = [queue, looked - dropped, BATCH];
    const [seen = 0, gone = 0] = asList(await redis.evaluate(script('compact'), [], args)).map(Number);
    if (seen === 0) break;
    looked += seen;
    dropped += gone;
    onProgress?.(Math.min(looked, total), total);
  }
  return dropped;
}

import type { Redis } from '../redis/redis.js';
import { script } from '../redis/scripts.js';

const BATCH = 500;

/** Takes a worker whose hash is gone out of the sets of workers, of all and of these queues; false if it lives. */
export async function forgetWorker(redis: Redis, name: string, queues: readonly string[]): Promise<boolean> {
  for (let from = 0; from === 0 || from < queues.length; from += BATCH) {
    const args = [name, ...queues.slice(from, from + BATCH)];
    if ((await redis.evaluate(script('forget_worker'), [], args)) !== 1) return false;
  }
  return true;
}

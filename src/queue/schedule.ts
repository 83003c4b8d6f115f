import { formatDate } from '../protocol/time.js';
import type { Redis } from '../redis/redis.js';
import { script } from '../redis/scripts.js';

const BATCH = 200;

/** Moves the scheduled jobs of a queue that are due to that queue; returns how many. Two schedulers cannot double a job. */
export async function moveDue(redis: Redis, queue: string): Promise<number> {
  let total = 0;
  for (;;) {
    const moved = Number(await redis.evaluate(script('due'), [], [formatDate(Date.now()), queue, BATCH]));
    total += moved;
    if (moved < BATCH) return total;
  }
}

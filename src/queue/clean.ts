import { TsrqError } from '../errors.js';
import type { Redis } from '../redis/redis.js';
import { script } from '../redis/scripts.js';
import { asText } from './claim.js';

/** RQ's lock lives so long, in case its holder dies. */
const LOCK_SECONDS = 899;

/** Small enough that one script holds Redis for about two milliseconds. */
const BATCH = 1_000;

/**
 * Forgets what is over in the registries of a queue, and workers that are gone, under RQ's lock; false if somebody else
 * has it. `token`: which no other cleaner uses; each step is made only while the lock bears it.
 */
export async function clean(redis: Redis, queue: string, token: string): Promise<boolean> {
  for (;;) {
    const reply = await redis.evaluate(script('clean'), [], [queue, token, LOCK_SECONDS, BATCH]);
    const state = Buffer.isBuffer(reply) ? asText(reply) : '';
    if (state === 'done') return true;
    if (state === 'held') return false;
    if (state !== 'more') throw new TsrqError('BAD_DATA', `clean.lua answered ${String(reply)}`);
  }
}

import { RATE_LIMITS_KEY } from '../protocol/keys.js';
import { formatDate } from '../protocol/time.js';
import { clock } from '../clock.js';
import type { Redis } from '../redis/redis.js';
import { script } from '../redis/scripts.js';
import { SET_PAGE, setPages } from './registry.js';

/**
 * Puts RQ 3's rate limits in order, as its maintenance does: frees slots whose jobs neither wait nor run, gives free ones to
 * jobs that wait, forgets limits without jobs. Any number may do it at once.
 */
export async function cleanRateLimits(redis: Redis): Promise<void> {
  for await (const keys of setPages(redis, RATE_LIMITS_KEY)) {
    for (const key of keys) {
      await redis.evaluate(script('clean_rate_limit'), [], [key, formatDate(clock()), SET_PAGE]);
    }
  }
}

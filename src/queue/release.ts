import { clock } from '../clock.js';
import { registryKey } from '../protocol/keys.js';
import { formatDate } from '../protocol/time.js';
import type { Redis } from '../redis/redis.js';
import { script } from '../redis/scripts.js';
import { asList, asText } from './claim.js';

/**
 * Goes on with releasing the jobs that waited for one with many of them: a script releases a hundred, and sets the others
 * apart for the next. Anybody may go on, several at once too; nothing is lost if nobody does for a while.
 */
export async function releaseRest(redis: Redis): Promise<void> {
  while ((await redis.evaluate(script('release'), [], [formatDate(clock())])) === 1);
}

/** Seconds after which a producer has certainly listed all that a job waits for. */
const GRACE_SECONDS = 60;

/** Small enough that one script holds Redis for about two milliseconds. */
const BATCH = 100;

/** How many one call looks at. */
const MOST = 10_000;

/**
 * Releases deferred jobs of a queue all of whose parents are done (RQ: a parent whose hash is gone is), and that nobody has
 * released. Returns their ids. Of more than 10,000 deferred jobs it looks at so many, from a random one on.
 */
export async function releaseForgotten(redis: Redis, queue: string, graceSeconds = GRACE_SECONDS): Promise<string[]> {
  const size = Number(await redis.call(['ZCARD', registryKey('deferred', queue)]));
  let rank = size > MOST ? Math.floor(Math.random() * (size - MOST)) : 0;
  const ids: string[] = [];
  for (let looked = 0; looked < Math.min(size, MOST);) {
    const now = clock();
    const args = [formatDate(now), queue, graceSeconds, formatDate(now - graceSeconds * 1_000), rank, BATCH];
    const [seen, stay, released] = asList(await redis.evaluate(script('deferred'), [], args));
    ids.push(...asList(released).map(asText));
    if (Number(seen) === 0) break;
    looked += Number(seen);
    rank += Number(stay);
  }
  return ids;
}

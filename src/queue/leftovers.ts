import type { Redis } from '../redis/redis.js';
import { script } from '../redis/scripts.js';

/** Small enough that one script holds Redis for about two milliseconds. */
const BATCH = 100;

/** A record of a job that is gone; of a mark the list that it belongs to. */
export interface LeftoverRecord {
  readonly key: string;
  readonly id: string;
  readonly list: string | null;
}

/**
 * Removes records of jobs that are gone and that nothing would ever remove, each only if that holds still; of marks only those
 * that have stood for so many seconds. Returns how many. May be repeated.
 */
export async function dropLeftovers(
  redis: Redis,
  records: readonly LeftoverRecord[],
  markSeconds: number,
): Promise<number> {
  let removed = 0;
  for (let from = 0; from < records.length; from += BATCH) {
    const batch = records.slice(from, from + BATCH).flatMap(({ key, id, list }) => [key, id, list ?? '']);
    removed += Number(await redis.evaluate(script('drop_leftovers'), [], [markSeconds, ...batch]));
  }
  return removed;
}

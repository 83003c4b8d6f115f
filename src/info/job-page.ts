import type { Redis, RedisCommand } from '../redis/redis.js';
import { readEntries, type JobEntry } from './job-entry.js';
import { openRegistry, type Place, type Ref, type RegisteredState } from './job-places.js';

/** A queue, and how many jobs of a state it has. */
export type Sizes = readonly (readonly [queue: string, size: number])[];

/** Scheduled jobs begin with the one that is due first, others with the newest. */
const orderOf = (state: RegisteredState): 'oldest' | 'newest' => (state === 'scheduled' ? 'oldest' : 'newest');

/**
 * So many jobs of a state from a position on, queue after queue in the order given: what a screen shows of a list of any
 * length, in a few commands per job shown. The sizes may be a little old: a page may then be shorter, or overlap the next.
 */
export async function readJobPage(
  redis: Redis,
  state: RegisteredState,
  sizes: Sizes,
  range: { readonly from: number; readonly count: number },
): Promise<JobEntry[]> {
  const asked: { place: Place; command: RedisCommand }[] = [];
  let start = range.from;
  let left = range.count;
  for (const [queue, size] of sizes) {
    if (left <= 0) break;
    if (start < size) {
      const count = Math.min(left, size - start);
      const place = openRegistry(state, queue, orderOf(state), start);
      asked.push({ place, command: place.command(count) });
      left -= count;
    }
    start = Math.max(0, start - size);
  }
  if (asked.length === 0) return [];
  const replies = await redis.pipeline(asked.map(({ command }) => command));
  const refs = asked.flatMap(({ place }, i): Ref[] => place.read(replies[i] ?? null, []));
  return readEntries(redis, refs);
}

import { randomUUID } from 'node:crypto';
import { TsrqError } from '../errors.js';
import { queueKey } from '../protocol/keys.js';
import type { Redis } from '../redis/redis.js';
import { script } from '../redis/scripts.js';
import { asList } from './claim.js';

/** Small enough that one script holds Redis for about two milliseconds. */
const BATCH = 500;

/** What became of the ids of a queue that was moved. */
export interface Moved {
  readonly moved: number;
  /** Ids that led to no job, or to one that is elsewhere. */
  readonly dropped: number;
}

/**
 * Moves the jobs that are queued on `from` when the call begins to the end of `to`, in their order, and makes that their
 * origin. In bounded steps, each of which is atomic: it may be interrupted and called again. `limit`: so many at most, from the head. Throws USAGE for one queue twice.
 */
export async function moveQueue(
  redis: Redis,
  from: string,
  to: string,
  onProgress?: (done: number, total: number) => void,
  signal?: AbortSignal,
  limit = Infinity,
): Promise<Moved> {
  refuseSame(from, to);
  const total = Math.min(limit, Number(await redis.call(['LLEN', queueKey(from)])));
  const token = randomUUID();
  let done = 0;
  let moved = 0;
  for (let call = 1; done < total && signal?.aborted !== true; call += 1) {
    const args = [from, to, Math.min(BATCH, total - done), token, call];
    const [taken, count] = asList(await redis.evaluate(script('move'), [], args)).map(Number);
    if (!taken) break;
    done += taken;
    moved += count ?? 0;
    onProgress?.(done, total);
  }
  return { moved, dropped: done - moved };
}

export function refuseSame(from: string, to: string): void {
  // What an application gives may be anything.
  if (typeof to !== 'string' || to === '') throw new TsrqError('USAGE', 'jobs are moved to a queue, which has a name');
  if (from === to) throw new TsrqError('USAGE', `${from} cannot be moved to itself`);
}

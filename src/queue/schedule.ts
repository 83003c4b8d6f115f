import { formatDate } from '../protocol/time.js';
import type { Redis } from '../redis/redis.js';
import { script } from '../redis/scripts.js';
import { asList, asText } from './claim.js';

const BATCH = 200;

/**
 * Moves the scheduled jobs of a queue that are due to that queue; returns how many. None if the queue's scheduler lock is not
 * that scheduler's: one that was held up while its lock ran out does nothing.
 */
export async function moveDue(redis: Redis, queue: string, scheduler: string): Promise<number> {
  let total = 0;
  for (;;) {
    const args = [formatDate(Date.now()), queue, BATCH, scheduler];
    const moved = Number(await redis.evaluate(script('due'), [], args));
    total += moved;
    if (moved < BATCH) return total;
  }
}

/** A scheduler as RQ shows it. */
export interface SchedulerBirth {
  /** 32 hexadecimal digits, as RQ makes them. */
  readonly name: string;
  readonly hostname: string;
  readonly pid: number;
  /** A date. */
  readonly createdAt: string;
}

/** RQ: the interval of one second and sixty to spare. */
const LOCK_SECONDS = 61;

/** Takes the scheduler locks of those queues that nobody else holds, or keeps them; returns the queues. */
export async function holdSchedulerLocks(
  redis: Redis,
  { name, hostname, pid, createdAt }: SchedulerBirth,
  queues: readonly string[],
): Promise<readonly string[]> {
  const fields = ['name', name, 'hostname', hostname, 'pid', pid, 'created_at', createdAt];
  const held: string[] = [];
  for (const portion of portionsOf(queues)) {
    const birth = [...fields, 'last_heartbeat', formatDate(Date.now())];
    const args = [name, LOCK_SECONDS, held.join(','), ...portion, '', ...birth];
    held.push(...asList(await redis.evaluate(script('scheduler_hold'), [], args)).map(asText));
  }
  return held;
}

/** So many that one script does not hold Redis for long. */
const PORTION = 200;

const portionsOf = (queues: readonly string[]): string[][] =>
  Array.from({ length: Math.ceil(queues.length / PORTION) }, (_, i) => queues.slice(i * PORTION, (i + 1) * PORTION));

/** Gives up the scheduler locks that are still its own. */
export async function releaseSchedulerLocks(redis: Redis, name: string, queues: readonly string[]): Promise<void> {
  for (const portion of portionsOf(queues)) await redis.evaluate(script('scheduler_release'), [], [name, ...portion]);
}

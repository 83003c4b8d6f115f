import { endAbandoned, isSettled, SETTLE_SECONDS, type Abandoned } from '../queue/abandoned.js';
import { clean } from '../queue/clean.js';
import { cleanGroups } from '../queue/group.js';
import { cleanRateLimits } from '../queue/rate-limit.js';
import { releaseForgotten, releaseRest } from '../queue/release.js';
import { rescueStranded } from '../queue/stranded.js';
import type { Redis } from '../redis/redis.js';
import type { WorkerEvent } from './events.js';

export interface SweepOptions {
  readonly settled: boolean;
  readonly onAbandoned?: (queue: string, job: Abandoned) => void;
}

/**
 * Looks for what dead workers have left behind: executions without a lease, ids between queue and start, jobs to be
 * released. Every step is
 * one atomic script, so that any number of workers may do it at once. One queue's bad data does not stop the others.
 * `settled`: false shortly after an outage, see `Outages`. `onAbandoned`: called for each job that was failed or is to run again.
 */
export async function sweep(
  redis: Redis,
  { queues, ...how }: SweepOptions & { readonly queues: readonly string[] },
  tell: (event: WorkerEvent) => void,
): Promise<void> {
  const troubles: unknown[] = [];
  for (const queue of queues) {
    await sweepQueue(redis, queue, how, tell).catch((error: unknown) => troubles.push(error));
  }
  await releaseRest(redis).catch((error: unknown) => troubles.push(error));
  if (troubles.length > 0) throw troubles[0];
}

async function sweepQueue(
  redis: Redis,
  queue: string,
  { settled, onAbandoned }: SweepOptions,
  tell: (event: WorkerEvent) => void,
): Promise<void> {
  for (const job of await endAbandoned(redis, queue, settled ? 0 : SURELY_OVER_SECONDS)) {
    if (job.ending.state === 'lost') continue;
    tell({ type: 'abandoned', id: job.id, queue, workerName: job.workerName, ending: job.ending });
    if (job.ending.state !== 'returned') onAbandoned?.(queue, job);
  }
  const { back } = await rescueStranded(redis, queue);
  if (back.length > 0) tell({ type: 'rescued', queue, ids: back });
}

/** Seconds after which a lease that is over is taken for the end of its worker, whatever happened to Redis. */
const SURELY_OVER_SECONDS = 3_600;

/**
 * Tells leases that ran out because Redis could not be reached from those of dead workers: after an outage the living get
 * the time to say so first.
 */
export class Outages {
  #regainedAt = -Infinity;

  /** Redis is back, for this worker. */
  regained(): void {
    this.#regainedAt = performance.now();
  }

  /** False for a while after Redis was away from here, or was started. */
  async settled(redis: Redis): Promise<boolean> {
    if (performance.now() - this.#regainedAt < SETTLE_SECONDS * 1_000) return false;
    // Who may not ask for it learns of outages by its own connection alone.
    return isSettled(redis);
  }
}

/**
 * Forgets results and failures whose time is over, and workers that are gone; under RQ's lock, as it costs more. `token`:
 * which no other cleaner uses. Who had the lock also looks for jobs that wait for nothing any more. Then members of groups
 * whose jobs are gone, and slots of RQ 3's rate limits.
 */
export async function cleanAll(
  redis: Redis,
  queues: readonly string[],
  token: string,
  tell: (event: WorkerEvent) => void,
): Promise<void> {
  for (const queue of queues) {
    if (!(await clean(redis, queue, { token }))) continue;
    const ids = await releaseForgotten(redis, queue);
    if (ids.length > 0) tell({ type: 'released', queue, ids });
  }
  await cleanGroups(redis);
  await cleanRateLimits(redis);
}

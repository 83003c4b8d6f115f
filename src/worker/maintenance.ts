import { maintenanceLockKey, queueWorkersKey, registryKey, WORKERS_KEY } from '../protocol/keys.js';
import { endAbandoned } from '../queue/abandoned.js';
import { rescueStranded } from '../queue/stranded.js';
import type { Redis, RedisCommand } from '../redis/redis.js';
import type { WorkerEvent } from './events.js';

/**
 * Looks for what dead workers have left behind: executions without a lease, ids between queue and start. Every step is
 * one atomic script, so that any number of workers may do it at once. One queue's bad data does not stop the others.
 */
export async function sweep(
  redis: Redis,
  queues: readonly string[],
  tell: (event: WorkerEvent) => void,
): Promise<void> {
  for (const queue of queues) {
    for (const job of await endAbandoned(redis, queue)) {
      if (job.ending.state === 'lost') continue;
      tell({ type: 'abandoned', id: job.id, queue, workerName: job.workerName, ending: job.ending });
    }
    const { back } = await rescueStranded(redis, queue);
    if (back.length > 0) tell({ type: 'rescued', queue, ids: back });
  }
}

/** RQ's lock lives 899 s, in case its holder dies. */
const LOCK_SECONDS = 899;

/** Forgets results and failures whose time is over, and workers that are gone; under RQ's lock, as it costs more. */
export async function clean(redis: Redis, queues: readonly string[], owner: string): Promise<void> {
  for (const queue of queues) {
    const lock = maintenanceLockKey(queue);
    if ((await redis.call(['SET', lock, owner, 'NX', 'EX', LOCK_SECONDS])) === null) continue;
    const now = Math.floor(Date.now() / 1_000);
    await redis.pipeline([
      ['ZREMRANGEBYSCORE', registryKey('finished', queue), 0, now],
      ['ZREMRANGEBYSCORE', registryKey('failed', queue), 0, now],
    ]);
    await forgetDeadWorkers(redis, queue);
    await redis.call(['DEL', lock]);
  }
}

async function forgetDeadWorkers(redis: Redis, queue: string): Promise<void> {
  const keys = (await redis.call(['SMEMBERS', queueWorkersKey(queue)])) as string[];
  const alive = await redis.pipeline(keys.map((key): RedisCommand => ['EXISTS', key]));
  const dead = keys.filter((_, i) => alive[i] === 0);
  if (dead.length === 0) return;
  await redis.pipeline([
    ['SREM', queueWorkersKey(queue), ...dead],
    ['SREM', WORKERS_KEY, ...dead],
  ]);
}

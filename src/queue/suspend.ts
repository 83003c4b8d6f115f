import { PAUSED_KEY, SUSPENDED_KEY } from '../protocol/keys.js';
import type { Redis } from '../redis/redis.js';

/**
 * Holds every worker of this Redis database, Python's too: no new job is started, running ones go on.
 * `durationSeconds`: null for until `resume`. The key and its expiry are set in one command.
 */
export async function suspend(redis: Redis, durationSeconds: number | null): Promise<void> {
  const expiry = durationSeconds === null ? [] : ['EX', durationSeconds];
  await redis.call(['SET', SUSPENDED_KEY, '1', ...expiry]);
}

/** Lets workers take jobs again; true if they were held. */
export async function resume(redis: Redis): Promise<boolean> {
  return (await redis.call(['DEL', SUSPENDED_KEY])) === 1;
}

/** Whether RQ is suspended, and whether any queue is paused: how many of these two, in one question. */
export async function countHolds(redis: Redis): Promise<number> {
  return Number(await redis.call(['EXISTS', SUSPENDED_KEY, PAUSED_KEY]));
}

/** Whether no worker of this Redis starts a job (`tsrq suspend`). */
export async function isSuspended(redis: Redis): Promise<boolean> {
  return (await redis.call(['EXISTS', SUSPENDED_KEY])) === 1;
}

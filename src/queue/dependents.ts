import { dependentsKey } from '../protocol/keys.js';
import type { Redis } from '../redis/redis.js';

/** Ids of the jobs that depend on this one (RQ's `dependent_ids`), sorted; some may be gone. */
export async function dependentIds(redis: Redis, id: string): Promise<string[]> {
  return ((await redis.call(['SMEMBERS', dependentsKey(id)])) as string[]).sort();
}

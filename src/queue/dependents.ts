import { dependenciesKey, dependentsKey, jobKey } from '../protocol/keys.js';
import type { Redis } from '../redis/redis.js';

/** Ids of the jobs that depend on this one (RQ's `dependent_ids`), sorted; some may be gone. */
export async function dependentIds(redis: Redis, id: string): Promise<string[]> {
  return ((await redis.call(['SMEMBERS', dependentsKey(id)])) as string[]).sort();
}

/** A job that another one was made to wait for. */
export interface Dependency {
  readonly id: string;
  /** Null: it is gone, which is as good as finished. */
  readonly status: string | null;
}

/** What a job waits for, or waited for, sorted by id; nothing where it depends on no job. Two round trips. */
export async function dependencies(redis: Redis, id: string): Promise<Dependency[]> {
  const ids = ((await redis.call(['SMEMBERS', dependenciesKey(id)])) as string[]).sort();
  if (ids.length === 0) return [];
  const statuses = await redis.pipeline(ids.map((parent) => ['HGET', jobKey(parent), 'status']));
  return ids.map((parent, i) => {
    const status = statuses[i];
    if (status instanceof Error) throw status;
    return { id: parent, status: typeof status === 'string' ? status : null };
  });
}

import { jobKey } from '../protocol/keys.js';
import { usage } from '../queue/check.js';
import type { Redis } from '../redis/redis.js';
import type { EnqueueOptions } from './options.js';
import { Job } from './queued-job.js';

/**
 * Throws USAGE where a job is to depend on one that is on another Redis: there is nobody who would tell. Redis is asked only where they came by
 * another connection.
 */
export async function checkParents(redis: Redis, dependsOn: EnqueueOptions['dependsOn']): Promise<void> {
  if (typeof dependsOn !== 'object' || (dependsOn as unknown) === null) return;
  const given: unknown = 'jobs' in dependsOn ? dependsOn.jobs : dependsOn;
  for (const job of [given].flat()) {
    const other = Job.redisOf(job) ?? redis;
    if (other === redis) continue;
    const { id } = job as Job;
    // One Redis may have several names. And a parent that is nowhere any more counts as done.
    const [isHere, isThere] = await Promise.all([redis, other].map((one) => one.call(['EXISTS', jobKey(id)])));
    if (isHere === 1 || isThere === 0 || other.description === redis.description) continue;
    const where = `job ${id} is on ${other.description}, what depends on it would be on ${redis.description}`;
    throw usage(`a job cannot depend on one of another Redis: ${where}`);
  }
}

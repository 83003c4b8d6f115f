import { jobKey } from '../protocol/keys.js';
import { usage } from '../queue/check.js';
import type { Redis } from '../redis/redis.js';
import type { EnqueueOptions } from './options.js';
import { Job } from './queued-job.js';

/**
 * Throws USAGE where a job is to depend on one that is on another Redis: there is nobody who would tell. Redis is asked only where they came by
 * a connection that leads elsewhere, as far as that is known.
 */
export async function checkParents(redis: Redis, dependsOn: EnqueueOptions['dependsOn']): Promise<void> {
  if (typeof dependsOn !== 'object' || (dependsOn as unknown) === null) return;
  const given: unknown = 'jobs' in dependsOn ? dependsOn.jobs : dependsOn;
  await Promise.all([given].flat().map((job: unknown) => checkParent(redis, job)));
}

async function checkParent(redis: Redis, job: unknown): Promise<void> {
  const other = Job.redisOf(job) ?? redis;
  if (other === redis || other.description === redis.description) return;
  const { id } = job as Job;
  // One Redis may have several names. And a parent that is nowhere any more counts as done.
  const [isHere, isThere] = await Promise.all([redis, other].map((one) => one.call(['EXISTS', jobKey(id)])));
  // Where a connection leads is known when it has been asked something.
  if (isHere === 1 || isThere === 0 || other.description === redis.description) return;
  const where = `job ${id} is on ${other.description}, what depends on it would be on ${redis.description}`;
  throw usage(`a job cannot depend on one of another Redis: ${where}`);
}

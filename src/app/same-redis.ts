import { TsrqError } from '../errors.js';
import { JOB_CONNECTIONS, type Connections } from '../jobs/connections.js';
import { NOT_ASKED } from '../redis/lazy.js';
import { jobKey } from '../protocol/keys.js';
import type { Redis } from '../redis/redis.js';
import type { EnqueueOptions, JobReference } from './options.js';

/** Whether both lead to the same Redis, by their descriptions. Where a connection leads may be known only when it has been asked something. */
export async function isSameRedis(one: Redis, other: Redis): Promise<boolean> {
  if (one === other) return true;
  const isKnown = one.description !== NOT_ASKED && other.description !== NOT_ASKED;
  if (!isKnown) await Promise.all([one.call(['PING']), other.call(['PING'])]);
  return one.description === other.description;
}

type Parents = NonNullable<EnqueueOptions['dependsOn']>;

/**
 * Throws USAGE if one of these jobs is known to be of another Redis than the queue: there it would count as a parent that does not exist, and
 * the job would begin at once. Ids are of the queue's own. Null where nothing has to be asked.
 */
export function refuseParentsElsewhere(
  queue: { readonly name: string; readonly redis: Redis },
  parents: readonly Parents[],
): Promise<void> | null {
  const others = parents.flatMap(jobsOf).flatMap((job) => {
    const redis = redisOf(job, queue.name);
    return redis === null || redis === queue.redis ? [] : [{ id: (job as { readonly id: string }).id, redis }];
  });
  return others.length === 0 ? null : refuse(queue, others);
}

async function refuse(
  { name, redis }: { readonly name: string; readonly redis: Redis },
  parents: readonly { readonly id: string; readonly redis: Redis }[],
): Promise<void> {
  for (const parent of parents) {
    if (await isSameRedis(parent.redis, redis)) continue;
    // One Redis may have several names. And a parent that is nowhere any more counts as done.
    const places = [redis, parent.redis];
    const [isHere, isThere] = await Promise.all(places.map((one) => one.call(['EXISTS', jobKey(parent.id)])));
    if (isHere === 1 || isThere === 0) continue;
    const where = `${name} is on ${redis.description}, job ${parent.id} on ${parent.redis.description}`;
    throw new TsrqError('USAGE', `a job cannot depend on a job of another Redis: ${where}`);
  }
}

function jobsOf(parents: Parents): readonly JobReference[] {
  if (typeof parents !== 'object') return [parents];
  if ('jobs' in parents) return parents.jobs;
  return 'id' in parents ? [parents] : parents;
}

/** Of a `Job`, or of the job that runs here; null for what does not tell. */
function redisOf(job: JobReference, queue: string): Redis | null {
  if (typeof job === 'string') return null;
  const { redis, [JOB_CONNECTIONS]: connections } = job as {
    readonly redis?: Redis;
    readonly [JOB_CONNECTIONS]?: Connections;
  };
  return redis ?? connections?.redisOf(queue) ?? null;
}

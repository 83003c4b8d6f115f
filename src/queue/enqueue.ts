import { clock } from '../clock.js';
import type { Redis } from '../redis/redis.js';
import { gatheredBy } from './gathered.js';
import type { EnqueuedJob, NewJob } from './new-job.js';
import { isPlain, prepare } from './prepare.js';
import { storeOne } from './store.js';

export type { EnqueuedJob, NewJob } from './new-job.js';

/**
 * Puts a job on its queue, in one atomic and idempotent step: when the reply is lost and the command is sent again, the
 * job is still queued once. Throws JOB_EXISTS if the id is in use, USAGE for values RQ would refuse. Calls of one turn of the event loop
 * keep their order, once Redis knows the scripts; those whose jobs wait for nothing but their turn go to Redis together, but for the first.
 */
export function enqueue(redis: Redis, job: NewJob): Promise<EnqueuedJob> {
  try {
    const gathered = gatheredBy(redis);
    const nowMs = gathered.nowMs ?? clock();
    const prepared = prepare(job, nowMs);
    if (isPlain(job)) return gathered.add(prepared, nowMs);
    gathered.flush();
    return storeOne(redis, prepared, job);
  } catch (error) {
    return Promise.reject(error);
  }
}

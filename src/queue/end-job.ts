import { clock } from '../clock.js';
import { dumps } from '../protocol/json-writer.js';
import { jobKey, pubsubKey } from '../protocol/keys.js';
import { formatDate } from '../protocol/time.js';
import type { Redis } from '../redis/redis.js';
import { script } from '../redis/scripts.js';
import { asList, asText } from './claim.js';
import { releaseRest } from './release.js';

/** `ended`: it had ended before, with that status. */
export type Canceled = { readonly state: 'canceled' | 'gone' } | { readonly state: 'ended'; readonly status: string };

/**
 * Cancels a job that has not ended, in one atomic step. If it runs, its worker gives it up at its next heartbeat (30 s); `stopJob` is
 * faster. Jobs that depend on it wait on, unless `enqueueDependents`.
 */
export async function cancelJob(
  redis: Redis,
  id: string,
  options: { readonly enqueueDependents?: boolean } = {},
): Promise<Canceled> {
  const args = [id, formatDate(clock()), options.enqueueDependents === true ? 1 : 0];
  const [state, status] = asList(await redis.evaluate(script('cancel'), [], args)).map(asText);
  if (state === 'ended') return { state, status: status ?? '' };
  if (status === '1') await releaseRest(redis);
  return { state: state === 'canceled' ? state : 'gone' };
}

/**
 * Deletes a job with its results, in one atomic step; false if there was none. Jobs that depend on it are released: a parent
 * that is gone counts as done.
 */
export async function deleteJob(redis: Redis, id: string): Promise<boolean> {
  const [state, more] = asList(await redis.evaluate(script('delete'), [], [id, formatDate(clock())])).map(asText);
  if (more === '1') await releaseRest(redis);
  return state === 'deleted';
}

/** `unheard`: no worker of that name listens; its job, if it runs at all, is found when its lease is over. */
export type Stopped =
  { readonly state: 'sent' | 'gone' | 'unheard' } | { readonly state: 'not-running'; readonly status: string };

/** Tells the worker that runs a job to end it, as RQ's `send_stop_job_command` does: its status becomes `stopped`. */
export async function stopJob(redis: Redis, id: string): Promise<Stopped> {
  const [status, worker] = (await redis.call(['HMGET', jobKey(id), 'status', 'worker_name'])) as (string | null)[];
  if (status == null) return { state: 'gone' };
  if (status !== 'started' || worker == null || worker === '') return { state: 'not-running', status };
  const heard = await redis.call(['PUBLISH', pubsubKey(worker), dumps({ command: 'stop-job', job_id: id })]);
  return { state: Number(heard) > 0 ? 'sent' : 'unheard' };
}

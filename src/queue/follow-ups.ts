import { CALLBACK_TIMEOUT_SECONDS, type Callback, type Callbacks } from '../protocol/callbacks.js';
import type { NewJobFields } from '../protocol/job.js';
import { dumpWebhooks, isWebUrl, readWebhooks, type Webhook } from '../protocol/webhooks.js';
import { backoffIntervals, MOST_BACKOFFS, type Backoff } from './backoff.js';
import { integer, usage, whole } from './check.js';

/** What is to follow the end of a job. */
export interface FollowUps {
  /** What if it fails? Default: it is not run again. */
  readonly retry?: RetryPolicy;
  /**
   * What if it succeeds? RQ's `Repeat`: it is run `times` more, after an interval or one for each (seconds, default 0). RQ's
   * order is kept: the list is used from its end, `[60, 90]` waits 90 seconds first; where it is too short the last one repeats.
   */
  readonly repeat?: { readonly times: number; readonly interval?: number | readonly number[] };
  /**
   * Names of functions that the worker calls before it records the end: `onSuccess(job, result)`, `onFailure(job, error)` after each failed
   * attempt, `onStopped(job)` after a stop command. Default timeout 60 seconds. Where Python's workers may clean up
   * after this job they must be able to import them.
   */
  readonly onSuccess?: string | Callback;
  readonly onFailure?: string | Callback;
  readonly onStopped?: string | Callback;
  /** Requests that the worker sends after the end is recorded: best effort, never twice. RQ sends them from 2.10 on. */
  readonly webhooks?: readonly Webhook[];
}

/** How often, when and where a job that failed is run again. */
export interface RetryPolicy {
  /** How often it is run again when it has failed, 1 or more. */
  readonly max: number;
  /** Seconds before each retry, default 0. RQ's rule for fewer intervals than retries: the first one repeats. */
  readonly intervals?: readonly number[];
  /** In place of intervals: waits that grow. Stored as intervals, so that Python keeps to them. */
  readonly backoff?: Backoff;
  /** To the head of the queue. */
  readonly enqueueAtFront?: boolean;
}

/** What of that is stored with the job. */
export function followUpFields(job: FollowUps): Pick<NewJobFields, 'retry' | 'repeat' | 'callbacks' | 'webhooks'> {
  return {
    retry: job.retry && retryFields(job.retry),
    repeat: job.repeat && { times: job.repeat.times, intervals: repeatIntervals(job.repeat) },
    callbacks: callbacksOf(job),
    webhooks: job.webhooks,
  };
}

function retryFields({ max, intervals, backoff, enqueueAtFront = false }: RetryPolicy) {
  const waits = backoff ? backoffIntervals(max, backoff) : (intervals ?? []);
  return { max, intervals: waits.length === 0 ? [0] : waits, enqueueAtFront };
}

function repeatIntervals({ interval = 0 }: NonNullable<FollowUps['repeat']>): readonly number[] {
  if (typeof interval === 'number') return [interval];
  return interval.length === 0 ? [0] : interval;
}

function callbacksOf({ onSuccess, onFailure, onStopped }: FollowUps): Callbacks | undefined {
  if (onSuccess === undefined && onFailure === undefined && onStopped === undefined) return undefined;
  return { onSuccess: callbackOf(onSuccess), onFailure: callbackOf(onFailure), onStopped: callbackOf(onStopped) };
}

function callbackOf(given: string | Callback | undefined): Callback | null {
  if (given === undefined) return null;
  return typeof given === 'string' ? { name: given, timeoutSeconds: CALLBACK_TIMEOUT_SECONDS } : given;
}

/** Throws USAGE for what RQ would refuse. */
export function checkFollowUps(job: FollowUps): void {
  const { retry } = job;
  if (retry) whole('number of retries', retry.max, (value) => value >= 1, 'a number from 1');
  for (const interval of retry?.intervals ?? []) {
    integer('retry interval', interval, (value) => value >= 0, 'a number of seconds from 0');
  }
  if (job.repeat) whole('number of repeats', job.repeat.times, (value) => value >= 1, 'a number from 1');
  for (const interval of job.repeat ? repeatIntervals(job.repeat) : []) {
    integer('repeat interval', interval, (value) => value >= 0, 'a number of seconds from 0');
  }
  for (const callback of [job.onSuccess, job.onFailure, job.onStopped].map(callbackOf)) {
    if (callback?.name === '') throw usage('the name of a callback is empty');
    integer('timeout of a callback', callback?.timeoutSeconds, (value) => value > 0, 'a number of seconds from 1');
  }
  for (const webhook of job.webhooks ?? []) {
    const { url, timeoutSeconds } = webhook;
    if (!isWebUrl(url)) throw usage(`the webhook '${String(url)}' is no http:// or https:// URL`);
    integer('timeout of a webhook', timeoutSeconds, (value) => value > 0, 'a number of seconds from 1');
    if (!readWebhooks(dumpWebhooks([webhook])))
      throw usage(`the webhook '${url}' has a status, method or headers that RQ refuses`);
  }
  if (retry?.backoff) {
    if (retry.intervals) throw usage('a job is retried after intervals or with a back-off, not both');
    checkBackoff(retry.max, retry.backoff);
  }
}

function checkBackoff(max: number, { initialSeconds, maxSeconds, jitter }: Backoff): void {
  if (max > MOST_BACKOFFS) throw usage(`a back-off is for at most ${MOST_BACKOFFS} retries, not ${max}`);
  whole('first wait of the back-off', initialSeconds, (value) => value >= 1, 'a number of seconds from 1');
  integer('longest wait of the back-off', maxSeconds, (value) => value >= 1, 'a number of seconds from 1');
  if (jitter !== undefined && !(jitter >= 0 && jitter <= 1)) throw usage(`the jitter is ${jitter}: 0 to 1 is needed`);
}

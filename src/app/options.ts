import { nearest } from '../config/suggest.js';
import type { NewJob } from '../queue/enqueue.js';
import { parseDuration } from '../protocol/time.js';
import { isObject, shown, usage } from '../queue/check.js';

/** Seconds as a number, or a text as RQ's options have it: '30s', '5m', '1h', '2d'. */
export type Duration = number | `${number}` | `${number}${'s' | 'm' | 'h' | 'd'}`;

/** Seconds of a duration. Throws USAGE for a text that is none; whether a number fits is for its use to say. */
export const seconds = (duration: Duration): number =>
  typeof duration === 'number' ? duration : parseDuration(duration);

/** Another job: itself, or its id. */
export type JobReference = string | { readonly id: string };

type Renamed = 'functionName' | 'args' | 'timeoutSeconds' | 'resultTtlSeconds' | 'failureTtlSeconds' | 'ttlSeconds';
type Reshaped = 'scheduleAt' | 'scheduleInSeconds' | 'retry' | 'dependsOn';

/** How a job is enqueued; what is not said here is as `enqueue` has it. */
export interface EnqueueOptions extends Omit<NewJob, Renamed | Reshaped> {
  /** How long the job may run; -1 for no limit; default three minutes. */
  readonly timeout?: Duration;
  /** How long the result is kept: 0 not at all, -1 for ever; default: the worker's, 500 s. */
  readonly resultTtl?: Duration;
  /** How long the job is kept after a failure: -1 for ever; default one year. */
  readonly failureTtl?: Duration;
  /** How long the job may wait in the queue; default for ever. */
  readonly ttl?: Duration;
  /** How often it is run again when it has failed; with `intervals`, how long after each failure (RQ: of fewer the first repeats). */
  readonly retry?:
    | number
    | (Omit<NonNullable<NewJob['retry']>, 'intervals'> & { readonly intervals?: Duration | readonly Duration[] });
  /** Jobs that must be done first; with `allowFailure` also failed ones will do. */
  readonly dependsOn?:
    | JobReference
    | readonly JobReference[]
    | { readonly jobs: readonly JobReference[]; readonly allowFailure?: boolean };
}

/** Every option, once. */
const NAMES: Readonly<Record<keyof EnqueueOptions, true>> = {
  ...{ id: true, queue: true, kwargs: true, description: true, meta: true, serializer: true, atFront: true },
  ...{ group: true, rateLimit: true, onExistingId: true, durable: true, dependsOn: true },
  ...{ timeout: true, resultTtl: true, failureTtl: true, ttl: true },
  ...{ retry: true, repeat: true, onSuccess: true, onFailure: true, onStopped: true, webhooks: true },
};
const KNOWN: ReadonlySet<string> = new Set(Object.keys(NAMES));

/** What other libraries, RQ among them, and the verbs below call these. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  ...{ jobId: 'id', jobTimeout: 'timeout', job_timeout: 'timeout', timeoutSeconds: 'timeout' },
  ...{ attempts: 'retry', retries: 'retry', backoff: 'retry: { max, backoff }', interval: 'retry: { max, intervals }' },
  ...{ delay: 'enqueueIn()', scheduleInSeconds: 'enqueueIn()', scheduleAt: 'enqueueAt()' },
  ...{ priority: 'atFront', lifo: 'atFront', unique: "onExistingId: 'unique'", deduplication: 'id' },
  ...{ removeOnComplete: 'resultTtl', resultTtlSeconds: 'resultTtl', ttlSeconds: 'ttl' },
  ...{ removeOnFail: 'failureTtl', failureTtlSeconds: 'failureTtl', parent: 'dependsOn' },
};

/** Throws USAGE for an option that there is not: passed over in silence it would be missed when it is needed. */
export function checkOptionNames(options: object): void {
  for (const name in options) if (!KNOWN.has(name)) throw unknown(name);
}

function unknown(name: string): Error {
  const meant = Object.hasOwn(ELSEWHERE, name) ? ELSEWHERE[name] : nearest(name, [...KNOWN]);
  const hint = meant ? `did you mean ${meant}?` : `there are ${[...KNOWN].join(', ')}`;
  return usage(`jobs have no option '${name}'`, hint);
}

/** When a job is to begin: null for at once. */
export type When = { readonly in: Duration } | { readonly at: Date } | null;

/** The options of a job as the verb `enqueue` takes them. Throws USAGE for what is none of them, and for values that cannot be. */
export function jobFields(options: EnqueueOptions, when: When): Omit<NewJob, 'functionName' | 'args'> {
  checkOptionNames(options);
  const { timeout, resultTtl, failureTtl, ttl, retry, dependsOn, ...same } = options;
  return {
    ...same,
    ...(timeout === undefined ? {} : { timeoutSeconds: seconds(timeout) }),
    ...(resultTtl === undefined ? {} : { resultTtlSeconds: seconds(resultTtl) }),
    ...(failureTtl === undefined ? {} : { failureTtlSeconds: seconds(failureTtl) }),
    ...(ttl === undefined ? {} : { ttlSeconds: seconds(ttl) }),
    ...(retry === undefined ? {} : { retry: retries(retry) }),
    ...(dependsOn === undefined ? {} : { dependsOn: parents(dependsOn) }),
    ...(when === null ? {} : 'at' in when ? { scheduleAt: moment(when.at) } : { scheduleInSeconds: seconds(when.in) }),
  };
}

function retries(retry: NonNullable<EnqueueOptions['retry']>): NonNullable<NewJob['retry']> {
  if (typeof retry === 'number') return { max: retry };
  if (!isObject(retry)) throw usage(`retry is ${shown(retry)}: how often, or { max, intervals }, is needed`);
  const { intervals, ...rest } = retry;
  if (intervals === undefined) return rest;
  return {
    ...rest,
    intervals: (Array.isArray(intervals) ? (intervals as Duration[]) : [intervals as Duration]).map(seconds),
  };
}

function parents(dependsOn: NonNullable<EnqueueOptions['dependsOn']>): NonNullable<NewJob['dependsOn']> {
  if (typeof dependsOn === 'string') return dependsOn;
  if (!isObject(dependsOn) && !Array.isArray(dependsOn))
    throw usage(`dependsOn is ${shown(dependsOn)}: a job, an id, a list of those, or { jobs, allowFailure } is needed`);
  if ('jobs' in dependsOn) {
    const { jobs, ...rest } = dependsOn;
    return { ids: jobs.map(idOf), ...rest };
  }
  return Array.isArray(dependsOn) ? (dependsOn as JobReference[]).map(idOf) : idOf(dependsOn);
}

/** Of any realm: test runners have their own `Date`. */
function moment(at: Date): Date {
  if (Object.prototype.toString.call(at) === '[object Date]') return at;
  throw usage(`the time to schedule the job at is ${shown(at)}: a Date is needed`);
}

function idOf(job: JobReference): string {
  if (typeof job === 'string') return job;
  if (isObject(job) && typeof job.id === 'string') return job.id;
  throw usage(`${shown(job)} is no job to depend on`, 'a job, or the id of one, is needed');
}

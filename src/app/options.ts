import type { NewJob } from '../queue/enqueue.js';
import { parseDuration } from '../protocol/time.js';
import { usage } from '../queue/check.js';
import { shown } from './shown.js';

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

/** When a job is to begin: null for at once. */
export type When = { readonly in: Duration } | { readonly at: Date } | null;

/** The fields of a job that options say. */
export type JobFields = Omit<NewJob, 'functionName' | 'args'>;

/** Options as the verb `enqueue` takes them; null for none. What is undefined counts as not given. Throws USAGE for a text that is no duration. */
export function jobFields(options: EnqueueOptions | null | undefined): JobFields | null {
  let fields: Writable<JobFields> | null = null;
  for (const name in options) {
    if (options[name as keyof EnqueueOptions] === undefined || !Object.hasOwn(options, name)) continue;
    fields ??= {};
    take(fields, options as Given, name as keyof EnqueueOptions);
  }
  return fields;
}

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };
/** Of which one is read that is there. */
type Given = { readonly [Name in keyof EnqueueOptions]-?: NonNullable<EnqueueOptions[Name]> };

/** Durations, and what they are called there. */
const SECONDS = {
  timeout: 'timeoutSeconds',
  resultTtl: 'resultTtlSeconds',
  failureTtl: 'failureTtlSeconds',
  ttl: 'ttlSeconds',
} as const;
const isTime = (name: string): name is keyof typeof SECONDS => Object.hasOwn(SECONDS, name);

function take(fields: Writable<JobFields>, options: Given, name: keyof EnqueueOptions): void {
  if (isTime(name)) fields[SECONDS[name]] = seconds(options[name]);
  else if (name === 'retry') fields.retry = retries(options.retry);
  else if (name === 'dependsOn') fields.dependsOn = parents(options.dependsOn);
  // The others have one name and one form in both.
  else (fields as Record<string, unknown>)[name] = options[name];
}

/** When a job is to begin, as the verb takes it. Throws USAGE. */
export function schedule(when: NonNullable<When>): Pick<NewJob, 'scheduleAt' | 'scheduleInSeconds'> {
  if (!('at' in when)) {
    const { in: delay } = when as { readonly in: unknown };
    if (typeof delay === 'number' || typeof delay === 'string')
      return { scheduleInSeconds: seconds(delay as Duration) };
    throw usage(`the delay is ${shown(delay)}: seconds are needed, or a text such as '5m'`, "enqueueIn('5m', …)");
  }
  const { at } = when as { readonly at: unknown };
  if (Object.prototype.toString.call(at) === '[object Date]') return { scheduleAt: at as Date };
  throw usage(
    `the time to enqueue at is ${shown(at)}: a Date is needed`,
    "enqueueAt(new Date('2027-01-01T08:00:00Z'), …)",
  );
}

/** What `more` says counts; where it says nothing, or undefined, `options` do. */
export function merged<Options extends object>(options: Options, more: Options): Options {
  const all = { ...options };
  for (const name in more) if (more[name] !== undefined && Object.hasOwn(more, name)) all[name] = more[name];
  return all;
}

function retries(retry: NonNullable<EnqueueOptions['retry']>): NonNullable<NewJob['retry']> {
  if (typeof retry === 'number') return { max: retry };
  const { intervals, ...rest } = retry;
  if (intervals === undefined) return rest;
  return {
    ...rest,
    intervals: (Array.isArray(intervals) ? (intervals as Duration[]) : [intervals as Duration]).map(seconds),
  };
}

function parents(dependsOn: NonNullable<EnqueueOptions['dependsOn']>): NonNullable<NewJob['dependsOn']> {
  if (typeof dependsOn !== 'object') return dependsOn;
  if ('jobs' in dependsOn) {
    const { jobs, ...rest } = dependsOn;
    return { ids: jobs.map(idOf), ...rest };
  }
  return 'id' in dependsOn ? dependsOn.id : dependsOn.map(idOf);
}

const idOf = (job: JobReference): string => (typeof job === 'string' ? job : job.id);

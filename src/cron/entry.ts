import { createHash } from 'node:crypto';
import { TsrqError } from '../errors.js';
import { dumps } from '../protocol/json-writer.js';
import type { Serializer } from '../protocol/payload.js';
import { parseDuration } from '../protocol/time.js';
import type { NewJob } from '../queue/new-job.js';
import { prepare } from '../queue/prepare.js';
import { parseExpression } from './expression.js';
import type { Schedule } from './occurrences.js';
import { zoneOf } from './zone.js';

/** What to do about occurrences that passed while no `tsrq cron` ran, by more than a minute. */
export type MissedPolicy = 'skip' | 'once' | 'all';

/** A duration: seconds, or `30s`, `5m`, `1h`, `2d`. */
type Duration = number | string;

/** An entry of a cron file, as it is written. RQ's names of `register` (`func`, `queue_name`, `job_timeout`, …) are read as well. */
export interface CronJob {
  /** Unique within a Redis; default: the function, told apart by the rest. */
  readonly name?: string;
  /** `app.mail.send`: what the worker resolves to a function. */
  readonly function: string;
  /** Default `default`. */
  readonly queue?: string;
  /** A cron expression as croniter reads it; or: */
  readonly cron?: string;
  readonly interval?: Duration;
  /** Of `cron`: `Europe/Berlin`; default UTC. */
  readonly timezone?: string;
  /** Default `once`. */
  readonly missed?: MissedPolicy;
  /** With `missed: 'all'`: at most so many, the latest; default 100. */
  readonly maxMissed?: number;
  readonly args?: readonly unknown[];
  readonly kwargs?: Readonly<Record<string, unknown>>;
  readonly timeout?: Duration;
  readonly resultTtl?: Duration;
  readonly ttl?: Duration;
  readonly failureTtl?: Duration;
  readonly description?: string;
  readonly meta?: Readonly<Record<string, unknown>>;
  readonly serializer?: Serializer;
  readonly atFront?: boolean;
  readonly retry?: number | { readonly max: number; readonly intervals?: readonly Duration[] };
}

/** A cron file: entries, or entries with what they have in common. */
export type CronFile = readonly CronJob[] | { readonly defaults?: Partial<CronJob>; readonly jobs: readonly CronJob[] };

/** An entry that is fit to be run. */
export interface CronEntry {
  /** What it is known by: its name, or its function and a digest of the rest. */
  readonly key: string;
  /** What the key stands for: when that changes it is another entry, which has missed nothing. */
  readonly what: string;
  /** RQ's name of a cron job: several may have one. */
  readonly name: string;
  readonly queue: string;
  readonly schedule: Schedule;
  readonly missed: MissedPolicy;
  readonly maxMissed: number;
  readonly job: NewJob & { readonly args: readonly unknown[]; readonly kwargs: Readonly<Record<string, unknown>> };
}

type Reader = (value: unknown) => unknown;

/** What each key of an entry may be; a reader throws an Error with what is needed. */
const READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['name', line],
  ['function', line],
  ['queue', line],
  ['cron', (value) => parseExpression(text(value))],
  ['interval', (value) => seconds(value, 1)],
  ['timezone', (value) => zoneOf(text(value))],
  ['missed', oneOf(['skip', 'once', 'all'])],
  ['maxMissed', (value) => whole(value, 1)],
  ['args', list],
  ['kwargs', record],
  ['timeout', (value) => seconds(value, -1)],
  ['resultTtl', (value) => seconds(value, -1)],
  ['ttl', (value) => seconds(value, 1)],
  ['failureTtl', (value) => seconds(value, -1)],
  ['description', text],
  ['meta', record],
  ['serializer', oneOf(['json', 'pickle'])],
  ['atFront', boolean],
  ['retry', retry],
]);

/** RQ's names where they differ by more than their spelling. */
const RQ_NAMES: ReadonlyMap<string, string> = new Map([
  ['func', 'function'],
  ['funcName', 'function'],
  ['queueName', 'queue'],
  ['jobTimeout', 'timeout'],
]);

const DEFAULT_MAX_MISSED = 100;

/** The entries of a file's value. Throws CONFIG that lists every problem with its place; `file` heads the message. */
export function parseEntries(value: unknown, file: string): CronEntry[] {
  const problems: string[] = [];
  const { jobs, defaults, prefix } = partsOf(value, problems);
  const shared = valuesOf(defaults, 'defaults', problems);
  const keys = new Map<string, string>();
  const entries = jobs.flatMap((job, i) => {
    const place = `${prefix}[${i}]${nameOf(job)}`;
    const before = problems.length;
    const values = new Map([...shared, ...valuesOf(job, place, problems)]);
    const entry = problems.length === before ? attempt(place, problems, () => entryOf(values)) : null;
    if (!entry) return [];
    const same = keys.get(entry.key);
    if (same !== undefined)
      problems.push(
        `${place}: it is ${same} again: ${values.has('name') ? 'a name stands for one entry' : 'give them names to have both'}`,
      );
    keys.set(entry.key, place);
    return [entry];
  });
  if (problems.length === 0 && entries.length === 0) problems.push(`${prefix}: there are no entries`);
  if (problems.length === 0) return entries;
  const head = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
  throw new TsrqError(
    'CONFIG',
    [`${head} in the cron file ${file}:`, ...problems.map((line) => `  ${line}`)].join('\n'),
  );
}

interface Parts {
  readonly jobs: readonly unknown[];
  readonly defaults: unknown;
  /** How the place of an entry begins. */
  readonly prefix: string;
}

function partsOf(value: unknown, problems: string[]): Parts {
  if (Array.isArray(value)) return { jobs: value, defaults: {}, prefix: 'jobs' };
  if (!isRecord(value)) throw new TsrqError('CONFIG', 'a cron file holds a list of entries, or an object with `jobs`');
  for (const key of Object.keys(value)) {
    if (key !== 'jobs' && key !== 'defaults') problems.push(`${key}: unknown key: there are jobs and defaults`);
  }
  const { jobs, defaults = {} } = value;
  if (!Array.isArray(jobs)) problems.push('jobs: a list of entries is needed');
  return { jobs: Array.isArray(jobs) ? jobs : [], defaults, prefix: 'jobs' };
}

const nameOf = (job: unknown): string =>
  isRecord(job) && typeof job['name'] === 'string' ? ` (${job['name'].slice(0, 80)})` : '';

/** What an entry says, read key by key; null says nothing, as in RQ. */
function valuesOf(job: unknown, place: string, problems: string[]): Map<string, unknown> {
  const values = new Map<string, unknown>();
  if (!isRecord(job)) {
    problems.push(`${place}: an object is needed, not ${shown(job)}`);
    return values;
  }
  for (const [given, value] of Object.entries(job)) {
    const camel = given.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const key = RQ_NAMES.get(camel) ?? camel;
    const read = READERS.get(key);
    if (!read) problems.push(`${place}: unknown key ${given}: there are ${[...READERS.keys()].join(', ')}`);
    else if (values.has(key)) problems.push(`${place}: ${given} is given under another name as well`);
    else if (value !== null && value !== undefined) {
      attempt(`${place}: ${given}`, problems, () => values.set(key, read(value)));
    }
  }
  return values;
}

function attempt<T>(place: string, problems: string[], work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    problems.push(`${place}: ${(error as Error).message}`);
    return null;
  }
}

function entryOf(values: ReadonlyMap<string, unknown>): CronEntry {
  const get = <T>(key: string): T | undefined => values.get(key) as T | undefined;
  const functionName = get<string>('function');
  if (functionName === undefined) throw new Error('function is missing: what is to run, as app.mail.send');
  const queue = get<string>('queue') ?? 'default';
  const schedule = scheduleOf(get);
  const job = {
    functionName,
    queue,
    args: get<unknown[]>('args') ?? [],
    kwargs: get<Record<string, unknown>>('kwargs') ?? {},
    ...given(get, 'timeoutSeconds', 'timeout'),
    ...given(get, 'resultTtlSeconds', 'resultTtl'),
    ...given(get, 'ttlSeconds', 'ttl'),
    ...given(get, 'failureTtlSeconds', 'failureTtl'),
    ...given(get, 'description', 'description'),
    ...given(get, 'meta', 'meta'),
    ...given(get, 'serializer', 'serializer'),
    ...given(get, 'atFront', 'atFront'),
    ...given(get, 'retry', 'retry'),
  } satisfies NewJob;
  // What could not be enqueued later is said now.
  prepare(job, 0);
  const rest = { queue, schedule: schedule.text, args: job.args, kwargs: job.kwargs };
  return {
    key: get<string>('name') ?? `${functionName}:${digest(dumps(rest))}`,
    what: `${functionName} on ${queue}, ${schedule.text}`,
    name: get<string>('name') ?? functionName,
    queue,
    schedule,
    missed: get<MissedPolicy>('missed') ?? 'once',
    maxMissed: get<number>('maxMissed') ?? DEFAULT_MAX_MISSED,
    job,
  };
}

/** The value of `key` as `as`, if it is given. */
function given<K extends keyof NewJob>(get: (key: string) => unknown, as: K, key: string): Pick<NewJob, K> | object {
  const value = get(key);
  return value === undefined ? {} : { [as]: value };
}

function scheduleOf(get: <T>(key: string) => T | undefined): Schedule {
  const expression = get<ReturnType<typeof parseExpression>>('cron');
  const interval = get<number>('interval');
  const zone = get<ReturnType<typeof zoneOf>>('timezone');
  if (expression !== undefined && interval !== undefined) throw new Error('cron and interval are both given');
  if (interval !== undefined) return { kind: 'interval', seconds: interval, text: `every ${interval} s` };
  if (expression === undefined) throw new Error('when is missing: cron, or interval');
  const place = zone ?? zoneOf('UTC');
  return { kind: 'cron', expression, zone: place, text: `${expression.text} ${place.name}` };
}

const digest = (value: string): string => createHash('sha256').update(value).digest('hex').slice(0, 12);

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function shown(value: unknown): string {
  const json = typeof value === 'function' ? 'a function' : (JSON.stringify(value) ?? String(value));
  return json.length > 60 ? `${json.slice(0, 60)}…` : json;
}

const needed = (what: string, value: unknown): Error => new Error(`${what} is needed, not ${shown(value)}`);

function text(value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw needed('a text', value);
}

function line(value: unknown): string {
  if (/[\x00-\x1f\x7f]/.test(text(value)) || text(value).length > 500)
    throw needed('one line of at most 500 letters', value);
  return text(value);
}

function boolean(value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw needed('true or false', value);
}

function list(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  throw needed('a list', value);
}

function record(value: unknown): Record<string, unknown> {
  if (isRecord(value)) return value;
  throw needed('an object', value);
}

function whole(value: unknown, least: number): number {
  if (Number.isSafeInteger(value) && (value as number) >= least) return value as number;
  throw needed(`a whole number from ${least}`, value);
}

function seconds(value: unknown, least: number): number {
  if (typeof value !== 'string' && !Number.isSafeInteger(value))
    throw needed('a duration (seconds, or 30s, 5m, 1h, 2d)', value);
  const duration = parseDuration(value as string | number);
  if (duration < least) throw needed(`a duration of at least ${least} s`, value);
  return duration;
}

function oneOf(names: readonly string[]): Reader {
  return (value) => {
    if (typeof value === 'string' && names.includes(value)) return value;
    throw needed(`one of ${names.join(', ')}`, value);
  };
}

function retry(value: unknown): NonNullable<NewJob['retry']> {
  if (typeof value === 'number') return { max: whole(value, 1) };
  const { max, intervals = [], ...others } = record(value);
  const [other] = Object.keys(others);
  if (other !== undefined) throw new Error(`unknown key ${other}: there are max, intervals`);
  const every = (Array.isArray(intervals) ? intervals : [intervals]).map((interval) => seconds(interval, 0));
  return { max: whole(max, 1), ...(every.length === 0 ? {} : { intervals: every }) };
}

import { callbackFields, type Callbacks } from './callbacks.js';
import { dumps } from './json-writer.js';
import { readRetryErrors, RETRY_ERROR_FIELDS, type RetryError } from './retry-error.js';
import { formatDate, parseDate } from './time.js';
import { dumpWebhooks, type Webhook } from './webhooks.js';

/** What RQ 2.10 writes when a job is enqueued. Times in milliseconds since the epoch. */
export interface NewJobFields {
  /** `data`, encoded. */
  readonly payload: Buffer;
  readonly origin: string;
  readonly description: string;
  readonly createdAtMs: number;
  readonly enqueuedAtMs: number;
  readonly timeoutSeconds: number;
  readonly resultTtlSeconds?: number | undefined;
  readonly failureTtlSeconds?: number | undefined;
  readonly ttlSeconds?: number | undefined;
  /** Serialised. */
  readonly meta?: Buffer | undefined;
  readonly retry?:
    { readonly max: number; readonly intervals: readonly number[]; readonly enqueueAtFront?: boolean } | undefined;
  /** How many times more after the first success; intervals as they are stored, which is used from its end. */
  readonly repeat?: { readonly times: number; readonly intervals: readonly number[] } | undefined;
  readonly callbacks?: Callbacks | undefined;
  /** RQ 3's. */
  readonly rateLimit?: { readonly key: string; readonly concurrency: number } | undefined;
  readonly webhooks?: readonly Webhook[] | undefined;
  /** The parents it waits for, and whether those may fail. */
  readonly dependencyIds?: readonly string[] | undefined;
  readonly allowDependencyFailures?: boolean | undefined;
  /** To the head of its queue when its time has come, or its parents are done. */
  readonly enqueueAtFront?: boolean | undefined;
}

/** The hash of a job that is being enqueued; unset fields that RQ always writes are empty texts. */
export function newJobFields(job: NewJobFields): [field: string, value: string | Buffer][] {
  return [
    ...(['started_at', 'ended_at', 'last_heartbeat', 'worker_name', 'group_id'] as const).map(blank),
    ...(['success_callback_name', 'failure_callback_name', 'stopped_callback_name'] as const).map(blank),
    ['status', 'queued'],
    ['origin', job.origin],
    ['created_at', formatDate(job.createdAtMs)],
    ['enqueued_at', formatDate(job.enqueuedAtMs)],
    ['data', job.payload],
    ['description', job.description],
    ...optionFields(job),
  ];
}

const blank = (field: string): [string, string] => [field, ''];

/** Those of them that depend neither on what the job is called with nor are known to the scripts (`write_hash`). */
export function optionFields(
  job: Omit<NewJobFields, 'origin' | 'createdAtMs' | 'enqueuedAtMs' | 'payload' | 'description'>,
): [field: string, value: string | Buffer][] {
  const fields: [string, string | Buffer][] = [['timeout', String(job.timeoutSeconds)]];
  if (job.resultTtlSeconds !== undefined) fields.push(['result_ttl', String(job.resultTtlSeconds)]);
  if (job.failureTtlSeconds !== undefined) fields.push(['failure_ttl', String(job.failureTtlSeconds)]);
  if (job.ttlSeconds !== undefined) fields.push(['ttl', String(job.ttlSeconds)]);
  if (job.meta) fields.push(['meta', job.meta]);
  if (job.retry) {
    fields.push(['retries_left', String(job.retry.max)], ['retry_intervals', dumps(job.retry.intervals)]);
    if (job.retry.enqueueAtFront === true) fields.push(['enqueue_at_front_on_retry', '1']);
  }
  if (job.repeat) {
    fields.push(['repeats_left', String(job.repeat.times)], ['repeat_intervals', dumps(job.repeat.intervals)]);
  }
  if (job.webhooks && job.webhooks.length > 0) fields.push(['webhooks', dumpWebhooks(job.webhooks)]);
  if (job.callbacks) fields.push(...callbackFields(job.callbacks));
  if (job.rateLimit) {
    fields.push(['rate_limit_key', job.rateLimit.key], ['rate_limit_concurrency', String(job.rateLimit.concurrency)]);
  }
  const [parent] = job.dependencyIds ?? [];
  if (parent !== undefined) {
    fields.push(['dependency_id', parent], ['dependency_ids', dumps(job.dependencyIds)]);
    const allow = job.allowDependencyFailures;
    if (allow !== undefined) fields.push(['allow_dependency_failures', allow ? '1' : '0']);
  }
  if (job.enqueueAtFront === true) fields.push(['enqueue_at_front', '1']);
  return fields;
}

/** A job's hash, parsed. Everything but the id may be missing; `problems` names fields that cannot be read. */
export interface JobRecord {
  readonly id: string;
  readonly status: string | null;
  readonly origin: string | null;
  readonly description: string | null;
  readonly data: Buffer | null;
  readonly createdAtMs: number | null;
  readonly enqueuedAtMs: number | null;
  readonly startedAtMs: number | null;
  readonly endedAtMs: number | null;
  readonly lastHeartbeatMs: number | null;
  readonly workerName: string | null;
  readonly timeoutSeconds: number | null;
  readonly resultTtlSeconds: number | null;
  readonly failureTtlSeconds: number | null;
  readonly ttlSeconds: number | null;
  readonly retriesLeft: number | null;
  readonly retryIntervals: readonly number[];
  readonly repeatsLeft: number | null;
  /** Used from the end of the list. */
  readonly repeatIntervals: readonly number[];
  /** Why attempts failed that were retried, oldest first: the last five of tsrq's workers. */
  readonly retryErrors: readonly RetryError[];
  readonly dependencyIds: readonly string[];
  /** Serialised; see `meta` of the serializer it was written with. */
  readonly meta: Buffer | null;
  /** Error text of versions before the result streams; raw or a zlib stream. */
  readonly legacyError: Buffer | null;
  /** Fields that this version does not know, kept as they are. */
  readonly unknown: ReadonlyMap<string, Buffer>;
  readonly problems: readonly string[];
}

/** Parses a job's hash; never throws. */
export function parseJob(id: string, fields: ReadonlyMap<string, Buffer>): JobRecord {
  const problems: string[] = [];
  const read = <T>(field: string, parse: (text: string) => T | null): T | null => {
    const text = fields.get(field)?.toString();
    if (text === undefined || text === '') return null;
    const value = parse(text);
    if (value === null) problems.push(`${field} is '${text.slice(0, 80)}'`);
    return value;
  };
  const text = (field: string): string | null => read(field, (value) => value);
  const date = (field: string): number | null => read(field, parseDate);
  const integer = (field: string): number | null => read(field, parseInteger);
  const firstParent = text('dependency_id');
  return {
    id,
    status: text('status'),
    origin: text('origin'),
    description: text('description'),
    data: fields.get('data') ?? null,
    createdAtMs: date('created_at'),
    enqueuedAtMs: date('enqueued_at'),
    startedAtMs: date('started_at'),
    endedAtMs: date('ended_at'),
    lastHeartbeatMs: date('last_heartbeat'),
    workerName: text('worker_name'),
    timeoutSeconds: integer('timeout'),
    resultTtlSeconds: integer('result_ttl'),
    failureTtlSeconds: integer('failure_ttl'),
    ttlSeconds: integer('ttl'),
    retriesLeft: integer('retries_left'),
    retryIntervals: read('retry_intervals', (value) => parseList(value, 'number')) ?? [],
    repeatsLeft: integer('repeats_left'),
    repeatIntervals: read('repeat_intervals', (value) => parseList(value, 'number')) ?? [],
    retryErrors: readRetryErrors(fields),
    dependencyIds:
      read('dependency_ids', (value) => parseList(value, 'string')) ?? (firstParent === null ? [] : [firstParent]),
    meta: fields.get('meta') ?? null,
    legacyError: fields.get('exc_info') ?? null,
    unknown: new Map([...fields].filter(([field]) => !KNOWN.has(field))),
    problems,
  };
}

/** Every field RQ 2.10 writes, and those of tsrq: `retries_max`, the errors of retried attempts, and that there is a log. */
const KNOWN: ReadonlySet<string> = new Set([
  ...['created_at', 'data', 'status', 'origin', 'description', 'timeout', 'enqueued_at', 'started_at', 'ended_at'],
  ...['last_heartbeat', 'worker_name', 'group_id', 'success_callback_name', 'failure_callback_name'],
  ...['stopped_callback_name', 'success_callback_timeout', 'failure_callback_timeout', 'stopped_callback_timeout'],
  ...['result_ttl', 'failure_ttl', 'ttl', 'meta', 'retries_left', 'retry_intervals', 'enqueue_at_front_on_retry'],
  ...['number_of_retries', 'repeats_left', 'repeat_intervals', 'dependency_ids', 'dependency_id'],
  ...['allow_dependency_failures', 'enqueue_at_front', 'webhooks', 'exc_info', 'result', 'retries_max'],
  ...RETRY_ERROR_FIELDS,
  ...['rate_limit_key', 'rate_limit_concurrency'],
  'tsrq_log',
]);

function parseInteger(text: string): number | null {
  const value = /^[+-]?\d+$/.test(text.trim()) ? Number(text) : NaN;
  return Number.isSafeInteger(value) ? value : null;
}

function parseList<T extends 'number' | 'string'>(
  text: string,
  type: T,
): (T extends 'number' ? number : string)[] | null {
  try {
    const list: unknown = JSON.parse(text);
    // 1e999 is JSON, and no number to wait for.
    return Array.isArray(list) && list.every((item) => typeof item === type && item !== Infinity && item !== -Infinity)
      ? list
      : null;
  } catch {
    return null;
  }
}

import { randomUUID } from 'node:crypto';
import { optionFields, type NewJobFields } from '../protocol/job.js';
import { UnserializableError } from '../protocol/json-writer.js';
import { dated, frameJob } from '../protocol/job-dump.js';
import { isJobId } from '../protocol/keys.js';
import {
  deflate,
  MAX_BYTES,
  serialise,
  serialiseCall,
  serialisedBytes,
  type Call,
  type Serializer,
} from '../protocol/payload.js';
import { describeCall } from '../protocol/repr.js';
import { formatDate } from '../protocol/time.js';
import { integer, usage, whole } from './check.js';
import { checkFollowUps, followUpFields } from './follow-ups.js';
import type { NewJob, PreparedJob } from './new-job.js';

const DEFAULT_TIMEOUT_SECONDS = 180;

/** Nobody can have its id, it waits for nothing but its turn, and for no replica. */
export function isPlain(job: NewJob): boolean {
  const { id, durable, ttlSeconds, group, rateLimit, dependsOn } = job;
  const isFree = (id ?? durable ?? ttlSeconds ?? group ?? rateLimit ?? dependsOn) === undefined;
  return isFree && !isScheduled(job) && !isBrief(job);
}

/** What was said last of a plain job, but for what it is called with, and what came of it. */
let last: { readonly said: Readonly<Record<string, unknown>>; readonly many: number; readonly common: Common } | null =
  null;

/**
 * Checks a job and writes down what is stored of it. `nowMs`: the moment of the call. Throws USAGE. Programs enqueue one kind of job after the
 * other: what was checked and written down of the one before is taken again.
 */
export function prepare(job: NewJob, nowMs: number): PreparedJob {
  if (last && saysTheSame(job, last.said, last.many)) return prepared(checked(job, datedAt(last.common, nowMs)));
  const common = commonOf(job, nowMs);
  remember(job, common);
  return prepared(checked(job, common));
}

/** Not what was said by an object: it may be another inside when it is said again. */
function remember(job: NewJob, common: Common): void {
  last = null;
  if (common.frame === null || Object.getPrototypeOf(job) !== Object.prototype) return;
  const said = Object.entries(job).filter(([key, value]) => !OWN.has(key) && value !== undefined);
  if (said.every(([, value]) => typeof value !== 'object')) {
    last = { said: Object.fromEntries(said), many: said.length, common };
  }
}

/** `many`: so much was said. */
function saysTheSame(job: NewJob, said: Readonly<Record<string, unknown>>, many: number): boolean {
  if (job.id !== undefined || Object.getPrototypeOf(job) !== Object.prototype) return false;
  let same = 0;
  for (const key in job) {
    const value = job[key as keyof NewJob];
    if (OWN.has(key) || value === undefined) continue;
    if (value !== said[key]) return false;
    same += 1;
  }
  return same === many;
}

/** A job that can be stored; what it calls is serialised, and may change from here on. */
export interface CheckedJob extends Common {
  readonly job: NewJob;
  readonly id: string | undefined;
  readonly functionName: string;
  readonly description: string;
  readonly call: Buffer;
}

/**
 * Does of that for many jobs what may throw; `prepared` does the rest. What a job has in common with the one before it is
 * neither checked nor written down again.
 */
export function checkAll(jobs: readonly NewJob[], nowMs: number): CheckedJob[] {
  let before: CheckedJob | null = null;
  return jobs.map((job) => (before = checked(job, before && isLike(job, before.job) ? before : commonOf(job, nowMs))));
}

/** What `checkAll` has left to do: an id, where it has none, and the zlib stream. */
export function prepared(job: CheckedJob): PreparedJob {
  const { id = randomUUID(), functionName, description, queue, status, head, fields, frame, call } = job;
  return { id, queue, functionName, description, status, head, payload: deflate(call), fields, frame };
}

/** What is stored of a job, but for what it is called with. */
type Common = Pick<PreparedJob, 'queue' | 'status' | 'head' | 'fields' | 'frame'>;

/** The place of the date in `head`. */
const CREATED_AT = 4;

function datedAt({ queue, status, head, fields, frame }: Common, nowMs: number): Common {
  const createdAt = formatDate(nowMs);
  return { queue, status, head: head.with(CREATED_AT, createdAt), fields, frame: frame && dated(frame, createdAt) };
}

/** What most jobs have for themselves. */
const OWN: ReadonlySet<string> = new Set<keyof NewJob>(['functionName', 'args', 'kwargs', 'id', 'description']);

/** Whether these say the same of all else. */
function isLike(a: NewJob, b: NewJob): boolean {
  return (a.id === undefined) === (b.id === undefined) && saysAll(a, b) && saysAll(b, a);
}

function saysAll(a: NewJob, b: NewJob): boolean {
  for (const key in a) {
    if (!OWN.has(key) && a[key as keyof NewJob] !== b[key as keyof NewJob]) return false;
  }
  return true;
}

function checked(job: NewJob, { queue, status, head, fields, frame }: Common): CheckedJob {
  const { functionName, args = [], kwargs = {}, id, serializer = 'json' } = job;
  if (functionName === '') throw usage('the function name is empty');
  if (id !== undefined && !isJobId(id))
    throw usage(`the job id '${id}' has characters that RQ refuses`, 'letters, digits, _ and - are allowed');
  if (id !== undefined && parentsOf(job).includes(id)) throw usage(`job ${id} cannot depend on itself`);
  const call = checkedCall({ functionName, args, kwargs }, serializer);
  const description = job.description ?? describeCall(functionName, args, kwargs);
  return { queue, status, head, fields, frame, job, id, functionName, description, call };
}

function commonOf(job: NewJob, nowMs: number): Common {
  check(job);
  const { queue = 'default', onExistingId: rule = 'refuse' } = job;
  const fields = optionFields({
    timeoutSeconds: job.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS,
    resultTtlSeconds: job.resultTtlSeconds,
    failureTtlSeconds: job.failureTtlSeconds,
    ttlSeconds: job.ttlSeconds,
    meta: checkedMeta(job),
    rateLimit: job.rateLimit,
    ...waiting(job),
    ...followUpFields(job),
  });
  const due = dueSeconds(job);
  const parents = parentsOf(job);
  const createdAt = formatDate(nowMs);
  const head = [
    queue,
    flagsOf(job),
    job.ttlSeconds ?? '',
    rule,
    createdAt,
    due ?? '',
    job.group ?? '',
    job.rateLimit?.key ?? '',
    job.rateLimit?.concurrency ?? '',
    parents.length,
    ...parents,
  ];
  // What a repetition, whose first reply was lost, is told; mostly it is what became of the job.
  const frame = isPlain(job) ? frameJob(queue, createdAt, fields) : null;
  return { queue, status: due === null ? 'queued' : 'scheduled', head, fields, frame };
}

function flagsOf(job: NewJob): string {
  const brief = isBrief(job) ? 'brief ' : '';
  const flags = `${job.atFront === true ? 'front ' : ''}${job.id === undefined ? 'new ' : ''}${brief}`;
  return allowsFailure(job) === true ? `${flags}lenient` : flags;
}

/** Whether the job may be gone before the call that stored it can be sent again. */
const isBrief = ({ resultTtlSeconds, failureTtlSeconds }: NewJob): boolean =>
  [resultTtlSeconds, failureTtlSeconds].some((seconds) => seconds !== undefined && seconds >= 0 && seconds < 60);

const isScheduled = ({ scheduleAt, scheduleInSeconds }: NewJob): boolean =>
  scheduleAt !== undefined || scheduleInSeconds !== undefined;

/** When it is due, whole seconds since the epoch; null for at once. Schedulers look from the epoch on. */
function dueSeconds({ scheduleAt, scheduleInSeconds }: NewJob): number | null {
  if (scheduleAt !== undefined) return Math.max(0, Math.floor(scheduleAt.getTime() / 1_000));
  // By the wall clock: `clock` goes its own way when that is set, or the machine has slept.
  return scheduleInSeconds === undefined ? null : Math.floor(Date.now() / 1_000 + scheduleInSeconds);
}

function parentsOf({ dependsOn }: NewJob): readonly string[] {
  if (dependsOn === undefined) return [];
  if (typeof dependsOn === 'string') return [dependsOn];
  return [...new Set('ids' in dependsOn ? dependsOn.ids : dependsOn)];
}

/** Undefined where it was not said: RQ stores nothing then. */
function allowsFailure({ dependsOn }: NewJob): boolean | undefined {
  return typeof dependsOn === 'object' && 'ids' in dependsOn ? dependsOn.allowFailure === true : undefined;
}

/** What is stored of what it waits for. */
function waiting(job: NewJob): Pick<NewJobFields, 'dependencyIds' | 'allowDependencyFailures' | 'enqueueAtFront'> {
  const dependencyIds = parentsOf(job);
  const enqueueAtFront = job.atFront === true && (isScheduled(job) || dependencyIds.length > 0);
  return { dependencyIds, allowDependencyFailures: allowsFailure(job), enqueueAtFront };
}

const SERIALISED = { json: 'as JSON', pickle: 'pickled' } as const;

function checkedCall(call: Call, serializer: Serializer): Buffer {
  const what = `the arguments of ${call.functionName}`;
  const bytes = serialisable(what, () => serialiseCall(call, serializer));
  if (bytes.length <= MAX_BYTES) return bytes;
  throw usage(
    `${what} take ${Math.ceil(bytes.length / 1_048_576)} MiB ${SERIALISED[serializer]}: at most 64 are read by workers`,
    'store them elsewhere and pass where they are',
  );
}

function checkedMeta({ meta, serializer = 'json' }: NewJob): Buffer | undefined {
  if (!meta || Object.keys(meta).length === 0) return undefined;
  return serialisable('the meta', () => serialisedBytes(serialise(meta, serializer)));
}

function serialisable(what: string, work: () => Buffer): Buffer {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof UnserializableError)) throw error;
    throw usage(`${what} cannot be serialised: ${error.message}`);
  }
}

function check(job: NewJob): void {
  const { queue, timeoutSeconds, ttlSeconds } = job;
  if (queue === '') throw usage('the queue name is empty');
  if (job.group === '') throw usage('the group name is empty');
  if (job.rateLimit) checkRateLimit(job.rateLimit);
  for (const parent of parentsOf(job)) {
    if (!isJobId(parent)) throw usage(`'${parent}' is no job id to depend on`, 'letters, digits, _ and - are allowed');
  }
  if (Number.isNaN(job.scheduleAt?.getTime())) throw usage('the time to schedule the job at is no date');
  integer('delay', job.scheduleInSeconds, (value) => value >= 0, 'a number of seconds from 0');
  if (job.scheduleAt !== undefined && job.scheduleInSeconds !== undefined)
    throw usage('a job is scheduled at a time or in some seconds, not both');
  if (isScheduled(job) && job.dependsOn !== undefined) {
    throw usage('a job waits for a time or for other jobs, not both', 'let it depend on a job that is scheduled');
  }
  integer(
    'timeout',
    timeoutSeconds,
    (value) => value > 0 || value === -1,
    'a number of seconds from 1, or -1 for none',
  );
  integer('ttl', ttlSeconds, (value) => value > 0, 'a number of seconds from 1');
  integer('result ttl', job.resultTtlSeconds, (value) => value >= -1, 'a number of seconds, or -1 for ever');
  integer('failure ttl', job.failureTtlSeconds, (value) => value >= -1, 'a number of seconds, or -1 for ever');
  checkFollowUps(job);
}

function checkRateLimit({ key, concurrency }: NonNullable<NewJob['rateLimit']>): void {
  // Not given, where it comes from JavaScript.
  if (!key) throw usage('the key of the rate limit is empty');
  // Else it would be that of another limit's jobs.
  if (/:(allowed|rate_limited)$/.test(key)) throw usage(`the key of a rate limit cannot end as ${key} does`);
  whole('concurrency of the rate limit', concurrency, (value) => value >= 1, 'a number from 1');
}

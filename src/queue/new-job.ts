import { randomUUID } from 'node:crypto';
import { publish } from '../diagnostics.js';
import { TsrqError } from '../errors.js';
import { ownFields, type NewJobFields } from '../protocol/job.js';
import { isJobId } from '../protocol/keys.js';
import { UnserializableError } from '../protocol/json.js';
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
import type { BufferReply, Durability, Redis, RedisArg } from '../redis/redis.js';
import { script } from '../redis/scripts.js';
import { integer, usage } from './check.js';
import { asList, asText } from './claim.js';
import { checkFollowUps, followUpFields, type FollowUps } from './follow-ups.js';

export interface NewJob extends FollowUps {
  /** What the worker resolves to a function: `app.mail.send`. */
  readonly functionName: string;
  readonly args?: readonly unknown[];
  readonly kwargs?: Readonly<Record<string, unknown>>;
  /** Default `default`. */
  readonly queue?: string;
  /** Letters, digits, `_` and `-`; default a random UUID. */
  readonly id?: string;
  readonly description?: string;
  /** Seconds the job may run; -1 for no limit; default 180. */
  readonly timeoutSeconds?: number;
  /** Seconds to keep the result: 0 not at all, -1 for ever; default: the worker's. */
  readonly resultTtlSeconds?: number;
  /** Seconds to keep the job after a failure: -1 for ever; default one year. */
  readonly failureTtlSeconds?: number;
  /** Seconds the job may wait in the queue; default for ever. */
  readonly ttlSeconds?: number;
  readonly meta?: Readonly<Record<string, unknown>>;
  /** How arguments, meta and results are written: 'json' (default), or 'pickle', the default of Python's workers. */
  readonly serializer?: Serializer;
  readonly atFront?: boolean;
  /** Its group (RQ's `Group`), which comes to be with its first job; default none. */
  readonly group?: string;
  /**
   * At most `concurrency` jobs with this `key` are queued or running at once, on whatever queues; the others wait in the order
   * in which they came. Stored as RQ 3's `RateLimit`. RQ 2's workers run such jobs and do not let the next one follow, which
   * tsrq's or RQ 3's maintenance does then; its readers do not know the status 'rate_limited' of one that waits.
   */
  readonly rateLimit?: { readonly key: string; readonly concurrency: number };
  /** Not before that moment; a scheduler (`tsrq worker --with-scheduler`, or RQ's) puts it on its queue then. Whole seconds. */
  readonly scheduleAt?: Date;
  /** The same, in seconds from now. */
  readonly scheduleInSeconds?: number;
  /**
   * Ids of jobs that must be done first, or one. Parents that do not exist count as done. A job whose parent fails, is stopped or canceled waits
   * on, visible in the deferred registry, unless `allowFailure` says that failed parents are good enough. Not together with
   * a schedule: RQ would not look at the parents when the time has come.
   */
  readonly dependsOn?:
    string | readonly string[] | { readonly ids: readonly string[]; readonly allowFailure?: boolean };
  /**
   * What if the id is in use? `refuse` (default): a live job keeps it, one that has ended gives it up. `unique`: any job
   * keeps it while its hash exists (RQ's `unique`). `replace`: a waiting job is replaced, a running one is not.
   */
  readonly onExistingId?: 'refuse' | 'unique' | 'replace';
  /** Counts as enqueued only when so many replicas have it; fewer in time → NOT_REPLICATED, and the job is stored all the same. */
  readonly durable?: Durability;
}

/** A job that was stored. */
export interface EnqueuedJob {
  readonly id: string;
  readonly queue: string;
  readonly description: string;
  /** 'scheduled': it waits for its time; 'deferred': for its parents; 'rate_limited': for others of its rate limit. */
  readonly status: 'queued' | (typeof HELD)[number];
}

/** What a job may be that was stored and is not on a queue. */
export const HELD = ['scheduled', 'deferred', 'rate_limited'] as const;

const DEFAULT_TIMEOUT_SECONDS = 180;

/** Nobody can have its id, it waits for nothing but its turn, and for no replica. */
export function isPlain(job: NewJob): boolean {
  const { id, durable, ttlSeconds, group, rateLimit, dependsOn } = job;
  const isFree = (id ?? durable ?? ttlSeconds ?? group ?? rateLimit ?? dependsOn) === undefined;
  return isFree && !isScheduled(job) && !isBrief(job);
}

/** Stores one job by itself. */
export async function storeOne(
  redis: Redis,
  prepared: PreparedJob,
  { durable, onExistingId }: Pick<NewJob, 'durable' | 'onExistingId'> = {},
): Promise<EnqueuedJob> {
  const { id, queue, description, head, fields } = prepared;
  const args: RedisArg[] = [id, ...head];
  for (const field of fields) args.push(...field);
  const [state, other] = asList(await store(redis, 'enqueue', args, durable, `job ${id} is`)).map(asText);
  if (state === 'exists') throw jobExists(id, other ?? '', onExistingId);
  const status = HELD.find((held) => held === state) ?? prepared.status;
  tellEnqueued(redis, prepared, status);
  return { id, queue, description, status };
}

/** Publishes that a job was stored. */
export function tellEnqueued(redis: Redis, job: PreparedJob, status: EnqueuedJob['status']): void {
  const { id, queue, functionName } = job;
  publish('tsrq:job:enqueued', () => ({ id, queue, functionName, status, redis: redis.description }));
}

/** A job that is about to be stored. */
export interface PreparedJob extends EnqueuedJob {
  readonly functionName: string;
  /** What the scripts read after its id (`read_new_job`). */
  readonly head: readonly RedisArg[];
  /** Its hash, without what the scripts write by themselves. */
  readonly fields: readonly (readonly [field: string, value: string | Buffer])[];
}

/** Checks a job and writes down what is stored of it. `nowMs`: the moment of the call. Throws USAGE. */
export function prepare(job: NewJob, nowMs: number): PreparedJob {
  check(job);
  const { functionName, args = [], kwargs = {}, queue = 'default', id = randomUUID(), serializer = 'json' } = job;
  const description = job.description ?? describeCall(functionName, args, kwargs);
  const fields = ownFields({
    payload: checkedPayload({ functionName, args, kwargs }, serializer),
    description,
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
  const rule = job.onExistingId ?? 'refuse';
  const head = [
    queue,
    flagsOf(job),
    job.ttlSeconds ?? '',
    rule,
    formatDate(nowMs),
    due ?? '',
    job.group ?? '',
    job.rateLimit?.key ?? '',
    job.rateLimit?.concurrency ?? '',
    parents.length,
    ...parents,
  ];
  // What a repetition, whose first reply was lost, is told; mostly it is what became of the job.
  const status = due === null ? 'queued' : 'scheduled';
  return { id, queue, functionName, description, status, head, fields };
}

function jobExists(id: string, status: string, rule: NewJob['onExistingId']): TsrqError {
  const found = status === '' ? 'without a status' : status;
  return new TsrqError('JOB_EXISTS', `there is a job with id '${id}' already: it is ${found}`, {
    hint:
      rule === 'replace'
        ? 'a running job cannot be replaced'
        : 'choose another id, or replace the waiting job (--replace)',
  });
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

/** Runs a script; with `durable` it counts only when so many replicas have what it wrote. `what`: is stored, if they have not. */
export async function store(
  redis: Redis,
  name: 'enqueue' | 'enqueue_many',
  args: readonly RedisArg[],
  durable: Durability | undefined,
  what: string,
): Promise<BufferReply> {
  if (!durable) return redis.evaluate(script(name), [], args);
  const { reply, replicas } = await redis.evaluateDurably(script(name), args, durable);
  if (replicas >= durable.replicas) return reply;
  const seen = `${replicas} of ${durable.replicas} replicas had it within ${durable.timeoutMs} ms`;
  throw new TsrqError('NOT_REPLICATED', `${what} stored, not replicated: ${seen}`, {
    hint: 'it will run unless Redis fails over right now; to enqueue it again without doubling it, use its id',
  });
}

const SERIALISED = { json: 'as JSON', pickle: 'pickled' } as const;

function checkedPayload(call: Call, serializer: Serializer): Buffer {
  const what = `the arguments of ${call.functionName}`;
  const bytes = serialisable(what, () => serialiseCall(call, serializer));
  if (bytes.length <= MAX_BYTES) return deflate(bytes);
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
  const { functionName, queue, id, timeoutSeconds, ttlSeconds } = job;
  if (functionName === '') throw usage('the function name is empty');
  if (queue === '') throw usage('the queue name is empty');
  if (job.group === '') throw usage('the group name is empty');
  if (job.rateLimit?.key === '') throw usage('the key of the rate limit is empty');
  // Else it would be that of another limit's jobs.
  if (/:(allowed|rate_limited)$/.test(job.rateLimit?.key ?? ''))
    throw usage(`the key of a rate limit cannot end as ${job.rateLimit?.key} does`);
  integer('concurrency of the rate limit', job.rateLimit?.concurrency, (value) => value >= 1, 'a number from 1');
  if (id !== undefined && !isJobId(id)) {
    throw usage(`the job id '${id}' has characters that RQ refuses`, 'letters, digits, _ and - are allowed');
  }
  for (const parent of parentsOf(job)) {
    if (!isJobId(parent)) throw usage(`'${parent}' is no job id to depend on`, 'letters, digits, _ and - are allowed');
    if (parent === id) throw usage(`job ${parent} cannot depend on itself`);
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

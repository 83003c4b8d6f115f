import { TsrqError } from '../errors.js';
import { cancelJob, deleteJob, stopJob, type Canceled, type Stopped } from '../queue/end-job.js';
import { dependentIds } from '../queue/dependents.js';
import type { EnqueuedJob, NewJob } from '../queue/enqueue.js';
import { fetchLog, type LogLine } from '../queue/job-log.js';
import { fetchJobs, fetchResults, type FetchedJob, type FetchedResult, type StoredJob } from '../queue/job-store.js';
import { requeueIds, type Requeued } from '../queue/requeue.js';
import { waitForJob, type JobEnd, type WaitForJobOptions } from '../queue/wait-for-job.js';
import { writeMeta } from '../queue/write-meta.js';
import { Meta } from '../protocol/meta.js';
import { decodePayload, serializerOf, type Call, type Serializer } from '../protocol/payload.js';
import { progressOf, type Progress } from '../protocol/progress.js';
import type { Redis } from '../redis/redis.js';
import { connectionsFor, type ConnectionLike } from './connections.js';
import { seconds, type Duration } from './options.js';

/** Of a job whose result was waited for, and which ended without one. */
export class JobNotFinishedError extends Error {
  override readonly name = 'JobNotFinishedError';
  readonly id: string;
  readonly status: Exclude<JobEnd['status'], 'finished'>;
  /** The error text of a failed job. */
  readonly error: string | null;

  constructor(id: string, status: JobNotFinishedError['status'], error: string | null) {
    const line = error?.trim().split('\n').at(0);
    const why = line ?? (status === 'gone' ? 'it was deleted, or nothing was kept of it' : null);
    super(`job ${id} is ${status}${why === null ? '' : `: ${why}`}`);
    this.id = id;
    this.status = status;
    this.error = error;
  }
}

/** A job in Redis, as it was when it was last looked at: `refresh()` looks again. Each method is one verb of the library. */
export class Job<Result = unknown> {
  readonly id: string;
  readonly #redis: Redis;
  #seen: Partial<FetchedJob>;
  #call: (Call & { readonly serializer: Serializer }) | null;
  #meta: Meta;
  /** How long its parts are kept, if it was enqueued by this very object: then one that is not there has ended. */
  #enqueued: NonNullable<WaitForJobOptions['enqueued']> | null = null;

  private constructor(redis: Redis, id: string, seen: Partial<FetchedJob>, { call, meta }: Parts) {
    this.#redis = redis;
    this.id = id;
    this.#seen = seen;
    this.#call = call;
    this.#meta = meta;
  }

  /** The job of that id; null if there is none. */
  static async fetch<Result = unknown>(
    id: string,
    { connection, queue = 'default' }: { readonly connection?: ConnectionLike; readonly queue?: string } = {},
  ): Promise<Job<Result> | null> {
    const [job] = await Job.read<Result>(connectionsFor(connection).redisOf(queue), [id]);
    return job ?? null;
  }

  /** Jobs of a connection, in one round trip; null for those that do not exist. */
  static async read<Result = unknown>(redis: Redis, ids: readonly string[]): Promise<(Job<Result> | null)[]> {
    const found = await fetchJobs(redis, ids);
    return found.map((stored, i) => stored && new Job<Result>(redis, ids[i] ?? '', stored.job, partsOf(stored)));
  }

  /** A job that was enqueued just now; its meta is this object's from here on. */
  static enqueued<Result>(
    redis: Redis,
    { id, queue, description, status }: EnqueuedJob,
    { job, meta }: { readonly job: NewJob; readonly meta: Meta },
  ): Job<Result> {
    const { functionName, args = [], kwargs = {}, serializer = 'json' } = job;
    const call = { functionName, args, kwargs, serializer };
    const made = new Job<Result>(redis, id, { origin: queue, description, status }, { call, meta });
    made.#enqueued = job;
    return made;
  }

  /** Its connection, for the verbs of the library. */
  get redis(): Redis {
    return this.#redis;
  }
  /** The queue it belongs to. */
  get origin(): string {
    return this.#seen.origin ?? '';
  }
  /** `app.mail.send`; '' where the payload cannot be read. */
  get functionName(): string {
    return this.#call?.functionName ?? '';
  }
  /** The positional arguments; none where the payload cannot be read. */
  get args(): readonly unknown[] {
    return this.#call?.args ?? [];
  }
  /** The keyword arguments. */
  get kwargs(): Readonly<Record<string, unknown>> {
    return this.#call?.kwargs ?? {};
  }
  /** 'queued', 'started', 'finished' …, when it was last looked at; null when it was gone. */
  get status(): string | null {
    return this.#seen.status ?? null;
  }
  /** `app.mail.send('bob')`, unless it was enqueued with another one. */
  get description(): string | null {
    return this.#seen.description ?? null;
  }
  /** By the clock of who enqueued it. */
  get createdAt(): Date | null {
    return this.#seen.createdAt ?? null;
  }
  /** When it came to its queue; null for one that waits elsewhere, and for one that was enqueued by this object, until `refresh()`. */
  get enqueuedAt(): Date | null {
    return this.#seen.enqueuedAt ?? null;
  }
  /** Of its last attempt. */
  get startedAt(): Date | null {
    return this.#seen.startedAt ?? null;
  }
  /** Of its last attempt; null while it has not ended. */
  get endedAt(): Date | null {
    return this.#seen.endedAt ?? null;
  }
  /** The worker that runs it, or ran it last. */
  get workerName(): string | null {
    return this.#seen.workerName ?? null;
  }
  /** The error text of a job that failed. */
  get error(): string | null {
    return this.#seen.error ?? null;
  }
  /** Seconds it may run; -1 for no limit; null for the worker's. */
  get timeoutSeconds(): number | null {
    return this.#seen.timeoutSeconds ?? null;
  }
  /** Null for a job without retries. */
  get retriesLeft(): number | null {
    return this.#seen.retriesLeft ?? null;
  }
  /** Null for a job that is not repeated. */
  get repeatsLeft(): number | null {
    return this.#seen.repeatsLeft ?? null;
  }
  /** Why attempts failed that were retried, oldest first; workers of tsrq keep the last five. */
  get retryErrors(): FetchedJob['retryErrors'] {
    return this.#seen.retryErrors ?? [];
  }
  /** How far it is, as it tells itself by `getCurrentJob().progress()`, or in Python by its meta; null where it does not tell. */
  get progress(): Progress | null {
    return progressOf(this.#seen.meta);
  }
  /** Change it freely, then `saveMeta()`. */
  get meta(): Record<string, unknown> {
    return this.#meta.values;
  }

  /** Looks again; false if the job is gone. Changes of `meta` that were not saved are lost. */
  async refresh(): Promise<boolean> {
    const [stored] = await fetchJobs(this.#redis, [this.id]);
    if (stored) this.#see(stored.job, partsOf(stored));
    else this.#see({ origin: this.origin }, { call: this.#call, meta: Meta.read(null, this.#meta.serializer) });
    return stored != null;
  }

  /** What it returned, as far as its serializer can say it; null while there is no result, and after a failure. Throws BAD_DATA for what only Python can read. */
  async result(): Promise<Result | null> {
    await this.refresh();
    return this.#readable(this.#seen.result, this.#seen.unreadable) as Result | null;
  }

  /**
   * Waits until the job has ended (`waitForJob`), and returns what it returned. Throws JobNotFinishedError when it fails for good,
   * is stopped, canceled or gone; BAD_DATA for a result that only Python can read; TIMED_OUT when `timeout` is over (default: never); the signal's reason when that fires. The
   * job itself goes on.
   */
  async waitForResult(options: { readonly timeout?: Duration; readonly signal?: AbortSignal } = {}): Promise<Result> {
    const { timeout, signal } = options;
    const enqueued = this.#enqueued;
    const end = await waitForJob(this.#redis, this.id, {
      ...(timeout === undefined ? {} : { timeoutSeconds: seconds(timeout) }),
      ...(signal === undefined ? {} : { signal }),
      ...(enqueued === null ? {} : { enqueued }),
    });
    if (end?.kept === true) await this.refresh();
    if (end?.status === 'finished') return this.#readable(end.result, end.unreadable) as Result;
    const error = end?.error ?? null;
    throw new JobNotFinishedError(this.id, end?.status ?? 'gone', error);
  }

  /** The attempts that are recorded, newest first (`fetchResults`). */
  results(): Promise<FetchedResult[]> {
    return fetchResults(this.#redis, this.id);
  }

  /** What it has written with `getCurrentJob().log()`, oldest first; `after`: only what came behind that entry (`fetchLog`). */
  log(options: { readonly most?: number; readonly after?: string } = {}): Promise<LogLine[]> {
    return fetchLog(this.#redis, this.id, options);
  }

  /**
   * Writes the whole of `meta`; false if the job is gone. In a handler use that of `getCurrentJob()`, which is fenced. Throws BAD_DATA where it
   * holds what only Python can read, which would be lost.
   */
  async saveMeta(): Promise<boolean> {
    const { isUnreadable, whole, serializer } = this.#meta;
    if (!isUnreadable) return writeMeta(this.#redis, this.id, whole, serializer);
    throw new TsrqError('BAD_DATA', `the meta of job ${this.id} holds what only Python can read: it stays as it is`);
  }

  /** Takes it from its queue or registry (`cancelJob`). */
  cancel(options: { readonly enqueueDependents?: boolean } = {}): Promise<Canceled> {
    return cancelJob(this.#redis, this.id, options);
  }

  /** Puts it back on its queue if it failed (`requeueIds`). */
  async requeue(options: { readonly atFront?: boolean } = {}): Promise<Requeued> {
    const [result] = await requeueIds(this.#redis, [this.id], { queues: [this.origin], ...options });
    return result ?? { id: this.id, registry: null, requeued: false, reason: 'no such job' };
  }

  /** Removes it with its results; false if it was gone (`deleteJob`). */
  delete(): Promise<boolean> {
    return deleteJob(this.#redis, this.id);
  }

  /** Tells the worker that runs it to end it (`stopJob`). */
  stop(): Promise<Stopped> {
    return stopJob(this.#redis, this.id);
  }

  /** The jobs that wait for this one, of those that exist. */
  async dependents(): Promise<Job[]> {
    const found = await Job.read(this.#redis, await dependentIds(this.#redis, this.id));
    return found.filter((job) => job !== null);
  }

  /** What it calls; null where that cannot be read. */
  get call(): (Call & { readonly serializer: Serializer }) | null {
    return this.#call;
  }

  #readable(result: unknown, unreadable: string | null | undefined): unknown {
    if (unreadable == null) return result ?? null;
    throw new TsrqError('BAD_DATA', `the result of job ${this.id} cannot be read here: ${unreadable}`);
  }

  #see(seen: Partial<FetchedJob>, { call, meta }: Parts): void {
    this.#seen = seen;
    this.#call = call;
    this.#meta = meta;
  }
}

interface Parts {
  readonly call: Job['call'];
  readonly meta: Meta;
}

function partsOf(stored: StoredJob): Parts {
  const call = callOf(stored);
  const serializer = call?.serializer ?? (stored.data === null ? 'json' : serializerOf(stored.data));
  return { call, meta: Meta.read(stored.meta, serializer) };
}

function callOf({ data }: StoredJob): Job['call'] {
  try {
    return data === null ? null : decodePayload(data);
  } catch {
    return null;
  }
}

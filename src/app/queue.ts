import { randomUUID } from 'node:crypto';
import { TsrqError } from '../errors.js';
import type { Connections } from '../jobs/connections.js';
import { cleanQueue, type CleanedQueue, type CleanQueueOptions } from '../queue/clean-queue.js';
import { compactQueue } from '../queue/compact.js';
import { deleteQueue, type DeletedQueue, type DeleteQueueOptions } from '../queue/delete-queue.js';
import { empty, emptyOld } from '../queue/empty.js';
import { enqueue } from '../queue/enqueue.js';
import { enqueueMany, type EnqueueManyOptions, type EnqueueOutcome } from '../queue/enqueue-many.js';
import { failureGroups, type FailureGroup } from '../queue/failures.js';
import { queuedIds, queueLength, WALK_PAGE } from '../queue/list-jobs.js';
import { moveQueue, type Moved } from '../queue/move.js';
import { isPaused, pauseQueue, resumeQueue } from '../queue/pause.js';
import { queueNames } from '../queue/registry.js';
import { requeueAll } from '../queue/requeue.js';
import { Meta } from '../protocol/meta.js';
import type { Redis } from '../redis/redis.js';
import {
  failedOptions,
  type EmptyOptions,
  type FailedFilter,
  type RequeueAllOptions,
  type SteppedOptions,
} from './bulk-options.js';
import { checkManyOptions } from './check-options.js';
import { connectionsFor, type ConnectionLike } from './connections.js';
import { definitionOf, newJob } from './definition.js';
import { Group } from './group.js';
import { inlineTurn } from './inline.js';
import type { JobFunction, JobResult } from './job-function.js';
import { seconds, type Duration, type EnqueueOptions, type When } from './options.js';
import { Job } from './queued-job.js';
import { Registry, type RegistryName } from './registry.js';
import { isSameRedis, refuseParentsElsewhere } from './same-redis.js';
import { shown } from './shown.js';
import { watchQueue, type QueueEvent, type WatchOptions } from './watch.js';

/** Names of jobs with the functions behind them: of another code base, of Python. Any interface will do. */
export type JobMap<Jobs> = { readonly [Name in keyof Jobs]: (...args: never[]) => unknown };
/** Any name, any arguments. */
export type AnyJobs = Readonly<Record<string, (...args: unknown[]) => unknown>>;

type Options = Omit<EnqueueOptions, 'queue'>;
type Of<Jobs, Name extends keyof Jobs> = Jobs[Name] extends (...args: infer Args) => infer Result
  ? { readonly args: Args; readonly result: JobResult<Result> }
  : never;

/** What stands behind the name of a job: its arguments, which may be left out where it needs none, and options. */
export type BehindName<Args extends readonly unknown[]> = [] extends Args
  ? [args?: Readonly<Args>, options?: Options]
  : [args: Readonly<Args>, options?: Options];

/**
 * One of many: a function made by `job()` or a name, its arguments, its options.
 *
 * @typeParam Jobs - the jobs that can be enqueued by name, whose arguments are checked
 */
export type ManyItem<Jobs extends JobMap<Jobs> = AnyJobs> =
  | readonly [what: JobFunction<never[], unknown>, args?: readonly unknown[], options?: Options]
  | {
      readonly [Name in keyof Jobs & string]: readonly [name: Name, ...rest: BehindName<Of<Jobs, Name>['args']>];
    }[keyof Jobs & string];

/**
 * A queue of one Redis. Making one does nothing in Redis; which connection it has is settled then, once for all.
 *
 * @typeParam Jobs - the jobs that can be enqueued by name: an interface of names and functions
 */
export class Queue<Jobs extends JobMap<Jobs> = AnyJobs> {
  readonly name: string;
  /** Its connection, for the verbs of the library. */
  readonly redis: Redis;
  readonly #connections: Connections;

  /** `connection`: default that of `withConnection`, of the worker whose job this is, `pushConnection`, or `Tsrq.default`. */
  constructor(name = 'default', options: { readonly connection?: ConnectionLike } = {}) {
    this.name = name;
    this.#connections = connectionsFor(options.connection);
    this.redis = this.#connections.redisOf(name);
  }

  /** The queues of a Redis, by name. `queue`: on whose Redis, where an application has several. */
  static async all(options: { readonly connection?: ConnectionLike; readonly queue?: string } = {}): Promise<Queue[]> {
    const connection = connectionsFor(options.connection).redisOf(options.queue ?? 'default');
    return (await queueNames(connection)).names.map((name) => new Queue(name, { connection }));
  }

  /** How many jobs wait. */
  length(): Promise<number> {
    return queueLength(this.redis, this.name);
  }

  /** Whether no job waits. */
  async isEmpty(): Promise<boolean> {
    return (await this.length()) === 0;
  }

  /** Ids of the waiting jobs, next one first: `count` (default all) from `offset` on. */
  jobIds(range: { readonly offset?: number; readonly count?: number } = {}): Promise<string[]> {
    return queuedIds(this.redis, this.name, range);
  }

  /** The same as jobs; ids whose job is gone are left out. */
  async jobs(range: { readonly offset?: number; readonly count?: number } = {}): Promise<Job[]> {
    const ids = await this.jobIds(range);
    const jobs: Job[] = [];
    for (let from = 0; from < ids.length; from += WALK_PAGE) {
      const page = await Job.read(this.redis, ids.slice(from, from + WALK_PAGE));
      jobs.push(...page.filter((job) => job !== null));
    }
    return jobs;
  }

  /** The job of that id, whichever queue it is of; null if there is none. */
  async fetchJob<Result = unknown>(id: string): Promise<Job<Result> | null> {
    return (await Job.read<Result>(this.redis, [id]))[0] ?? null;
  }

  /**
   * Puts a job on the queue (`enqueue`): a function made by `job()`, or the name of one elsewhere. Throws JOB_EXISTS for an id in
   * use, USAGE for values that cannot be and for a job of another Redis to depend on, REDIS_UNREACHABLE.
   */
  enqueue<Args extends unknown[], Result>(
    job: JobFunction<Args, Result>,
    args: Readonly<Args>,
    options?: Options,
  ): Promise<Job<JobResult<Result>>>;
  enqueue<Name extends keyof Jobs & string>(
    name: Name,
    ...rest: BehindName<Of<Jobs, Name>['args']>
  ): Promise<Job<Of<Jobs, Name>['result']>>;
  enqueue(what: unknown, args?: unknown, options?: Options): Promise<Job<never>> {
    return this.#put(what, args, options, null);
  }

  /** The same, after some time; whole seconds count. A scheduler puts it on the queue then. */
  enqueueIn<Args extends unknown[], Result>(
    delay: Duration,
    job: JobFunction<Args, Result>,
    args: Readonly<Args>,
    options?: Options,
  ): Promise<Job<JobResult<Result>>>;
  enqueueIn<Name extends keyof Jobs & string>(
    delay: Duration,
    name: Name,
    ...rest: BehindName<Of<Jobs, Name>['args']>
  ): Promise<Job<Of<Jobs, Name>['result']>>;
  enqueueIn(delay: Duration, what: unknown, args?: unknown, options?: Options): Promise<Job<never>> {
    return this.#put(what, args, options, { in: delay });
  }

  /** The same, not before that moment. */
  enqueueAt<Args extends unknown[], Result>(
    at: Date,
    job: JobFunction<Args, Result>,
    args: Readonly<Args>,
    options?: Options,
  ): Promise<Job<JobResult<Result>>>;
  enqueueAt<Name extends keyof Jobs & string>(
    at: Date,
    name: Name,
    ...rest: BehindName<Of<Jobs, Name>['args']>
  ): Promise<Job<Of<Jobs, Name>['result']>>;
  enqueueAt(at: Date, what: unknown, args?: unknown, options?: Options): Promise<Job<never>> {
    return this.#put(what, args, options, { at });
  }

  /** Many at once (`enqueueMany`): a round trip for every hundred; what became of each is in the answer. */
  async enqueueMany(items: readonly ManyItem<Jobs>[], options: EnqueueManyOptions = {}): Promise<EnqueueOutcome[]> {
    checkManyOptions(options, false);
    return this.#putMany(items as readonly ManyItem[], null, options);
  }

  /**
   * Many at once as members of a group (`enqueueGroup`), which may have members on other queues. `group`: its name; default 32 random
   * hexadecimal digits. Only what was stored is in it.
   */
  async enqueueGroup(
    items: readonly ManyItem<Jobs>[],
    options: EnqueueManyOptions & { readonly group?: string } = {},
  ): Promise<{ readonly group: Group; readonly outcomes: EnqueueOutcome[] }> {
    checkManyOptions(options, true);
    const { group = randomUUID().replaceAll('-', ''), ...rest } = options;
    const outcomes = await this.#putMany(items as readonly ManyItem[], group, rest);
    return { group: this.group(group), outcomes };
  }

  /** A group of this queue's Redis. */
  group(name: string): Group {
    return new Group(name, { connection: this.redis });
  }

  /** Removes the jobs that wait now, or those that were enqueued before a moment; returns how many (`empty`, `emptyOld`). */
  empty(options: EmptyOptions = {}): Promise<number> {
    const { before, ...rest } = options;
    if (before) return emptyOld(this.redis, this.name, { beforeMs: before.getTime(), ...rest });
    return rest.dryRun === true ? this.length() : empty(this.redis, this.name, rest.onProgress, rest.signal);
  }

  /** Lets tsrq's workers take nothing from it, for some time or until `resume()`; true if it was paused before (`pauseQueue`). */
  pause(options: { readonly duration?: Duration } = {}): Promise<boolean> {
    const { duration } = options;
    return pauseQueue(this.redis, this.name, duration === undefined ? null : seconds(duration));
  }

  /** Lets workers take from it again; true if it was paused (`resumeQueue`). */
  resume(): Promise<boolean> {
    return resumeQueue(this.redis, this.name);
  }

  /** Whether tsrq's workers take nothing from it now (`isPaused`). */
  isPaused(): Promise<boolean> {
    return isPaused(this.redis, this.name);
  }

  /** Moves the jobs that wait now to the end of another queue, which becomes their origin (`moveQueue`). Throws USAGE where that is on another Redis. */
  async move(to: string, { onProgress, signal }: SteppedOptions = {}): Promise<Moved> {
    const other = this.#connections.redisOf(to);
    if (!(await isSameRedis(this.redis, other))) {
      const where = `${this.name} is on ${this.redis.description}, ${to} on ${other.description}`;
      throw new TsrqError('USAGE', `jobs cannot be moved to another Redis: ${where}`);
    }
    return moveQueue(this.redis, this.name, to, onProgress, signal);
  }

  /** Drops ids whose job is gone; returns how many (`compactQueue`). */
  compact({ onProgress, signal }: SteppedOptions = {}): Promise<number> {
    return compactQueue(this.redis, this.name, onProgress, signal);
  }

  /** Removes its jobs and then the queue itself; refused while jobs of it run, unless `force` (`deleteQueue`). */
  delete(options: DeleteQueueOptions = {}): Promise<DeletedQueue> {
    return deleteQueue(this.redis, this.name, options);
  }

  /** Its failed jobs, grouped by function and kind of error, the largest group first (`failureGroups`). */
  failures(options: FailedFilter & SteppedOptions = {}): Promise<FailureGroup[]> {
    return failureGroups(this.redis, failedOptions(this.name, options));
  }

  /** Puts its failed jobs, or those that are meant, back on the queues they came from (`requeueAll`): how many there were and were requeued. */
  requeueAll(options: RequeueAllOptions = {}): Promise<{ readonly requeued: number; readonly total: number }> {
    return requeueAll(this.redis, failedOptions(this.name, options));
  }

  /**
   * Takes out of its registries what should not be there any more, and forgets workers that are gone, as workers do from time to time
   * (`cleanQueue`): what there was.
   */
  clean(options: CleanQueueOptions = {}): Promise<CleanedQueue> {
    return cleanQueue(this.redis, this.name, options);
  }

  /**
   * What happens to its jobs from now on, whoever runs them, Python's workers too, as `tsrq tail` sees it: by looking, so that it costs
   * workers nothing, and misses what is over within the interval. Resolves when what comes next will be seen; then
   * `for await (const { event, id } of await queue.watch({ signal }))`. A Redis that goes away is waited for.
   */
  watch(options: WatchOptions = {}): Promise<AsyncGenerator<QueueEvent, void, undefined>> {
    return watchQueue(this.redis, this.name, options);
  }

  /** The jobs of this queue that are started, finished, failed, deferred, scheduled or canceled. */
  registry(name: RegistryName): Registry {
    return new Registry(this.redis, name, this.name);
  }

  async #put(what: unknown, args: unknown, options: Options | undefined, when: When): Promise<Job<never>> {
    const job = await newJob(definitionOf(what), args ?? [], this.name, options, when);
    const asking = options?.dependsOn === undefined ? null : refuseParentsElsewhere(this, [options.dependsOn]);
    if (asking) await asking;
    const turn = inlineTurn(this.#connections, this.name);
    const run = turn && (await turn);
    const storing = enqueue(this.redis, job);
    // Now: until it is stored the application may change what it has.
    const meta = Meta.copy(job.meta, job.serializer);
    const made = Job.enqueued<never>(this.redis, await storing, { job, meta });
    if (run) await run();
    return made;
  }

  async #putMany(
    items: readonly ManyItem[],
    group: string | null,
    options: EnqueueManyOptions,
  ): Promise<EnqueueOutcome[]> {
    if (!isMany(items)) throw notMany(items);
    const made = await Promise.all(
      items.map(([what, args, own]) => newJob(definitionOf(what), args ?? [], this.name, own, null)),
    );
    const jobs = group === null ? made : made.map((job) => ({ ...job, group }));
    const parents = items.flatMap(([, , own]) => own?.dependsOn ?? []);
    if (parents.length > 0) await refuseParentsElsewhere(this, parents);
    const run = await inlineTurn(this.#connections, this.name);
    const outcomes = await enqueueMany(this.redis, jobs, options);
    await run?.();
    return outcomes;
  }
}

const isMany = (items: unknown): boolean => Array.isArray(items) && items.every((item) => Array.isArray(item));

const notMany = (items: unknown): TsrqError =>
  new TsrqError('USAGE', `the jobs are ${shown(items)}, and not lists in a list`, {
    hint: "write enqueueMany([['app.mail.send', ['bob']], [sendReset, [42], { ttl: '1h' }]])",
  });

import type { Connections } from '../jobs/connections.js';
import { empty } from '../queue/empty.js';
import { enqueue } from '../queue/enqueue.js';
import { enqueueMany, type EnqueueManyOptions, type EnqueueOutcome } from '../queue/enqueue-many.js';
import { queuedIds, queueLength, WALK_PAGE } from '../queue/list-jobs.js';
import type { Redis } from '../redis/redis.js';
import { connectionsFor, type ConnectionLike } from './connections.js';
import { definitionOf, newJob } from './definition.js';
import { inlineTurn } from './inline.js';
import type { JobFunction } from './job-function.js';
import type { Duration, EnqueueOptions, When } from './options.js';
import { Job } from './queued-job.js';
import { Registry, type RegistryName } from './registry.js';

/** Names of jobs with the functions behind them: of another code base, of Python. Any interface will do. */
export type JobMap<Jobs> = { readonly [Name in keyof Jobs]: (...args: never[]) => unknown };
/** Any name, any arguments. */
export type AnyJobs = Readonly<Record<string, (...args: unknown[]) => unknown>>;

type Options = Omit<EnqueueOptions, 'queue'>;
type Of<Jobs, Name extends keyof Jobs> = Jobs[Name] extends (...args: infer Args) => infer Result
  ? { readonly args: Args; readonly result: Awaited<Result> }
  : never;

/** One of many: a function made by `job()` or a name, its arguments, its options. */
export type ManyItem = readonly [
  what: string | JobFunction<never[], unknown>,
  args?: readonly unknown[],
  options?: Options,
];

/** A queue of one Redis. Making one does nothing in Redis; which connection it has is settled then, once for all. */
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

  /** How many jobs wait. */
  length(): Promise<number> {
    return queueLength(this.redis, this.name);
  }

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
   * use, USAGE for values that cannot be, REDIS_UNREACHABLE.
   */
  enqueue<Args extends unknown[], Result>(
    job: JobFunction<Args, Result>,
    args: Readonly<Args>,
    options?: Options,
  ): Promise<Job<Awaited<Result>>>;
  enqueue<Name extends keyof Jobs & string>(
    name: Name,
    args?: Of<Jobs, Name>['args'],
    options?: Options,
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
  ): Promise<Job<Awaited<Result>>>;
  enqueueIn<Name extends keyof Jobs & string>(
    delay: Duration,
    name: Name,
    args?: Of<Jobs, Name>['args'],
    options?: Options,
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
  ): Promise<Job<Awaited<Result>>>;
  enqueueAt<Name extends keyof Jobs & string>(
    at: Date,
    name: Name,
    args?: Of<Jobs, Name>['args'],
    options?: Options,
  ): Promise<Job<Of<Jobs, Name>['result']>>;
  enqueueAt(at: Date, what: unknown, args?: unknown, options?: Options): Promise<Job<never>> {
    return this.#put(what, args, options, { at });
  }

  /** Many at once (`enqueueMany`): a round trip for every hundred; what became of each is in the answer. */
  async enqueueMany(items: readonly ManyItem[], options: EnqueueManyOptions = {}): Promise<EnqueueOutcome[]> {
    const jobs = await Promise.all(
      items.map(([what, args = [], own = {}]) => newJob(definitionOf(what), args, { ...own, queue: this.name }, null)),
    );
    const outcomes = await enqueueMany(this.redis, jobs, options);
    await inlineTurn(this.#connections, this.name);
    return outcomes;
  }

  /** Removes the jobs that wait now; returns how many (`empty`). */
  empty(): Promise<number> {
    return empty(this.redis, this.name);
  }

  /** The jobs of this queue that are started, finished, failed, deferred, scheduled or canceled. */
  registry(name: RegistryName): Registry {
    return new Registry(this.redis, name, this.name);
  }

  async #put(what: unknown, args: unknown, options: Options | undefined, when: When): Promise<Job<never>> {
    const job = await newJob(definitionOf(what), args ?? [], { ...options, queue: this.name }, when);
    const made = Job.enqueued<never>(this.redis, await enqueue(this.redis, job), job);
    await inlineTurn(this.#connections, this.name);
    return made;
  }
}

import type { JobFrame } from '../protocol/job-dump.js';
import type { Serializer } from '../protocol/payload.js';
import type { Durability, RedisArg } from '../redis/redis.js';
import type { FollowUps } from './follow-ups.js';

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

/** A job that is about to be stored. */
export interface PreparedJob extends EnqueuedJob {
  readonly functionName: string;
  /** What the scripts read after its id (`read_new_job`). */
  readonly head: readonly RedisArg[];
  /** RQ's `data`. */
  readonly payload: Buffer;
  /** The rest of its hash, without its description and what the scripts write by themselves. */
  readonly fields: readonly Field[];
  /** All of its hash but payload and description, of a plain job (`isPlain`); null for others. */
  readonly frame: JobFrame | null;
}

/** A field of a hash, and its value. */
export type Field = readonly [name: string, value: string | Buffer];

import { setTimeout as sleep } from 'node:timers/promises';
import { LONGEST_TIMER_MS } from '../clock.js';
import { TsrqError } from '../errors.js';
import { jobKey } from '../protocol/keys.js';
import type { Redis } from '../redis/redis.js';
import type { NewJob } from './enqueue.js';
import { fetchJob } from './job-store.js';

/** For how long a job is waited for. */
export interface WaitForJobOptions {
  /** Gives up: the call rejects with its reason. */
  readonly signal?: AbortSignal;
  /** Seconds after which the call rejects with TIMED_OUT; default none. */
  readonly timeoutSeconds?: number;
  /** The job was stored by the caller a moment ago, with these: if it is not there any more, it has ended. */
  readonly enqueued?: Pick<NewJob, 'resultTtlSeconds' | 'failureTtlSeconds' | 'ttlSeconds'>;
}

/** How a job has ended. */
export interface JobEnd {
  readonly id: string;
  /** `gone`: it is not there any more and left nothing that tells: it was deleted, its time in the queue was over, or nothing was kept of it. */
  readonly status: 'finished' | 'failed' | 'stopped' | 'canceled' | 'gone';
  /** The value of a success; null for None, and where it was not kept. */
  readonly result: unknown;
  /** What the result is if it cannot be read, as only Python can: `a value of type app.Model`; else null. */
  readonly unreadable: string | null;
  readonly error: string | null;
  /** False where Redis has nothing of the job any more. */
  readonly kept: boolean;
}

const NOTHING = { result: null, unreadable: null, error: null } as const;
const ENDED: ReadonlySet<string> = new Set(['finished', 'failed', 'stopped', 'canceled']);
/** Milliseconds between two looks: short at first, for short jobs. */
const [FIRST_PAUSE_MS, LONGEST_PAUSE_MS, GROWTH] = [25, 1_000, 1.3];

/**
 * Waits until a job has ended: no retry of it is left. Null if there is no such job to begin with. It looks at the job at
 * growing intervals, at most a second, so no connection is kept busy; a Redis that goes away meanwhile is waited for.
 * A job that vanishes while it is waited for counts as finished if its `result_ttl` is 0 and a failure would have been kept;
 * otherwise it is `gone`. Throws TIMED_OUT, and REDIS_UNREACHABLE if Redis cannot be reached to begin with.
 */
export async function waitForJob(redis: Redis, id: string, options: WaitForJobOptions = {}): Promise<JobEnd | null> {
  const { signal, timeoutSeconds } = options;
  // Of what is left of some time a caller may give a fraction, or less than nothing.
  const timeoutMs = Math.ceil(Math.max(0, Math.min(LONGEST_TIMER_MS, (timeoutSeconds ?? 0) * 1_000)));
  const deadline = timeoutSeconds === undefined ? null : AbortSignal.timeout(timeoutMs);
  const stops = [signal, deadline].filter((stop) => stop != null);
  const watch = new JobWatch(redis, id, options.enqueued);
  try {
    return await unlessAborted(watch, stops.length === 0 ? undefined : AbortSignal.any(stops));
  } catch (error) {
    if (deadline?.aborted !== true || error !== deadline.reason) throw error;
    const now = watch.status === null ? '' : `: it is ${watch.status}`;
    throw new TsrqError('TIMED_OUT', `job ${id} has not ended within ${timeoutSeconds} s${now}`, { cause: error });
  }
}

async function unlessAborted(watch: JobWatch, stop: AbortSignal | undefined): Promise<JobEnd | null> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * GROWTH)) {
    stop?.throwIfAborted();
    const end = await before(watch.look(), stop);
    if (end !== undefined) return end;
    await sleep(pauseMs, undefined, stop ? { signal: stop } : {}).catch(() => undefined);
  }
}

/** What `work` comes to, unless the stop comes first: then it throws its reason. */
export async function before<T>(work: Promise<T>, stop: AbortSignal | undefined): Promise<T> {
  if (!stop) return work;
  const waiting = new AbortController();
  const stopped = new Promise<never>((_, reject) => {
    const listener = (): void => {
      reject(stop.reason as Error);
    };
    stop.addEventListener('abort', listener, { signal: waiting.signal });
  });
  // When nobody waits for it any more, its failure concerns nobody.
  work.catch(() => undefined);
  try {
    return await Promise.race([work, stopped]);
  } finally {
    waiting.abort();
  }
}

/** A job that is looked at again and again, until `look` tells how it has ended. */
export class JobWatch {
  readonly #redis: Redis;
  readonly #id: string;
  /** What of its hash tells why it may have vanished; null before it was seen. */
  #seen: { resultTtl: string | null; failureTtl: string | null; ttl: string | null } | null;
  status: string | null = null;

  constructor(redis: Redis, id: string, enqueued?: WaitForJobOptions['enqueued']) {
    this.#redis = redis;
    this.#id = id;
    const text = (seconds: number | undefined): string | null => (seconds === undefined ? null : String(seconds));
    this.#seen = enqueued
      ? {
          resultTtl: text(enqueued.resultTtlSeconds),
          failureTtl: text(enqueued.failureTtlSeconds),
          ttl: text(enqueued.ttlSeconds),
        }
      : null;
  }

  /** Undefined while it goes on; null if there never was such a job. */
  async look(): Promise<JobEnd | null | undefined> {
    try {
      return await this.#look();
    } catch (error) {
      const away = error instanceof TsrqError && error.code === 'REDIS_UNREACHABLE';
      if (!away || !this.#seen) throw error;
      return undefined;
    }
  }

  async #look(): Promise<JobEnd | null | undefined> {
    const reply = await this.#redis.call(['HMGET', jobKey(this.#id), 'status', 'result_ttl', 'failure_ttl', 'ttl']);
    const [status = null, resultTtl = null, failureTtl = null, ttl = null] = reply as (string | null)[];
    if (status === null) return this.#vanished();
    this.status = status;
    this.#seen = { resultTtl, failureTtl, ttl };
    if (!isEnd(status)) return undefined;
    const job = await fetchJob(this.#redis, this.#id);
    if (job === null) return { id: this.#id, status, ...NOTHING, kept: false };
    // Somebody has put it back on its queue between the two looks.
    if (!isEnd(job.status)) return undefined;
    const { result, unreadable } = job.status === 'finished' ? job : NOTHING;
    return { id: this.#id, status: job.status, result, unreadable, error: job.error, kept: true };
  }

  #vanished(): JobEnd | null {
    if (!this.#seen) return null;
    const { resultTtl, failureTtl, ttl } = this.#seen;
    // One that has a time to live in the queue may have reached it, unless it ran.
    const ran = ttl === null || ttl === '' || (this.status !== null && this.status !== 'queued');
    const finished = resultTtl === '0' && failureTtl !== '0' && ran;
    return { id: this.#id, status: finished ? 'finished' : 'gone', ...NOTHING, kept: false };
  }
}

/** The status of a job that nothing follows. */
export const isEnd = (status: string | null): status is Exclude<JobEnd['status'], 'gone'> =>
  status !== null && ENDED.has(status);

import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from '../redis/redis.js';
import { fetchJob, type FetchedJob } from './job-store.js';

export interface WaitOptions {
  /** Seconds to wait at most; default: for ever. */
  readonly timeoutSeconds?: number;
  /** Ends the wait; its reason is thrown. */
  readonly signal?: AbortSignal;
}

/** `timeout`: it has not ended in time, and goes on. `gone`: it does not exist, or does not any more. */
export type JobEnd =
  | { readonly state: 'ended'; readonly job: FetchedJob }
  | { readonly state: 'timeout'; readonly job: FetchedJob }
  | { readonly state: 'gone' };

/** What no worker changes any more; a job that is to be retried has none of these. */
const ENDED: ReadonlySet<string | null> = new Set(['finished', 'failed', 'stopped', 'canceled']);

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 500;

/** Waits until a job has ended, by asking again and again: at once, then after 20 ms, then ever less often, at least twice a second. */
export async function waitForEnd(redis: Redis, id: string, options: WaitOptions = {}): Promise<JobEnd> {
  const { timeoutSeconds = Infinity, signal } = options;
  const deadline = performance.now() + timeoutSeconds * 1_000;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 1.5, LONGEST_PAUSE_MS)) {
    signal?.throwIfAborted();
    const job = await fetchJob(redis, id);
    if (!job) return { state: 'gone' };
    if (ENDED.has(job.status)) return { state: 'ended', job };
    const left = deadline - performance.now();
    if (left <= 0) return { state: 'timeout', job };
    await sleep(Math.min(pauseMs, left), undefined, signal ? { signal } : {}).catch((error: unknown) => {
      signal?.throwIfAborted();
      throw error;
    });
  }
}

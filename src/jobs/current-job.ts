import { AsyncLocalStorage } from 'node:async_hooks';

/** The job that the calling code runs in. */
export interface CurrentJob {
  readonly id: string;
  /** The queue it came from. */
  readonly origin: string;
  readonly functionName: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly description: string | null;
  readonly createdAt: Date | null;
  readonly enqueuedAt: Date | null;
  /** Seconds the job may run; -1 for no limit. */
  readonly timeoutSeconds: number;
  /** Retries left if this attempt fails; null for a job without retries. */
  readonly retriesLeft: number | null;
  readonly workerName: string;
  readonly executionId: string;
  /** Whatever the producer stored with the job. Change it freely, then `saveMeta()`. */
  readonly meta: Record<string, unknown>;
  /** Writes `meta` to Redis, where Python's `job.meta` and every other reader see it. */
  saveMeta(): Promise<void>;
  /**
   * Tells how far the job is, in percent from 0 to 100, and what it does: `meta.progress` and `meta.progress_text`, which
   * Python's `job.meta` shows too. Costs little, however often it is called: the meta, as it is then, is written at most twice a second, and once more at the end.
   */
  progress(percent: number, text?: string): void;
  /**
   * Adds a line (or several) to the log of the job, which `tsrq job show` prints. The last 1,000 lines are kept, each cut after
   * 1,024 bytes, as long as the job is. Written as `progress` is; nothing is written for a run that has lost its lease.
   */
  log(text: string): void;
  /** Fires when the job is to stop: timeout, stop command, cold shutdown, lost lease. Its process is ended soon after. */
  readonly signal: AbortSignal;
}

/** The storage is shared by all copies of this module that a process may have loaded (bundles, TypeScript loaders). */
const STORAGE = Symbol.for('tsrq.currentJob');
const shared = globalThis as { [STORAGE]?: AsyncLocalStorage<CurrentJob> };

const storage = (): AsyncLocalStorage<CurrentJob> => (shared[STORAGE] ??= new AsyncLocalStorage<CurrentJob>());

/** The job that the calling code runs in, or null outside of one (RQ's `get_current_job`). */
export function getCurrentJob(): CurrentJob | null {
  return storage().getStore() ?? null;
}

/** Runs `work` so that `getCurrentJob()` answers `job` in it and in all it awaits. */
export function runAsCurrentJob<T>(job: CurrentJob, work: () => T): T {
  return storage().run(job, work);
}

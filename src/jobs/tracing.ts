import { tracingChannel } from 'node:diagnostics_channel';
import type { CurrentJob } from './current-job.js';

/**
 * The message of the tracing channel `tsrq:job:perform`, around the function of a job in the process that runs it: one object for
 * all of a run, on `tracing:tsrq:job:perform:start`, `:end`, `:asyncStart`, `:asyncEnd` and `:error`.
 */
export interface PerformTrace {
  readonly job: CurrentJob;
  /** What the function has returned. */
  result?: unknown;
  /** What it has thrown; a `Retry` too. */
  error?: unknown;
}

const performing = tracingChannel<unknown, PerformTrace>('tsrq:job:perform');

/** Calls the function of a job; where somebody subscribes, so that it can be traced. */
export function traced(job: CurrentJob, call: () => unknown): unknown {
  return performing.hasSubscribers ? performing.tracePromise(async () => await call(), { job }) : call();
}

import type { CurrentJob } from './current-job.js';

/** Called when a job has returned `result`, before that is recorded. If it throws, the job has failed. */
export type SuccessCallback<Result = unknown> = (job: CurrentJob, result: Result) => unknown;

/** Called with what a job has thrown, or the error of its timeout, before that is recorded; after each attempt that failed. */
export type FailureCallback = (job: CurrentJob, error: unknown) => unknown;

/** Called when a job was ended by a stop command, before that is recorded. */
export type StoppedCallback = (job: CurrentJob) => unknown;

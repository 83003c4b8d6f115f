import type { Retry } from '../jobs/retry.js';
import type { Defined } from './definition.js';
import type { Duration, EnqueueOptions } from './options.js';
import type { Job } from './queued-job.js';

/** What a job has as its result: not the `Retry` by which a function asks for another attempt. */
export type JobResult<Result> = Exclude<Awaited<Result>, Retry>;

/** Puts jobs of one function on queues, with the options it was made with. */
export interface Enqueuer<Args extends unknown[], Result> {
  /** Now; returns when the job is stored. */
  enqueue(...args: Args): Promise<Job<JobResult<Result>>>;
  /** In some time: seconds, or '5m'. */
  enqueueIn(delay: Duration, ...args: Args): Promise<Job<JobResult<Result>>>;
  /** Not before that moment. */
  enqueueAt(at: Date, ...args: Args): Promise<Job<JobResult<Result>>>;
  /** The same with other options; those given before hold where these say nothing. */
  with(options: EnqueueOptions): Enqueuer<Args, Result>;
}

/** A function that is a job, too: called, it just runs; `enqueue` has a worker run it. */
export interface JobFunction<Args extends unknown[], Result> extends Enqueuer<Args, Result>, Defined {
  (...args: Args): Result;
  /** The name by which workers find it. */
  readonly jobName: string;
}

// Reports what jobs throw to Sentry, with where it happened. Load it where jobs run, with the modules that define them:
//   // jobs.ts
//   import * as Sentry from '@sentry/node';
//   import { reportErrors } from './sentry.js';
//   Sentry.init({ dsn: process.env.SENTRY_DSN });
//   reportErrors(Sentry);
import { tracingChannel } from 'node:diagnostics_channel';
import { Retry, type PerformTrace, type Worker } from 'tsrq';

/** What is used of `@sentry/node`; any client that has these will do. */
export interface SentryLike {
  captureException(error: unknown, context: { tags: Record<string, string>; extra: Record<string, unknown> }): unknown;
  captureMessage(message: string, context: { level: 'error'; tags: Record<string, string> }): unknown;
}

/** Reports every error that a job of this process throws, those that are retried too. Returns what ends that. */
export function reportErrors(sentry: SentryLike): () => void {
  const ignore = (): void => undefined;
  const subscriber = {
    ...{ start: ignore, end: ignore, asyncStart: ignore, asyncEnd: ignore },
    error: ({ job, error }: PerformTrace): void => {
      // A job that asks to be run again is no error.
      if (error instanceof Retry) return;
      sentry.captureException(error, {
        tags: { job: job.functionName, queue: job.origin },
        extra: { id: job.id, args: job.args, retriesLeft: job.retriesLeft },
      });
    },
  };
  const performing = tracingChannel<unknown, PerformTrace>('tsrq:job:perform');
  performing.subscribe(subscriber);
  return () => {
    performing.unsubscribe(subscriber);
  };
}

/** Reports jobs that could throw nothing any more: their time was over, or the process they ran in has died. For the worker. */
export function reportDeaths(worker: Worker, sentry: SentryLike): void {
  worker.on('job-ended', ({ id, queue, error }) => {
    if (error === null || !/^(JobTimeoutException|Work-horse terminated)/.test(error)) return;
    sentry.captureMessage(`job ${id}: ${error}`, { level: 'error', tags: { queue } });
  });
}

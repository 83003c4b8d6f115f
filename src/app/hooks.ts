import type { WorkerEnd, WorkerEvent } from '../worker/events.js';

type EventOf<Type extends WorkerEvent['type']> = Extract<WorkerEvent, { readonly type: Type }>;

/**
 * Told what happens, in the worker's process, in the order in which it happens; not waited for. What one throws becomes an
 * event of type 'warning'. They cannot change what becomes of a job: that is for the job itself.
 */
export interface WorkerHooks {
  /** The worker is registered, and takes jobs from now on. */
  readonly onBirth?: (event: EventOf<'ready'>) => void;
  /** It has ended; everything it held is released. */
  readonly onDeath?: (end: WorkerEnd) => void;
  /** A job is being begun. */
  readonly beforePerform?: (event: EventOf<'job-started'>) => void;
  /** A job has ended, however, and that is recorded. */
  readonly afterPerform?: (event: EventOf<'job-ended'>) => void;
  /** A job did not succeed: `error` is the whole text, `ending` what becomes of it. After `afterPerform`. */
  readonly onFailure?: (event: EventOf<'job-ended'>) => void;
  /** For reports of errors, called one after the other for a job that did not succeed, until one returns false. */
  readonly exceptionHandlers?: readonly ((event: EventOf<'job-ended'>) => boolean | undefined)[];
}

export function tellHooks(hooks: WorkerHooks, event: WorkerEvent): void {
  switch (event.type) {
    case 'ready':
      hooks.onBirth?.(event);
      return;
    case 'job-started':
      hooks.beforePerform?.(event);
      return;
    case 'job-ended':
      hooks.afterPerform?.(event);
      if (event.error !== null) tellFailure(hooks, event);
      return;
    default:
  }
}

function tellFailure(hooks: WorkerHooks, event: EventOf<'job-ended'>): void {
  hooks.onFailure?.(event);
  for (const handle of hooks.exceptionHandlers ?? []) if (handle(event) === false) return;
}

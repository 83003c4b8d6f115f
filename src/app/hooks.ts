import type { WorkerEnd, WorkerEvent } from '../worker/events.js';

export type EventOf<Type extends WorkerEvent['type']> = Extract<WorkerEvent, { readonly type: Type }>;

/**
 * Told what happens, in the worker's process, in the order in which it happens; not waited for. What one throws, or a promise of
 * it is rejected with, becomes an event of type 'warning'. They cannot change what becomes of a job: that is for the job itself.
 */
export interface WorkerHooks {
  /** The worker is registered, and takes jobs from now on. */
  readonly onBirth?: (event: EventOf<'ready'>) => unknown;
  /** It has ended; everything it held is released. */
  readonly onDeath?: (end: WorkerEnd) => unknown;
  /** A job is being begun. */
  readonly beforePerform?: (event: EventOf<'job-started'>) => unknown;
  /** A job has ended, however, and that is recorded. */
  readonly afterPerform?: (event: EventOf<'job-ended'>) => unknown;
  /** A job did not succeed: `error` is the whole text, `ending` what becomes of it. After `afterPerform`. */
  readonly onFailure?: (event: EventOf<'job-ended'>) => unknown;
  /** For reports of errors, called one after the other for a job that did not succeed, until one answers false, at once or later. */
  readonly exceptionHandlers?: readonly ((event: EventOf<'job-ended'>) => unknown)[];
}

/** Calls the hooks that an event concerns, each by `protect`, which stands what they throw. */
export function tellHooks(hooks: WorkerHooks, event: WorkerEvent, protect: (work: () => unknown) => void): void {
  switch (event.type) {
    case 'ready':
      protect(() => hooks.onBirth?.(event));
      return;
    case 'job-started':
      protect(() => hooks.beforePerform?.(event));
      return;
    case 'job-ended':
      protect(() => hooks.afterPerform?.(event));
      if (event.error !== null) tellFailure(hooks, event, protect);
      return;
    default:
  }
}

function tellFailure(hooks: WorkerHooks, event: EventOf<'job-ended'>, protect: (work: () => unknown) => void): void {
  protect(() => hooks.onFailure?.(event));
  void tellHandlers(hooks.exceptionHandlers ?? [], event, protect);
}

/** One after the other: of one that answers at once the next is called at once. */
async function tellHandlers(
  handlers: NonNullable<WorkerHooks['exceptionHandlers']>,
  event: EventOf<'job-ended'>,
  protect: (work: () => unknown) => void,
): Promise<void> {
  for (const handle of handlers) {
    let said: unknown;
    protect(() => (said = handle(event)));
    if ((said instanceof Promise ? await said.catch(() => undefined) : said) === false) return;
  }
}

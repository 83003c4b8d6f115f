import type { CallbackNote, Performed, RunRequest } from './message.js';

/** How a run ended: with what the job yielded, or because what it ran in is gone. */
export type Completion =
  | { readonly kind: 'performed'; readonly performed: Performed }
  /** `how`: 'killed by SIGKILL (signal 9)', 'exited with code 3', … */
  | { readonly kind: 'died'; readonly how: string }
  /** Its code has not begun, and cannot here: `how` as above, of what it would run in. */
  | { readonly kind: 'unbegun'; readonly how: string };

/** Who is told of one job on its way. Callbacks, not promises: a short job would spend its time on those. */
export interface RunListener {
  /** The job's code can begin: from now on its time counts. */
  onBegun(): void;
  /** The job's code has ended, and a callback is called. */
  onCallback(note: CallbackNote): void;
  /** Called once, never before `perform` has returned. `notes`: settles when all that the job told of itself is written. */
  onDone(completion: Completion, notes?: Promise<void>): void;
}

/** One job on its way. */
export interface RunHandle {
  /** Fires the job's AbortSignal. */
  abort(name: string, reason: string): void;
  /** Ends what the job runs in, at once. */
  kill(): void;
}

/** What runs jobs: warm child processes, or the worker's own process. */
export interface Performer {
  /** Makes ready; returns a sentence for each module of `--jobs` that cannot be loaded. */
  start(): Promise<readonly string[]>;
  /** Begins to run a job; the listener is told of the rest. */
  perform(run: RunRequest, listener: RunListener): RunHandle;
  /** How many jobs are worth being begun at once whose code takes next to no time; default: any number. */
  readonly mostTiny?: number | undefined;
  /** No more than so many jobs will run at once: what was kept ready for more may go. */
  limit(jobs: number): void;
  /**
   * Jobs begun from now on run fresh code; running ones are not disturbed. Resolves when that code is loaded, with a
   * sentence for each module of `--jobs` that cannot be.
   */
  reload(): Promise<readonly string[]>;
  /** Resident memory of each process that runs jobs, bytes. */
  memory(): Promise<readonly number[]>;
  /** Lets what is idle end; resolves when nothing is left. */
  stop(): Promise<void>;
}

import type { Ending } from '../queue/finish.js';

/** What a worker tells its surroundings; the command line makes log lines of it. */
export type WorkerEvent =
  | {
      readonly type: 'ready';
      readonly name: string;
      readonly pid: number;
      readonly queues: readonly string[];
      readonly concurrency: number;
      readonly redis: string;
    }
  | {
      readonly type: 'job-started';
      readonly id: string;
      readonly queue: string;
      readonly description: string | null;
      readonly attempt: number;
      /** As in the job's hash. */
      readonly enqueuedAt: string | null;
    }
  | {
      readonly type: 'job-ended';
      readonly id: string;
      readonly queue: string;
      readonly description: string | null;
      readonly attempt: number;
      readonly seconds: number;
      readonly ending: Ending;
      /** Seconds the result is kept. */
      readonly resultTtlSeconds: number;
      /** One line: why it failed, or what is odd about its success. */
      readonly summary: string | null;
      /** The whole error text. */
      readonly error: string | null;
    }
  /** The worker lost its claim to a running job (it was paused or cut off), or the job was deleted or canceled. */
  | { readonly type: 'job-lost'; readonly id: string; readonly queue: string }
  | { readonly type: 'id-skipped'; readonly id: string; readonly queue: string; readonly reason: string }
  | {
      readonly type: 'abandoned';
      readonly id: string;
      readonly queue: string;
      readonly workerName: string;
      readonly ending: Ending;
    }
  | { readonly type: 'rescued'; readonly queue: string; readonly ids: readonly string[] }
  /** Deferred jobs that waited for nothing any more. */
  | { readonly type: 'released'; readonly queue: string; readonly ids: readonly string[] }
  | { readonly type: 'redis-lost'; readonly message: string }
  | { readonly type: 'redis-regained'; readonly afterMs: number }
  | { readonly type: 're-registered' }
  | { readonly type: 'suspended' }
  | { readonly type: 'queue-paused' | 'queue-resumed'; readonly queue: string }
  | { readonly type: 'resumed' }
  | { readonly type: 'quiet' }
  | { readonly type: 'scaled'; readonly concurrency: number }
  /** `because`: what was changed; null where that is not known. */
  | { readonly type: 'reloaded'; readonly because: string | null }
  | { readonly type: 'stopping'; readonly running: number; readonly because: string }
  | { readonly type: 'cold'; readonly running: number; readonly because: string }
  | { readonly type: 'command'; readonly text: string }
  /** Something an operator should know; reported once while it lasts. */
  | { readonly type: 'warning'; readonly message: string };

/**
 * Why a worker has ended. `blocked`: its burst was over, but a queue of its could not be read. `unable`: no process that runs jobs could
 * be started, its jobs went back to their queues.
 */
export type WorkerEndReason =
  'burst' | 'shutdown' | 'cold' | 'max-jobs' | 'idle' | 'suspended' | 'blocked' | 'unable' | 'replaced';

/** How a worker's life ended. */
export interface WorkerEnd {
  readonly reason: WorkerEndReason;
  /** Runs that ended while it lived, however they ended. */
  readonly jobs: number;
  /** Of jobs that have ended: those whose end Redis has not confirmed, as it was away. Default 0. */
  readonly unrecorded?: number;
}

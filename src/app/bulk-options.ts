import type { FailureFilter } from '../queue/failed.js';
import type { Requeued } from '../queue/requeue.js';

/** What goes on in steps, each of which is done or not. */
export interface SteppedOptions {
  /** Called after each step. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Ends it between two steps: the call returns what was done until then. */
  readonly signal?: AbortSignal;
}

/** Which failed jobs are meant; all that is given must hold. */
export interface FailedFilter {
  /** A text in the error, in upper or lower case. */
  readonly match?: string;
  readonly functionName?: string;
  /** When it failed: from, and before. A job that does not tell is not meant. */
  readonly since?: Date;
  readonly before?: Date;
}

export interface RequeueAllOptions extends FailedFilter, SteppedOptions {
  readonly atFront?: boolean;
  /** Leave what retries are left. Default: the retries begin anew. */
  readonly keepRetries?: boolean;
  /** So many at most. */
  readonly limit?: number;
  /** Change nothing; what would be requeued is reported as not requeued, with that reason. */
  readonly dryRun?: boolean;
  /** Called with what became of each job, after each step. */
  readonly onResults?: (results: readonly Requeued[]) => void;
}

export interface EmptyOptions extends SteppedOptions {
  /** Only jobs from before that moment. */
  readonly before?: Date;
  /** Only count them. */
  readonly dryRun?: boolean;
}

/** Options as the verbs `requeueAll` and `failureGroups` take them. */
export function failedOptions<Rest>(
  queue: string,
  { match, functionName, since, before, ...rest }: FailedFilter & Rest,
): { readonly queues: readonly string[]; readonly filter: FailureFilter } & Omit<Rest, keyof FailedFilter> {
  const filter = {
    ...(match === undefined ? {} : { match }),
    ...(functionName === undefined ? {} : { functionName }),
    ...(since === undefined ? {} : { sinceMs: since.getTime() }),
    ...(before === undefined ? {} : { beforeMs: before.getTime() }),
  };
  return { ...rest, queues: [queue], filter };
}

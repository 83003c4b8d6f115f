import { clock } from '../clock.js';
import { TsrqError } from '../errors.js';
import type { Durability, Redis } from '../redis/redis.js';
import { gatheredBy } from './gathered.js';
import type { NewJob } from './new-job.js';
import { checkAll, prepared } from './prepare.js';
import { isStored, split, storeTogether, type EnqueueOutcome } from './store-together.js';

export type { EnqueueOutcome } from './store-together.js';

/** How many jobs are stored together. */
export interface EnqueueManyOptions {
  /** Each call counts only when so many replicas have it; fewer in time → NOT_REPLICATED. Goes for all jobs. */
  readonly durable?: Durability;
}

/** Calls under way at once. */
const MOST_IN_FLIGHT = 4;

/**
 * Puts jobs on their queues, in their order: a round trip for every two hundred, several under way. What is true of
 * `enqueue` is true of each job; two hundred are stored in one atomic step, not all of them. An id in use is an outcome, not an error. Throws
 * USAGE before anything is stored if a job is not as it should be or two have one id; when Redis fails on the way, the
 * error, whose message says how many jobs are stored. Where the connection is lost and found again on the way, hundreds may
 * change places.
 */
export async function enqueueMany(
  redis: Redis,
  jobs: readonly NewJob[],
  options: EnqueueManyOptions = {},
): Promise<EnqueueOutcome[]> {
  const nowMs = clock();
  const checked = checkAll(jobs, nowMs);
  refuseTwins(jobs);
  gatheredBy(redis).flush();
  const portions = split(checked, ({ call }) => call.length);
  const outcomes: EnqueueOutcome[][] = [];
  let next = 0;
  let stored = 0;
  const send = async (): Promise<void> => {
    while (next < portions.length) {
      const i = next;
      next += 1;
      outcomes[i] = await storeTogether(redis, (portions[i] ?? []).map(prepared), options.durable);
      stored += outcomes[i].filter(isStored).length;
    }
  };
  const senders = Array.from({ length: MOST_IN_FLIGHT }, () =>
    send().catch((error: unknown) => {
      next = portions.length;
      throw error;
    }),
  );
  const failed = (await Promise.allSettled(senders)).find((sender) => sender.status === 'rejected');
  if (failed) throw partly(failed.reason, stored, jobs.length);
  return outcomes.flat();
}

function refuseTwins(jobs: readonly NewJob[]): void {
  const ids = new Set<string>();
  for (const { id } of jobs) {
    if (id === undefined) continue;
    if (ids.has(id)) throw new TsrqError('USAGE', `two of the jobs have the id '${id}'`);
    ids.add(id);
  }
}

function partly(error: unknown, stored: number, all: number): unknown {
  if (!(error instanceof TsrqError)) return error;
  const { code, message, hint } = error;
  return new TsrqError(code, `${message} (${stored} of ${all} jobs are known to be stored)`, {
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  });
}

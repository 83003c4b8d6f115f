import { randomUUID } from 'node:crypto';
import type { Redis } from '../redis/redis.js';
import { enqueueMany, type EnqueueManyOptions, type EnqueueOutcome } from './enqueue-many.js';
import type { NewJob } from './enqueue.js';

/** What became of the jobs of a group. */
export interface EnqueuedGroup {
  /** The name of the group. */
  readonly group: string;
  /** What became of each job, in their order; only those that were stored are in the group. */
  readonly outcomes: readonly EnqueueOutcome[];
}

/**
 * Puts jobs on their queues as members of one group (RQ's `Group.enqueue_many`): they may be on different queues, and a group that
 * exists gets them in addition. `group`: its name; default 32 random hexadecimal digits. All else as `enqueueMany`.
 */
export async function enqueueGroup(
  redis: Redis,
  jobs: readonly NewJob[],
  { group = randomUUID().replaceAll('-', ''), ...options }: EnqueueManyOptions & { readonly group?: string } = {},
): Promise<EnqueuedGroup> {
  const members = jobs.map((job) => ({ ...job, group }));
  return { group, outcomes: await enqueueMany(redis, members, options) };
}

import { betweenKeys, registryKey } from '../protocol/keys.js';
import type { Redis } from '../redis/redis.js';
import { script } from '../redis/scripts.js';
import { asList, asText } from './claim.js';
import { empty } from './empty.js';

/** What is deleted with a queue. */
export interface DeleteQueueOptions {
  /** Leave the jobs themselves, and only forget that they were queued. */
  readonly keepJobs?: boolean;
  /** Also while jobs of it run. */
  readonly force?: boolean;
  /** Called after each step. */
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** `count` of `running`: how many of its jobs run or are about to; of `filled`: how many are on it still, as they keep coming. */
export type DeletedQueue = { readonly removed: number } & (
  { readonly state: 'deleted' } | { readonly state: 'running' | 'filled'; readonly count: number }
);

/** How often jobs that were enqueued meanwhile are removed too. */
const ROUNDS = 10;

/**
 * Removes the jobs of a queue in bounded steps and then the queue (RQ's `Queue.delete`); its registries stay. Refused while
 * something of it runs, unless forced. If it is interrupted the queue is there, with the jobs that were not removed yet.
 */
export async function deleteQueue(
  redis: Redis,
  queue: string,
  options: DeleteQueueOptions = {},
): Promise<DeletedQueue> {
  const { keepJobs = false, force = false, onProgress, signal } = options;
  let removed = 0;
  if (!force) {
    const sizes = await redis.pipeline([
      ['ZCARD', registryKey('wip', queue)],
      ...betweenKeys(queue).map((key) => ['LLEN', key] as const),
    ]);
    const count = sizes.reduce((sum: number, size) => sum + (typeof size === 'number' ? size : 0), 0);
    if (count > 0) return { state: 'running', count, removed };
  }
  for (let round = 1; ; round += 1) {
    if (!keepJobs) removed += await empty(redis, queue, onProgress, signal);
    const args = [queue, force ? 1 : 0, keepJobs ? 1 : 0];
    const [state, count] = asList(await redis.evaluate(script('delete_queue'), [], args)).map(asText);
    if (state === 'deleted') return { state, removed };
    if (state === 'running' || round === ROUNDS || signal?.aborted === true)
      return { state: state === 'running' ? state : 'filled', count: Number(count), removed };
  }
}

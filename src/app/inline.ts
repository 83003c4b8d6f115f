import { AsyncLocalStorage } from 'node:async_hooks';
import type { Redis } from '../redis/redis.js';

/** Runs what has been put on a queue. */
export type RunQueue = (redis: Redis, queue: string) => Promise<void>;

const INLINE = Symbol.for('tsrq.inline');
const shared = globalThis as { [INLINE]?: AsyncLocalStorage<RunQueue> };
const storage = (): AsyncLocalStorage<RunQueue> => (shared[INLINE] ??= new AsyncLocalStorage<RunQueue>());

/** Runs `work` so that whatever it enqueues is run by `run` before `enqueue` returns. */
export const runInline = <T>(run: RunQueue, work: () => T): T => storage().run(run, work);

/** Called after a job was enqueued; does nothing outside of `runInline`. Within a job that is run inline others wait their turn. */
export async function inlineTurn(redis: Redis, queue: string): Promise<void> {
  await storage().getStore()?.(redis, queue);
}

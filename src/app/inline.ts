import { AsyncLocalStorage } from 'node:async_hooks';
import type { Connections } from '../jobs/connections.js';

/** Runs what has been put on a queue. */
export type RunQueue = (connections: Connections, queue: string) => Promise<void>;

const INLINE = Symbol.for('tsrq.inline');
const shared = globalThis as { [INLINE]?: AsyncLocalStorage<RunQueue> };
const storage = (): AsyncLocalStorage<RunQueue> => (shared[INLINE] ??= new AsyncLocalStorage<RunQueue>());

/** Runs `work` so that whatever it enqueues is run by `run` before `enqueue` returns. */
export const runInline = <T>(run: RunQueue, work: () => T): T => storage().run(run, work);

/** Called after a job was enqueued; does nothing outside of `runInline`. */
export async function inlineTurn(connections: Connections, queue: string): Promise<void> {
  await storage().getStore()?.(connections, queue);
}

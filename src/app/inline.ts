import { AsyncLocalStorage } from 'node:async_hooks';
import type { Connections } from '../jobs/connections.js';

/** Called before a job is put on a queue: throws where that could not be run, else returns what runs the queue then. */
export type InlineTurn = (connections: Connections, queue: string) => Promise<() => Promise<void>>;

const INLINE = Symbol.for('tsrq.inlineTurn');
const shared = globalThis as { [INLINE]?: AsyncLocalStorage<InlineTurn> };
const storage = (): AsyncLocalStorage<InlineTurn> => (shared[INLINE] ??= new AsyncLocalStorage<InlineTurn>());

/** Runs `work` so that whatever it enqueues is run as `turn` says before `enqueue` returns. */
export const runInline = <T>(turn: InlineTurn, work: () => T): T => storage().run(turn, work);

/** Of a job that is about to be put on that queue; null outside of `runInline`. */
export const inlineTurn = (connections: Connections, queue: string): ReturnType<InlineTurn> | null =>
  shared[INLINE]?.getStore()?.(connections, queue) ?? null;

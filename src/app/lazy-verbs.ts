import type { snapshot as Snapshot } from '../info.js';
import type { startWorker as StartWorker } from '../worker/start.js';

/** Boots a worker; `Worker` does the same with defaults for everything. */
export const startWorker: typeof StartWorker = async (options) =>
  (await import('../worker/start.js')).startWorker(options);

/** Everything there is in a Redis, at one moment. */
export const snapshot: typeof Snapshot = async (...args) => (await import('../info.js')).snapshot(...args);

// Loads the module of a cron file in a thread of its own, where nothing is cached that may have changed, and posts its value.
import { parentPort, workerData } from 'node:worker_threads';
import { importModule } from '../worker/horses/module.js';

/** What is posted. */
export type Loaded = { readonly value: unknown } | { readonly problem: string };

const post = (loaded: Loaded): void => parentPort?.postMessage(loaded);
try {
  post({ value: (await importModule(workerData as string))['default'] });
} catch (error) {
  // Not every error survives the way between threads.
  post({ problem: error instanceof Error ? error.message : String(error) });
}

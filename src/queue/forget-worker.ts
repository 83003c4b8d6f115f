import { workerKey, workerOfKey } from '../protocol/keys.js';
import type { Redis } from '../redis/redis.js';
import { script } from '../redis/scripts.js';
import { setPages } from './registry.js';

const BATCH = 500;

/** Takes a worker whose hash is gone out of the sets of workers, of all and of these queues; false if it lives. */
export async function forgetWorker(redis: Redis, name: string, queues: readonly string[]): Promise<boolean> {
  for (let from = 0; from === 0 || from < queues.length; from += BATCH) {
    const args = [name, ...queues.slice(from, from + BATCH)];
    if ((await redis.evaluate(script('forget_worker'), [], args)) !== 1) return false;
  }
  return true;
}

/** The names of workers in a set of them that have no hash any more, page by page. */
export async function* goneWorkers(redis: Redis, key: string): AsyncGenerator<string[]> {
  for await (const members of setPages(redis, key)) {
    const names = members.map(workerOfKey).filter((name) => name !== null);
    const exist = await redis.pipeline(names.map((name) => ['EXISTS', workerKey(name)] as const));
    yield names.filter((_, i) => exist[i] === 0);
  }
}

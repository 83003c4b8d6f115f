import type { Redis } from '../redis/redis.js';
import { script } from '../redis/scripts.js';

/** Writes the serialised meta of a running job; false when the execution is not ours any more: nothing was written. */
export async function saveMeta(
  redis: Redis,
  run: { readonly id: string; readonly executionId: string; readonly queue: string },
  meta: string,
): Promise<boolean> {
  return (await redis.evaluate(script('save_meta'), [], [run.id, run.executionId, run.queue, meta])) === 1;
}

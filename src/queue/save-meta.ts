import { serialisedBytes } from '../protocol/payload.js';
import type { Redis } from '../redis/redis.js';
import { script } from '../redis/scripts.js';

/** Writes the meta of a running job, as `serialise` returns it; false when the execution is not ours any more: nothing was written. */
export async function saveMeta(
  redis: Redis,
  run: { readonly id: string; readonly executionId: string; readonly queue: string },
  meta: string,
): Promise<boolean> {
  return (
    (await redis.evaluate(script('save_meta'), [], [run.id, run.executionId, run.queue, serialisedBytes(meta)])) === 1
  );
}

import { TsrqError } from '../errors.js';
import { UnserializableError } from '../protocol/json-writer.js';
import { serialise, serialisedBytes, type Serializer } from '../protocol/payload.js';
import type { Redis } from '../redis/redis.js';
import { script } from '../redis/scripts.js';

/**
 * Writes the meta of a job from outside of it (RQ's `save_meta`), in one atomic step; false if there is no such job. The whole
 * meta is replaced: who writes last wins. A Map may have keys that are no texts, if it is pickled. `serializer`: the job's. Throws USAGE for what cannot be serialised.
 */
export async function writeMeta(
  redis: Redis,
  id: string,
  meta: Readonly<Record<string, unknown>> | ReadonlyMap<unknown, unknown>,
  serializer: Serializer = 'json',
): Promise<boolean> {
  return (await redis.evaluate(script('write_meta'), [], [id, bytesOf(meta, serializer)])) === 1;
}

function bytesOf(meta: Parameters<typeof writeMeta>[2], serializer: Serializer): Buffer {
  try {
    return serialisedBytes(serialise(meta, serializer));
  } catch (error) {
    if (!(error instanceof UnserializableError)) throw error;
    throw new TsrqError('USAGE', `the meta cannot be serialised: ${error.message}`);
  }
}

import { jobKey } from '../protocol/keys.js';
import { deserialise } from '../protocol/payload.js';
import { progressOf, type Progress } from '../protocol/progress.js';
import type { Redis } from '../redis/redis.js';

/** Of more running jobs than this the rest is not asked. */
const MOST_ASKED = 1_000;

/** How far running jobs are, by their meta; those that do not tell are left out. */
export async function readProgress(redis: Redis, ids: readonly string[]): Promise<ReadonlyMap<string, Progress>> {
  const asked = ids.slice(0, MOST_ASKED);
  const found = new Map<string, Progress>();
  if (asked.length === 0) return found;
  const metas = await redis.pipelineBuffer(asked.map((id) => ['HGET', jobKey(id), 'meta']));
  for (const [i, id] of asked.entries()) {
    const meta = metas[i];
    const progress = Buffer.isBuffer(meta) ? read(meta) : null;
    if (progress) found.set(id, progress);
  }
  return found;
}

function read(meta: Buffer): Progress | null {
  try {
    return progressOf(deserialise(meta));
  } catch {
    return null;
  }
}

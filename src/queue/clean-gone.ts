import type { RegistryName } from '../protocol/keys.js';
import { registryKey } from '../protocol/keys.js';
import type { Redis } from '../redis/redis.js';
import { script } from '../redis/scripts.js';
import { asList } from './claim.js';

/** Small enough that one script holds Redis for about two milliseconds. */
const BATCH = 500;

/** The registries whose members are ids of jobs. */
export const JOB_REGISTRIES = ['finished', 'failed', 'canceled', 'deferred', 'scheduled'] as const;

export interface CleanGoneOptions {
  /** Only count them. */
  readonly dryRun?: boolean;
  readonly onProgress?: (done: number, total: number) => void;
  /** Ends it between two batches. */
  readonly signal?: AbortSignal;
}

/**
 * Drops entries of a registry whose job is gone: deleted, or expired by its `ttl`. In bounded steps, each of which may be
 * repeated. Entries whose own time is over are left to `clean`. Returns how many were dropped.
 */
export async function cleanGone(
  redis: Redis,
  registry: Exclude<RegistryName, 'wip'>,
  queue: string,
  { dryRun = false, onProgress, signal }: CleanGoneOptions = {},
): Promise<number> {
  const total = Number(await redis.call(['ZCARD', registryKey(registry, queue)]));
  let [looked, dropped] = [0, 0];
  while (looked < total && signal?.aborted !== true) {
    // What was dropped makes the others move up.
    const rank = dryRun ? looked : looked - dropped;
    const reply = await redis.evaluate(script('clean_gone'), [], [registry, queue, rank, BATCH, dryRun ? 1 : 0]);
    const [seen = 0, gone = 0] = asList(reply).map(Number);
    if (seen === 0) break;
    looked += seen;
    dropped += gone;
    onProgress?.(Math.min(looked, total), total);
  }
  return dropped;
}

import { randomUUID } from 'node:crypto';
import { jobKey, registryKey, type RegistryName } from '../protocol/keys.js';
import { formatDate, parseDate } from '../protocol/time.js';
import type { Redis } from '../redis/redis.js';
import { script } from '../redis/scripts.js';
import { asList } from './claim.js';
import { releaseRest } from './release.js';

/** Small enough that one script holds Redis for about two milliseconds. */
const BATCH = 100;

/** Which jobs of a registry are removed. */
export interface EmptyRegistryOptions {
  /**
   * Only what is older than that moment, milliseconds since the epoch: finished and failed jobs by their end, canceled and
   * deferred ones by when they came to be so, scheduled ones by when they were created. What does not tell stays.
   */
  readonly beforeMs?: number;
  /** Only count them. */
  readonly dryRun?: boolean;
  /** Called after each step. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Ends it between two batches. */
  readonly signal?: AbortSignal;
}

/**
 * Removes the jobs that a registry lists when the call begins, with their results, in bounded steps. Of one that is elsewhere
 * by its status only the entry goes. Jobs that wait for one of them are released. Returns how many entries are gone.
 */
export async function emptyRegistry(
  redis: Redis,
  registry: Exclude<RegistryName, 'wip'>,
  queue: string,
  options: EmptyRegistryOptions = {},
): Promise<number> {
  const { dryRun = false, onProgress, signal } = options;
  const key = registryKey(registry, queue);
  const total = Number(await redis.call(['ZCARD', key]));
  const token = randomUUID();
  let [looked, removed, stay] = [0, 0, 0];
  for (let call = 1; looked < total && signal?.aborted !== true; call += 1) {
    const last = stay + Math.min(BATCH, total - looked) - 1;
    const page = (await redis.call(['ZRANGE', key, stay, last, 'WITHSCORES'])) as string[];
    if (page.length === 0) break;
    const ids = await chosen(redis, registry, page, options.beforeMs);
    let gone = dryRun ? ids.length : 0;
    if (!dryRun && ids.length > 0) {
      const args = [formatDate(Date.now()), registry, queue, token, call, ...ids];
      [gone = 0] = asList(await redis.evaluate(script('empty_registry'), [], args)).map(Number);
    }
    looked += page.length / 2;
    removed += gone;
    stay += page.length / 2 - (dryRun ? 0 : ids.length);
    onProgress?.(looked, total);
  }
  await releaseRest(redis);
  return removed;
}

async function chosen(
  redis: Redis,
  registry: RegistryName,
  page: readonly string[],
  beforeMs: number | undefined,
): Promise<string[]> {
  const ids = page.filter((_, i) => i % 2 === 0);
  if (beforeMs === undefined) return ids;
  if (registry === 'canceled' || registry === 'deferred')
    return ids.filter((_, i) => Number(page[2 * i + 1]) * 1_000 < beforeMs);
  const field = registry === 'scheduled' ? 'created_at' : 'ended_at';
  const dates = await redis.pipeline(ids.map((id) => ['HGET', jobKey(id), field] as const));
  return ids.filter((_, i) => {
    const date = dates[i];
    const ms = typeof date === 'string' ? parseDate(date) : null;
    return ms !== null && ms < beforeMs;
  });
}

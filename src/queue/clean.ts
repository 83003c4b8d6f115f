import { TsrqError } from '../errors.js';
import { workerOfKey } from '../protocol/keys.js';
import type { Redis } from '../redis/redis.js';
import { script } from '../redis/scripts.js';
import { asList, asText } from './claim.js';

/** RQ's lock lives so long, in case its holder dies. */
const LOCK_SECONDS = 899;

/** Small enough that one script holds Redis for about two milliseconds. */
const BATCH = 1_000;

/** What was forgotten: how many entries of finished and failed jobs, and which workers. */
export interface Forgotten {
  readonly entries: number;
  readonly workers: readonly string[];
}

/**
 * Forgets what is over in the registries of a queue, and workers that are gone, under RQ's lock; null if somebody else
 * has it. `token`: which no other cleaner uses; each step is made only while the lock bears it. Without one the lock is not
 * asked for: every step is atomic, the lock only spares Redis the same work from every worker.
 */
export async function clean(
  redis: Redis,
  queue: string,
  { token = '', signal }: { readonly token?: string; readonly signal?: AbortSignal } = {},
): Promise<Forgotten | null> {
  let entries = 0;
  const workers: string[] = [];
  while (signal?.aborted !== true) {
    const reply = await redis.evaluate(script('clean'), [], [queue, token, LOCK_SECONDS, BATCH]);
    const [word = null, expired, gone] = asList(reply);
    const state = asText(word);
    if (state === 'held') return null;
    if (state !== 'done' && state !== 'more') throw new TsrqError('BAD_DATA', `clean.lua answered ${String(reply)}`);
    entries += Number(expired);
    workers.push(...asList(gone).flatMap((key) => workerOfKey(asText(key)) ?? []));
    if (state === 'done') break;
  }
  return { entries, workers };
}

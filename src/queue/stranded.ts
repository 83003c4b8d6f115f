import { betweenKeys, firstSeenKey } from '../protocol/keys.js';
import type { Redis } from '../redis/redis.js';
import { script } from '../redis/scripts.js';
import { asList, asText } from './claim.js';

/**
 * Seconds an id may lie between queue and start before it counts as stranded. Below the 60 s after which Python RQ
 * fails such a job, two sweeps included, and far above what any worker needs from its pop to its start.
 */
export const STRANDED_AFTER_SECONDS = 30;

const BATCH = 200;

/** How many one call looks at: more than workers that live would ever have there at once. */
const MOST = 10_000;

/**
 * Puts ids that a worker moved off the queue and never started back at the head of their queue; portion by portion,
 * each in one step. `signal` ends it between two.
 */
export async function rescueStranded(
  redis: Redis,
  queue: string,
  graceSeconds = STRANDED_AFTER_SECONDS,
  signal?: AbortSignal,
): Promise<{ back: string[]; dropped: string[] }> {
  const found = { back: [] as string[], dropped: [] as string[] };
  for (let behind = 0; behind < MOST && signal?.aborted !== true;) {
    const args = [queue, graceSeconds, behind, BATCH];
    const reply = asList(await redis.evaluate(script('stranded'), [], args));
    const [back, dropped] = [asList(reply[0]).map(asText), asList(reply[1]).map(asText)];
    found.back.push(...back);
    found.dropped.push(...dropped);
    const stay = Number(reply[2]);
    if (back.length + dropped.length + stay < BATCH) break;
    behind += stay;
  }
  return found;
}

/** How many ids workers have seen between queue and start for that long. Changes nothing. */
export async function countStranded(
  redis: Redis,
  queue: string,
  graceSeconds = STRANDED_AFTER_SECONDS,
): Promise<number> {
  const [now] = (await redis.call(['TIME'])) as [string, string];
  let stranded = 0;
  for (const key of betweenKeys(queue)) {
    for (let from = 0, more = true; more; from += BATCH) {
      const ids = (await redis.call(['LRANGE', key, from, from + BATCH - 1])) as string[];
      const marks = await redis.pipeline(ids.map((id) => ['GET', firstSeenKey(queue, id)] as const));
      stranded += marks.filter((mark) => typeof mark === 'string' && Number(now) - Number(mark) >= graceSeconds).length;
      more = ids.length === BATCH;
    }
  }
  return stranded;
}

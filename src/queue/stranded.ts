import type { Redis } from '../redis/redis.js';
import { script } from '../redis/scripts.js';
import { asList, asText } from './claim.js';

/**
 * Seconds an id may lie in an intermediate list before it counts as stranded. Below the 60 s after which Python RQ
 * fails such a job, two sweeps included, and far above what any worker needs from its pop to its start.
 */
export const STRANDED_AFTER_SECONDS = 30;

const BATCH = 200;

/** How many one call looks at: more than workers that live would ever have there at once. */
const MOST = 10_000;

/**
 * Puts ids that a worker moved to the intermediate list and never started back at the head of their queue; portion by portion,
 * each in one step.
 */
export async function rescueStranded(
  redis: Redis,
  queue: string,
  graceSeconds = STRANDED_AFTER_SECONDS,
): Promise<{ back: string[]; dropped: string[] }> {
  const found = { back: [] as string[], dropped: [] as string[] };
  for (let behind = 0; behind < MOST;) {
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

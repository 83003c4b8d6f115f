import type { Redis } from '../redis/redis.js';
import { script } from '../redis/scripts.js';
import { asList, asText } from './claim.js';

/**
 * Seconds an id may lie in an intermediate list before it counts as stranded. Below the 60 s after which Python RQ
 * fails such a job, two sweeps included, and far above what any worker needs from its pop to its start.
 */
export const STRANDED_AFTER_SECONDS = 30;

const BATCH = 200;

/** Puts ids that a worker moved to the intermediate list and never started back at the head of their queue. */
export async function rescueStranded(
  redis: Redis,
  queue: string,
  graceSeconds = STRANDED_AFTER_SECONDS,
): Promise<{ back: string[]; dropped: string[] }> {
  const reply = asList(await redis.evaluate(script('stranded'), [], [queue, graceSeconds, BATCH]));
  return { back: asList(reply[0]).map(asText), dropped: asList(reply[1]).map(asText) };
}

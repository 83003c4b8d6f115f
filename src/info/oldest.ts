import { jobKey, queueKey } from '../protocol/keys.js';
import { parseDate } from '../protocol/time.js';
import type { Redis } from '../redis/redis.js';
import { ask, listOf, secondsSince } from './answer.js';

/**
 * How long the job at the head of each queue has waited, seconds: 0 where none waits; left out where it does not tell. Two round trips,
 * with commands that a worker is allowed anyway.
 */
export async function oldestAges(redis: Redis, queues: readonly string[]): Promise<Map<string, number>> {
  const heads = await ask(redis, [[['TIME']], ...queues.map((queue) => [['LRANGE', queueKey(queue), 0, 0] as const])]);
  const [seconds, micros] = listOf(heads[0]?.[0]?.reply).map(Number);
  const timeMs = (seconds ?? 0) * 1_000 + (micros ?? 0) / 1_000;
  const ids = queues.map((_, i) => listOf(heads[i + 1]?.[0]?.reply)[0]);
  const waiting = ids.filter((id) => id !== undefined);
  const [dates = []] = await ask(redis, [waiting.map((id) => ['HGET', jobKey(id), 'enqueued_at'] as const)]);
  const ages = new Map<string, number>();
  let at = 0;
  for (const [i, queue] of queues.entries()) {
    if (ids[i] === undefined) {
      ages.set(queue, 0);
      continue;
    }
    const date = dates[at]?.reply;
    at += 1;
    const age = typeof date === 'string' ? secondsSince(parseDate(date), timeMs) : null;
    if (age !== null) ages.set(queue, age);
  }
  return ages;
}

import { PAUSED_KEY } from '../protocol/keys.js';
import type { Redis } from '../redis/redis.js';
import { script } from '../redis/scripts.js';
import { integer } from './check.js';

/**
 * Lets tsrq's workers take nothing from a queue, for so many seconds, or null for until `resumeQueue`. Workers that wait for
 * its jobs are held too; jobs that run go on. Python's workers know nothing of it. Returns whether it was paused before. Throws USAGE.
 */
export async function pauseQueue(redis: Redis, queue: string, durationSeconds: number | null): Promise<boolean> {
  integer('duration of the pause', durationSeconds ?? undefined, (value) => value >= 1, 'a number of seconds from 1');
  return (await redis.evaluate(script('pause'), [], [queue, durationSeconds ?? ''])) === 1;
}

/** Lets workers take from the queue again; true if it was paused. */
export async function resumeQueue(redis: Redis, queue: string): Promise<boolean> {
  return (await redis.evaluate(script('pause'), [], [queue, 0])) === 1;
}

/** Whether workers of tsrq take nothing from the queue now, by Redis's clock. */
export async function isPaused(redis: Redis, queue: string): Promise<boolean> {
  const [score, time] = await redis.pipeline([['ZSCORE', PAUSED_KEY, queue], ['TIME']]);
  if (score instanceof Error) throw score;
  if (time instanceof Error) throw time;
  if (typeof score !== 'string') return false;
  return score === 'inf' || Number(score) > Number((time as string[])[0]);
}

/**
 * Reads the whole key of paused queues with its scores: of each the moment when that ends or has ended, seconds since the
 * epoch by Redis's clock; Infinity for never.
 */
export function readPaused(reply: unknown): Map<string, number> {
  const items = Array.isArray(reply) ? reply.map(String) : [];
  return new Map(
    items.flatMap((name, i) => {
      const until = items[i + 1] ?? '';
      return i % 2 === 0 ? [[name, until === 'inf' ? Infinity : Number(until)] as const] : [];
    }),
  );
}

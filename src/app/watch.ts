import { setTimeout as sleep } from 'node:timers/promises';
import { TsrqError } from '../errors.js';
import type { Transition } from '../info/transitions.js';
import { before } from '../queue/wait-for-job.js';
import type { Redis } from '../redis/redis.js';
import { seconds, type Duration } from './options.js';

/** What has happened to a job of a queue. */
export interface QueueEvent extends Omit<Transition, 'timeMs'> {
  /** When, by the clock of who wrote it. */
  readonly at: Date;
}

/** How `Queue.watch` looks. */
export interface WatchOptions {
  /** Time between two looks; default half a second, at least 0.05. */
  readonly interval?: Duration;
  /** Ends it: the iteration is over. */
  readonly signal?: AbortSignal;
}

const SHORTEST_SECONDS = 0.05;

/** What happens to the jobs of a queue from now on, see `Queue.watch`. */
export async function watchQueue(
  redis: Redis,
  queue: string,
  { interval = 0.5, signal }: WatchOptions,
): Promise<AsyncGenerator<QueueEvent, void, undefined>> {
  const pause = seconds(interval);
  if (!(pause >= SHORTEST_SECONDS)) {
    throw new TsrqError('USAGE', `the interval is ${interval}: at least ${SHORTEST_SECONDS} seconds are needed`);
  }
  const { TransitionWatch } = await import('../info/transitions.js');
  const watch = new TransitionWatch(redis, [queue]);
  // What is there already is no event.
  await watch.look();
  return events(watch, pause * 1_000, signal);
}

async function* events(
  watch: { look(): Promise<Transition[]> },
  intervalMs: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<QueueEvent, void, undefined> {
  while (signal?.aborted !== true) {
    const transitions = await before(watch.look(), signal).catch((error: unknown) =>
      signal?.aborted === true ? [] : nothingWhileAway(error),
    );
    for (const { timeMs, ...event } of transitions) yield { ...event, at: new Date(timeMs) };
    await sleep(intervalMs, undefined, signal ? { signal } : {}).catch(() => undefined);
  }
}

/** A Redis that goes away while it is watched is waited for. */
function nothingWhileAway(error: unknown): Transition[] {
  if (error instanceof TsrqError && error.code === 'REDIS_UNREACHABLE') return [];
  throw error;
}

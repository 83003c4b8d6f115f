import { setTimeout as sleep } from 'node:timers/promises';
import { randomUUID } from 'node:crypto';
import { enqueue } from '../../src/queue/enqueue.js';
import type { Redis } from '../../src/redis/redis.js';
import type { Random } from './random.js';

/** A job whose enqueue was acknowledged. */
export interface Accepted {
  readonly id: string;
  readonly queue: string;
  readonly retries: number;
  /** It fails by plan as long as it has more retries left than this; -1: never. */
  readonly failAbove: number;
}

export interface ProducerOptions {
  readonly redis: Redis;
  readonly queues: readonly string[];
  readonly ledger: string;
  readonly chance: Random;
  /** Jobs to enqueue in all, spread over `seconds`. */
  readonly count: number;
  readonly seconds: number;
  /** The longest that a handler sleeps, milliseconds. */
  readonly maxJobMs: number;
  /** Share of jobs without retries; the others have `retries`. */
  readonly shareWithoutRetries?: number;
  readonly retries?: number;
  /** On how many replicas a job must be to count as accepted. */
  readonly durable?: number;
}

/** Enqueues jobs of many kinds; returns those that were acknowledged, and how many were not. */
export async function produce(options: ProducerOptions): Promise<{ accepted: Accepted[]; refused: number }> {
  const accepted: Accepted[] = [];
  let refused = 0;
  const started = Date.now();
  for (let i = 0; i < options.count; i += 1) {
    const job = draw(options);
    try {
      await put(options, job);
      accepted.push(job);
    } catch {
      refused += 1;
    }
    const due = started + (i * options.seconds * 1_000) / options.count;
    if (due > Date.now()) await sleep(due - Date.now());
  }
  return { accepted, refused };
}

function draw({ chance, queues, shareWithoutRetries = 0.3, retries = 20 }: ProducerOptions): Accepted {
  const left = chance.next() < shareWithoutRetries ? 0 : retries;
  const failAbove = left > 0 && chance.next() < 0.1 ? left - 1 - chance.below(2) : -1;
  return { id: randomUUID(), queue: chance.pick(queues), retries: left, failAbove };
}

async function put({ redis, ledger, chance, maxJobMs, durable }: ProducerOptions, job: Accepted): Promise<void> {
  const ms = chance.next() < 0.5 ? 0 : chance.below(maxJobMs);
  await enqueue(redis, {
    functionName: 'chaos.work',
    args: [ledger, job.id, ms, job.failAbove],
    id: job.id,
    queue: job.queue,
    resultTtlSeconds: 3_600 * 24,
    failureTtlSeconds: 3_600 * 24,
    ...(job.retries > 0 ? { retry: { max: job.retries } } : {}),
    ...(durable === undefined || durable === 0 ? {} : { durable: { replicas: durable, timeoutMs: 2_000 } }),
  });
}

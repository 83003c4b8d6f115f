import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { formatDate } from '../protocol/time.js';
import { holdSchedulerLocks, moveDue, releaseSchedulerLocks, type SchedulerBirth } from '../queue/schedule.js';
import type { Redis } from '../redis/redis.js';

/**
 * Moves due scheduled jobs and delayed retries to their queues, for those queues whose scheduler lock it holds: beside
 * Python's scheduler, whoever came first does it. The lock is looked at in the very step that moves.
 */
export class Scheduler {
  readonly #redis: Redis;
  readonly #queues: readonly string[];
  readonly #birth: SchedulerBirth = {
    name: randomBytes(16).toString('hex'),
    hostname: hostname(),
    pid: process.pid,
    createdAt: formatDate(Date.now()),
  };

  constructor(redis: Redis, queues: readonly string[]) {
    this.#redis = redis;
    this.#queues = queues;
  }

  /** One pass; returns how many jobs were moved. */
  async runOnce(): Promise<number> {
    const held = await holdSchedulerLocks(this.#redis, this.#birth, this.#queues);
    let moved = 0;
    for (const queue of held) moved += await moveDue(this.#redis, queue, this.#birth.name);
    return moved;
  }

  /** Gives up the locks it holds. */
  async release(): Promise<void> {
    await releaseSchedulerLocks(this.#redis, this.#birth.name, this.#queues);
  }
}

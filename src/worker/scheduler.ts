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
  readonly #birth: SchedulerBirth = {
    name: randomBytes(16).toString('hex'),
    hostname: hostname(),
    pid: process.pid,
    createdAt: formatDate(Date.now()),
  };
  #queues: readonly string[];
  #held: readonly string[] = [];
  /** Jobs it has moved so far. */
  moved = 0;

  constructor(redis: Redis, queues: readonly string[]) {
    this.#redis = redis;
    this.#queues = queues;
  }

  /** How many queues' locks it holds. */
  get held(): number {
    return this.#held.length;
  }

  /** Looks after these queues from the next pass on; the lock of a queue that is not among them is left to expire. */
  lookAfter(queues: readonly string[]): void {
    this.#queues = queues;
  }

  /** One pass. One queue's bad data does not stop the others: it is thrown at the end. */
  async runOnce(): Promise<void> {
    this.#held = await holdSchedulerLocks(this.#redis, this.#birth, this.#queues);
    const troubles: unknown[] = [];
    for (const queue of this.#held) {
      try {
        this.moved += await moveDue(this.#redis, queue, this.#birth.name);
      } catch (error) {
        troubles.push(error);
      }
    }
    if (troubles.length > 0) throw troubles[0];
  }

  /** Gives up the locks it holds. */
  async release(): Promise<void> {
    await releaseSchedulerLocks(this.#redis, this.#birth.name, this.#queues);
  }
}

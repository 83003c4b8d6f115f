import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { schedulerLockKey } from '../protocol/keys.js';
import { formatDate } from '../protocol/time.js';
import { moveDue } from '../queue/schedule.js';
import type { Redis, RedisCommand } from '../redis/redis.js';

/** RQ: the interval of one second and sixty to spare. */
const LOCK_SECONDS = 61;

/**
 * Moves due scheduled jobs and delayed retries to their queues, for those queues whose scheduler lock it holds: beside
 * Python's scheduler, whoever came first does it. The move itself is atomic, so that two cannot double a job.
 */
export class Scheduler {
  readonly #redis: Redis;
  #queues: readonly string[];
  readonly #name = randomBytes(16).toString('hex');
  readonly #held = new Set<string>();
  #created: string | null = null;
  /** Jobs it has moved so far. */
  moved = 0;

  constructor(redis: Redis, queues: readonly string[]) {
    this.#redis = redis;
    this.#queues = queues;
  }

  /** How many queues' locks it holds. */
  get held(): number {
    return this.#held.size;
  }

  /** Looks after these queues from the next pass on; the lock of a queue that is not among them is left to expire. */
  lookAfter(queues: readonly string[]): void {
    this.#queues = queues;
    for (const queue of this.#held) if (!queues.includes(queue)) this.#held.delete(queue);
  }

  /** One pass. One queue's bad data does not stop the others: it is thrown at the end. */
  async runOnce(): Promise<void> {
    await this.#hold();
    const troubles: unknown[] = [];
    for (const queue of this.#held) {
      try {
        this.moved += await moveDue(this.#redis, queue);
      } catch (error) {
        troubles.push(error);
      }
    }
    if (troubles.length > 0) throw troubles[0];
  }

  /** Gives up the locks it holds. */
  async release(): Promise<void> {
    for (const queue of this.#held) {
      if ((await this.#redis.call(['GET', schedulerLockKey(queue)])) === this.#name) {
        await this.#redis.call(['DEL', schedulerLockKey(queue)]);
      }
    }
    if (this.#held.size > 0) await this.#redis.call(['DEL', this.#key]);
    this.#held.clear();
  }

  get #key(): string {
    return `rq:scheduler:${this.#name}`;
  }

  async #hold(): Promise<void> {
    for (const queue of this.#queues) {
      const lock = schedulerLockKey(queue);
      const taken = await this.#redis.call(['SET', lock, this.#name, 'NX', 'EX', LOCK_SECONDS]);
      const mine = taken !== null || (await this.#redis.call(['GET', lock])) === this.#name;
      if (mine) this.#held.add(queue);
      else this.#held.delete(queue);
    }
    if (this.#held.size === 0) return;
    const date = formatDate(Date.now());
    this.#created ??= date;
    await this.#redis.pipeline([
      [
        'HSET',
        this.#key,
        ...['name', this.#name, 'hostname', hostname(), 'pid', process.pid],
        ...['queues', [...this.#held].join(','), 'created_at', this.#created, 'last_heartbeat', date],
      ],
      ['EXPIRE', this.#key, LOCK_SECONDS],
      ...[...this.#held].map((queue): RedisCommand => ['EXPIRE', schedulerLockKey(queue), LOCK_SECONDS]),
    ]);
  }
}

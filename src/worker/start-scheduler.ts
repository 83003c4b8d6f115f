import { setTimeout as sleep } from 'node:timers/promises';
import { QUEUES_KEY, queueOfKey } from '../protocol/keys.js';
import { connect } from '../redis/connect.js';
import type { Redis } from '../redis/redis.js';
import type { RedisTarget } from '../redis/target.js';
import { BootWatch } from '../redis/boot-watch.js';
import type { WorkerEvent } from './events.js';
import { Scheduler } from './scheduler.js';

export interface SchedulerOptions {
  /** The queues of one Redis; null for all it has, those that are yet to come included. */
  readonly queues: readonly string[] | null;
  readonly target: RedisTarget;
  readonly connectTimeoutSeconds: number;
  readonly onMoved: (jobs: number) => void;
  readonly onEvent: (event: Extract<WorkerEvent, { type: 'redis-lost' | 'redis-regained' | 'warning' }>) => void;
}

/** A scheduler that has made its first pass and makes another every second. */
export interface RunningScheduler {
  /** Passes it has made, those that failed included. */
  readonly passes: number;
  /** Queues it looks after. */
  readonly queues: number;
  /** Queues of them whose lock it holds; of the others another scheduler has it. */
  readonly held: number;
  /** Gives the locks up; does not wait for a Redis that is away for longer than some seconds. */
  stop(): Promise<void>;
}

const INTERVAL_MS = 1_000;
/** Passes between looks for new queues. */
const LOOK_EVERY = 5;
const LEAVE_MS = 5_000;

/**
 * Moves due jobs as a worker with `withScheduler` does, without taking any. Connects within `connectTimeoutSeconds`, else
 * REDIS_UNREACHABLE; later losses are waited out.
 */
export async function startScheduler(options: SchedulerOptions): Promise<RunningScheduler> {
  const boot = new BootWatch(options.connectTimeoutSeconds);
  const redis = connect(options.target, {
    role: 'consumer',
    name: 'tsrq-scheduler',
    onLost: (error) => {
      boot.lost(error);
      if (boot.over) options.onEvent({ type: 'redis-lost', message: error.message });
    },
    onRegained: (afterMs) => {
      if (boot.over) options.onEvent({ type: 'redis-regained', afterMs });
    },
  });
  const passing = new Passing(redis, options);
  try {
    await boot.within(passing.first(), redis.description);
  } catch (error) {
    redis.close();
    throw error;
  } finally {
    boot.end();
  }
  return passing;
}

class Passing implements RunningScheduler {
  readonly #redis: Redis;
  readonly #options: SchedulerOptions;
  readonly #scheduler: Scheduler;
  readonly #stopping = new AbortController();
  #ended: Promise<void> = Promise.resolve();
  #trouble = '';
  passes = 0;
  queues = 0;

  constructor(redis: Redis, options: SchedulerOptions) {
    this.#redis = redis;
    this.#options = options;
    this.#scheduler = new Scheduler(redis, []);
  }

  get held(): number {
    return this.#scheduler.held;
  }

  async first(): Promise<void> {
    await this.#pass();
    this.#ended = this.#goOn();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    // Never beside a pass, which would take the locks again.
    const leave = this.#ended.then(() => this.#scheduler.release()).catch(() => undefined);
    await Promise.race([leave, sleep(LEAVE_MS)]);
    this.#redis.close();
  }

  async #goOn(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await sleep(INTERVAL_MS, undefined, { signal }).catch(() => undefined);
      if (!signal.aborted) await this.#pass();
    }
  }

  async #pass(): Promise<void> {
    const before = this.#scheduler.moved;
    try {
      if (this.passes % LOOK_EVERY === 0) await this.#look();
      await this.#scheduler.runOnce();
      this.#trouble = '';
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (message !== this.#trouble && !this.#stopping.signal.aborted)
        this.#options.onEvent({ type: 'warning', message: `due jobs may stay where they are: ${message}` });
      this.#trouble = message;
    }
    const moved = this.#scheduler.moved - before;
    if (moved > 0) this.#options.onMoved(moved);
    this.passes += 1;
  }

  async #look(): Promise<void> {
    const queues = this.#options.queues ?? (await queuesOf(this.#redis));
    this.queues = queues.length;
    this.#scheduler.lookAfter(queues);
  }
}

async function queuesOf(redis: Redis): Promise<string[]> {
  const members = (await redis.call(['SMEMBERS', QUEUES_KEY])) as string[];
  return members.flatMap((member) => queueOfKey(member) ?? []);
}

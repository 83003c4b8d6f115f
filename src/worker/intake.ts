import { randomBytes } from 'node:crypto';
import {
  movedClaim,
  readClaim,
  type Claim,
  type DequeueStrategy,
  type Held,
  type Wish,
  type WorkerStamp,
} from '../queue/claim.js';
import { BLOCK_SECONDS, QueueWait } from '../redis/blocking.js';
import type { Redis } from '../redis/redis.js';
import type { RedisTarget } from '../redis/target.js';
import { HeldBack } from './held-back.js';

/** A queue that a worker takes jobs from. */
export interface WeightedQueue {
  readonly name: string;
  /** Share of this queue under the strategies `random` (1 for all) and `weighted`. */
  readonly weight: number;
  /** How many of its jobs may begin, as in a `Wish`; default: no limit. */
  readonly limits?: string;
}

export interface IntakeOptions {
  readonly target: RedisTarget;
  readonly queues: readonly WeightedQueue[];
  readonly strategy: DequeueStrategy;
  readonly stamp: WorkerStamp;
  /** The last execution that has begun, as in a `MovedClaim`. */
  readonly lastBegun: () => string;
  /** Called when there may be something to take. */
  readonly onWork: () => void;
  /** Called when a wait may have begun a job that we were not told of. */
  readonly onLost: () => void;
  readonly onTrouble: (queue: string, error: Error) => void;
}

/** One connection waits on each queue; with more queues than this the claim script is polled instead. */
const MAX_WAITING_QUEUES = 64;
const FIRST_POLL_MS = 25;
const MAX_POLL_MS = 500;
/** A wait whose connection is lost may go on in Redis until its block time is over; then it begins nothing any more. */
const LATE_MS = (BLOCK_SECONDS + 1) * 1_000;
/** How often a worker that is suspended, or has a queue that is paused, looks whether that still is so. */
const HELD_POLL_MS = 1_000;

/** Where a worker's jobs come from: which queues to ask, in which order, and how to wait when they are empty. */
export class Intake {
  /** How the execution ids of this process begin: 16 hexadecimal digits. */
  readonly processPrefix = randomBytes(8).toString('hex');
  readonly #options: IntakeOptions;
  readonly #wait: QueueWait | null;
  readonly #held = new HeldBack(() => {
    this.askAgain();
  });
  readonly #moved: Claim[] = [];
  #claimDue = true;
  #timer: NodeJS.Timeout | null = null;
  #pollMs = FIRST_POLL_MS;
  #turn = 0;

  constructor(options: IntakeOptions) {
    this.#options = options;
    const queues = options.queues.map((queue) => queue.name);
    const waits = queues.length <= MAX_WAITING_QUEUES;
    this.#wait = waits
      ? new QueueWait(options.target, {
          queues,
          name: options.stamp.name,
          follow: (queue) => {
            const [{ processPrefix }, lastBegun] = [this, options.lastBegun()];
            return movedClaim(options.stamp, { queue, limits: this.#limitsOf(queue), processPrefix, lastBegun });
          },
          onMoved: (_, reply) => {
            this.#moved.push(readClaim(reply));
            options.onWork();
          },
          onLost: () => {
            options.onLost();
            setTimeout(options.onLost, LATE_MS).unref();
          },
          onTrouble: options.onTrouble,
        })
      : null;
  }

  /** True when the queues should be asked. */
  get claimDue(): boolean {
    return this.#claimDue;
  }
  /** True when waits have brought something. */
  get hasMoved(): boolean {
    return this.#moved.length > 0;
  }

  /** What waits have brought, one after the other. */
  takeMoved(): Claim | undefined {
    return this.#moved.shift();
  }

  /** The limits of a queue, as in a `Wish`. */
  #limitsOf(queue: string): string {
    return this.#options.queues.find(({ name }) => name === queue)?.limits ?? '';
  }

  wish(count: number): Wish {
    const { queues, strategy } = this.#options;
    const seed = strategy === 'round_robin' ? this.#turn : Math.floor(Math.random() * 2 ** 31);
    return { count, strategy, seed, queues, processPrefix: this.processPrefix };
  }

  /** Learns from a claim: asked for `wanted`, got `got`. */
  claimed(wanted: number, got: number, more: boolean): void {
    this.#turn += got;
    if (wanted === 0) return;
    this.#claimDue = more || got >= wanted;
    if (got > 0) this.#pollMs = FIRST_POLL_MS;
  }

  /** Queues that must not be asked for a while: their limits are met. */
  hold(held: readonly Held[]): void {
    this.#held.add(held);
  }

  /** There are jobs that may not begin yet. */
  get isHolding(): boolean {
    return this.#held.isWaiting;
  }

  /** Something may have arrived that no wait will tell of. */
  askAgain(): void {
    this.#claimDue = true;
    this.#options.onWork();
  }

  /** Waits until there may be something to take; `onWork` tells. */
  waitForWork(suspended: boolean, paused: ReadonlySet<string>): void {
    if (suspended) {
      this.#wait?.pause();
      this.#askLater(HELD_POLL_MS);
    } else if (this.#wait) {
      this.#wait.resume((queue) => paused.has(queue) || this.#held.has(queue));
      // Nobody tells when a queue may be taken from again.
      if (this.#options.queues.some(({ name }) => paused.has(name))) this.#askLater(HELD_POLL_MS);
    } else {
      this.#askLater(this.#pollMs);
      this.#pollMs = Math.min(MAX_POLL_MS, this.#pollMs * 2);
    }
  }

  pause(): void {
    this.#wait?.pause();
    this.#held.forget();
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** Ends all waiting. Jobs may still come in while it does; what is then in `takeMoved` must be given back. */
  async close(redis: Redis): Promise<void> {
    this.pause();
    await this.#wait?.close(redis);
  }

  #askLater(ms: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.askAgain();
    }, ms);
  }
}

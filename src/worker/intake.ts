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
import { queueKey } from '../protocol/keys.js';
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
  readonly redis: Redis;
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

/** One connection waits on each queue; with more queues than this one question is asked again and again: whether any has jobs. */
const MAX_WAITING_QUEUES = 64;
const FIRST_POLL_MS = 25;
/** How often it is asked at least, where the answer is yes and none of the jobs may begin. */
const MAX_POLL_MS = 500;
/** The longer the question, the less often it is asked: an idle worker is to cost Redis half a hundredth of a core, with hundreds of queues too. */
const QUEUES_PER_POLL_MS = 4;
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
  readonly #firstPollMs: number;
  #pollMs: number;
  #isLooking = false;
  /** How often what is asked has become void. */
  #pauses = 0;
  #turn = 0;

  constructor(options: IntakeOptions) {
    this.#options = options;
    const queues = options.queues.map((queue) => queue.name);
    const waits = queues.length <= MAX_WAITING_QUEUES;
    this.#pollMs = this.#firstPollMs = Math.max(FIRST_POLL_MS, queues.length / QUEUES_PER_POLL_MS);
    this.#wait = waits
      ? new QueueWait(options.target, {
          queues,
          name: options.stamp.name,
          follow: (queue) => {
            const [{ processPrefix }, lastBegun] = [this, options.lastBegun()];
            return movedClaim(options.stamp, { queue, limits: this.#limitsOf(queue), processPrefix, lastBegun });
          },
          onMoved: (_, reply, askedAt) => {
            this.#moved.push(readClaim(reply, askedAt));
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
    if (got > 0) this.#pollMs = this.#firstPollMs;
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
    } else if (paused.size > 0 || this.isHolding) {
      this.#askLater(this.#pollMs);
      this.#pollMs = Math.min(MAX_POLL_MS, this.#pollMs * 2);
    } else if (!this.#isLooking) {
      this.#afterMs(this.#pollMs, () => void this.#look());
    }
  }

  pause(): void {
    this.#pauses += 1;
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

  /** Asks whether any queue has jobs, until one has. */
  async #look(): Promise<void> {
    const pauses = this.#pauses;
    const keys = this.#options.queues.map(({ name }) => queueKey(name));
    this.#isLooking = true;
    // Who cannot be told asks for the jobs themselves.
    const found = await this.#options.redis.call(['EXISTS', ...keys]).catch(() => 1);
    this.#isLooking = false;
    if (pauses !== this.#pauses) this.#options.onWork();
    else if (found === 0) {
      this.#pollMs = this.#firstPollMs;
      this.#afterMs(this.#pollMs, () => void this.#look());
    } else {
      // Should none of them come.
      this.#pollMs = Math.min(MAX_POLL_MS, this.#pollMs * 2);
      this.askAgain();
    }
  }

  #askLater(ms: number): void {
    this.#afterMs(ms, () => {
      this.askAgain();
    });
  }

  /** One thing at a time. */
  #afterMs(ms: number, then: () => void): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      then();
    }, ms);
  }
}

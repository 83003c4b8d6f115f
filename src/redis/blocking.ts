import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis as IoRedis } from 'ioredis';
import { intermediateKey, queueKey } from '../protocol/keys.js';
import { discardClient, openClient } from './client.js';
import { withDeadline } from './deadline.js';
import { classify } from './failure.js';
import type { Redis } from './redis.js';
import type { RedisTarget } from './target.js';

/** An id that a wait has moved from `queue` to its intermediate list. */
export interface Hit {
  readonly queue: string;
  readonly id: string;
}

export interface WaitOptions {
  readonly queues: readonly string[];
  /** Shown in `CLIENT LIST`. */
  readonly name: string;
  /** Called for every id moved, also for one that arrives after `pause()`: whoever waits must start it or put it back. */
  readonly onHit: (hit: Hit) => void;
  /** Called when a queue cannot be waited on, once until it can again. */
  readonly onTrouble?: (queue: string, error: Error) => void;
  /** Seconds one blocking call lasts. Default 5. */
  readonly blockSeconds?: number;
}

/**
 * Waits on several queues without ever holding an id in memory alone: one `BLMOVE queue queue:intermediate` per queue,
 * each on a connection of its own with a deadline of its own. A client that misbehaves is thrown away and replaced.
 * Starts paused.
 */
export class QueueWait {
  readonly #lanes: readonly Lane[];

  constructor(target: RedisTarget, options: WaitOptions) {
    this.#lanes = options.queues.map((queue) => new Lane(target, queue, options));
  }

  /** Waits on every queue that has no unanswered hit or call, and is not `held` back. */
  resume(held: (queue: string) => boolean = () => false): void {
    for (const lane of this.#lanes) {
      if (held(lane.queue)) lane.pause();
      else lane.resume();
    }
  }

  /** Begins no new call; calls under way end by themselves within the block time, or with a hit. */
  pause(): void {
    for (const lane of this.#lanes) lane.pause();
  }

  /**
   * Ends all waiting. Calls under way are unblocked through `redis`, so that an id moved in this very instant is still
   * reported; after `graceMs` they are abandoned (the id would be found in the intermediate list).
   */
  async close(redis: Redis, graceMs = 1_000): Promise<void> {
    this.pause();
    const ids = this.#lanes.flatMap((lane) => lane.blockedClientId ?? []);
    if (ids.length > 0) {
      const unblocked = redis.pipeline(ids.map((id) => ['CLIENT', 'UNBLOCK', id, 'TIMEOUT'])).catch(() => undefined);
      await Promise.race([unblocked.then(() => this.#idle()), sleep(graceMs, undefined, { ref: false })]);
    }
    for (const lane of this.#lanes) lane.close();
  }

  async #idle(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.call));
  }
}

const MAX_BACKOFF_MS = 2_000;
/** How much later than the block time Redis may answer before the connection counts as dead. */
const GRACE_MS = 1_500;

/** The wait on one queue. */
class Lane {
  readonly #target: RedisTarget;
  readonly queue: string;
  readonly #options: WaitOptions;
  readonly #blockSeconds: number;
  readonly #closing = new AbortController();
  #client: IoRedis | null = null;
  #clientId: number | null = null;
  #active = false;
  #blocked = false;
  #failures = 0;
  call: Promise<void> = Promise.resolve();
  #calling = false;

  constructor(target: RedisTarget, queue: string, options: WaitOptions) {
    this.#target = target;
    this.queue = queue;
    this.#options = options;
    this.#blockSeconds = options.blockSeconds ?? 5;
  }

  get blockedClientId(): number | null {
    return this.#blocked ? this.#clientId : null;
  }

  resume(): void {
    this.#active = true;
    if (this.#calling || this.#closing.signal.aborted) return;
    this.#calling = true;
    this.call = this.#loop().finally(() => {
      this.#calling = false;
      // Told to go on when the loop had ended and this was not known yet.
      if (this.#active) this.resume();
    });
  }

  pause(): void {
    this.#active = false;
  }

  close(): void {
    this.pause();
    this.#closing.abort();
    this.#drop();
  }

  async #loop(): Promise<void> {
    while (this.#active && !this.#closing.signal.aborted) {
      try {
        const id = await this.#block();
        this.#failures = 0;
        if (id !== null) {
          this.#active = false;
          this.#options.onHit({ queue: this.queue, id });
        }
      } catch (error) {
        await this.#rest(error);
      }
    }
  }

  async #block(): Promise<string | null> {
    const client = this.#client ?? (await this.#open());
    this.#blocked = true;
    try {
      const move = client.call(
        'BLMOVE',
        queueKey(this.queue),
        intermediateKey(this.queue),
        'LEFT',
        'RIGHT',
        this.#blockSeconds,
      ) as Promise<string | null>;
      return await withDeadline(move, this.#blockSeconds * 1_000 + GRACE_MS);
    } finally {
      this.#blocked = false;
    }
  }

  async #open(): Promise<IoRedis> {
    const client = await openClient(this.#target, {
      name: this.#options.name,
      timeoutMs: 5_000,
      signal: this.#closing.signal,
      onEnd: (ended) => {
        if (this.#client === ended) this.#client = null;
      },
    });
    try {
      this.#clientId = await withDeadline(client.client('ID'), GRACE_MS);
      // What it moved from now on nobody would be told of.
      if (this.#closing.signal.aborted) throw new Error('closed');
    } catch (error) {
      discardClient(client);
      throw error;
    }
    this.#client = client;
    return client;
  }

  async #rest(error: unknown): Promise<void> {
    const failure = classify(error);
    if (failure !== 'reply') this.#drop();
    if (this.#failures === 0 && error instanceof Error && failure !== 'connection' && !this.#closing.signal.aborted) {
      this.#options.onTrouble?.(this.queue, error);
    }
    const delayMs = Math.min(MAX_BACKOFF_MS, 50 * 2 ** this.#failures) * (0.5 + Math.random() / 2);
    this.#failures += 1;
    await sleep(delayMs, undefined, { signal: this.#closing.signal }).catch(() => undefined);
  }

  #drop(): void {
    if (this.#client) discardClient(this.#client);
    this.#client = null;
    this.#clientId = null;
  }
}

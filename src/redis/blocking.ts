import { setTimeout as sleep } from 'node:timers/promises';
import { moment, type Moment } from '../clock.js';
import { movedKey, queueKey } from '../protocol/keys.js';
import { classify } from './failure.js';
import type { BufferReply, Redis, RedisArg, Script } from './redis.js';
import { isUnknown } from './replies.js';
import type { RedisTarget } from './target.js';
import { Wire } from './wire.js';

/** What follows a wait: a script that begins what it has moved, and answers 0 when that is nothing. */
export interface Follow {
  readonly script: Script;
  readonly args: readonly RedisArg[];
}

export const BLOCK_SECONDS = 5;

export interface WaitOptions {
  readonly queues: readonly string[];
  /** Shown in `CLIENT LIST`. */
  readonly name: string;
  /** The script that follows the next wait on a queue. */
  readonly follow: (queue: string) => Follow;
  /** Called with every answer of such a script but 0, also with one that comes after `pause()`. `askedAt`: before it was sent. */
  readonly onMoved: (queue: string, reply: BufferReply, askedAt: Moment) => void;
  /** Called when a connection is lost on which a wait was under way: its script may have begun what nobody was told of. */
  readonly onLost?: () => void;
  /** Called when a queue cannot be waited on, once until it can again. */
  readonly onTrouble?: (queue: string, error: Error) => void;
  /** Seconds one blocking call lasts. Default `BLOCK_SECONDS`. */
  readonly blockSeconds?: number;
}

/**
 * Waits on several queues without ever holding an id in memory alone: one `BLMOVE` per queue, to the list of moved ids, and a script behind
 * it that takes the id from there, sent together on a connection of their own with a deadline of their own. A client that misbehaves is
 * thrown away and replaced. Starts paused.
 */
export class QueueWait {
  readonly #lanes: readonly Lane[];

  constructor(target: RedisTarget, options: WaitOptions) {
    this.#lanes = options.queues.map((queue) => new Lane(target, queue, options));
  }

  /** Waits on every queue that has no unanswered call, and is not `held` back. */
  resume(held: (queue: string) => boolean = () => false): void {
    for (const lane of this.#lanes) {
      if (held(lane.queue)) lane.pause();
      else lane.resume();
    }
  }

  /** Begins no new call; calls under way end by themselves within the block time, or with a job. */
  pause(): void {
    for (const lane of this.#lanes) lane.pause();
  }

  /**
   * Ends all waiting. Calls under way are unblocked through `redis`, so that a job begun in this very instant is still
   * reported; after `graceMs` they are abandoned (its lease would run out).
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
  #wire: Wire | null = null;
  #clientId: number | null = null;
  #active = false;
  #blocked = false;
  /** There may be an id that a wait has moved and no script has taken. */
  #isUnsure = true;
  #failures = 0;
  call: Promise<void> = Promise.resolve();
  #calling = false;

  constructor(target: RedisTarget, queue: string, options: WaitOptions) {
    this.#target = target;
    this.queue = queue;
    this.#options = options;
    this.#blockSeconds = options.blockSeconds ?? BLOCK_SECONDS;
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
        const askedAt = moment();
        const reply = await this.#block();
        this.#failures = 0;
        if (reply !== 0) {
          this.#active = false;
          this.#options.onMoved(this.queue, reply, askedAt);
        }
      } catch (error) {
        await this.#rest(error);
      }
    }
  }

  async #block(): Promise<BufferReply> {
    const wire = this.#wire ?? (await this.#open());
    const { script, args } = this.#options.follow(this.queue);
    const run = (): Promise<BufferReply> =>
      new Promise((resolve, reject) => {
        wire.evaluate(script, [], args, GRACE_MS, resolve, reject);
      });
    const wait = ['BLMOVE', queueKey(this.queue), movedKey(this.queue), 'LEFT', 'RIGHT', this.#blockSeconds] as const;
    try {
      if (this.#isUnsure) {
        // From then on Redis knows the script, whatever becomes of us; and what an earlier wait has left there is taken.
        const left = await run();
        this.#isUnsure = false;
        if (left !== 0 || !this.#active || this.#closing.signal.aborted) return left;
      }
      this.#blocked = true;
      const waitMs = this.#blockSeconds * 1_000 + GRACE_MS;
      const [moved, begun] = await wire.pipeline([wait, ['EVALSHA', script.sha, 0, ...args]], false, waitMs);
      const reply = isUnknown(begun) ? await run() : begun;
      if (reply instanceof Error) throw reply;
      // What was begun must be told of, whatever became of this wait.
      if (moved instanceof Error && reply === 0) throw moved;
      return reply ?? 0;
    } catch (error) {
      this.#isUnsure = true;
      if (classify(error) !== 'reply') this.#options.onLost?.();
      throw error;
    } finally {
      this.#blocked = false;
    }
  }

  async #open(): Promise<Wire> {
    const wire = await Wire.open(this.#target, {
      name: this.#options.name,
      timeoutMs: 5_000,
      signal: this.#closing.signal,
      onEnd: (ended) => {
        if (this.#wire !== ended) return;
        this.#wire = null;
        this.#isUnsure = true;
      },
    });
    try {
      this.#clientId = (await wire.call(['CLIENT', 'ID'], GRACE_MS)) as number;
      // What it moved from now on nobody would be told of.
      if (this.#closing.signal.aborted) throw new Error('closed');
    } catch (error) {
      wire.discard();
      throw error;
    }
    this.#wire = wire;
    return wire;
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
    this.#wire?.discard();
    this.#wire = null;
    this.#clientId = null;
  }
}

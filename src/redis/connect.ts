import { setMaxListeners } from 'node:events';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TsrqError } from '../errors.js';
import { LEAST_MS, withDeadline } from './deadline.js';
import { classify, closed, refused, unreachable } from './failure.js';
import type { BufferReply, Durability, DurableReply, Redis, RedisArg, RedisCommand, Reply, Script } from './redis.js';
import { describeTarget, type RedisTarget } from './target.js';
import { Wire } from './wire.js';

/** How a connection behaves. */
export interface ConnectOptions {
  /**
   * What to do while Redis is away. A *producer* fails fast: the first connection attempt that fails rejects the call,
   * and no call takes longer than its deadline. A *consumer* tries for ever, until `close()`.
   */
  readonly role: 'producer' | 'consumer';
  /** Shown in `CLIENT LIST`. */
  readonly name?: string;
  /** Producer: milliseconds a call may take in all. Default 5,000. */
  readonly deadlineMs?: number;
  /** Milliseconds to wait for one reply before the connection counts as dead. Default 5,000 (producer: the deadline). */
  readonly replyTimeoutMs?: number;
  /** Called once when Redis goes away, and once when it is back. */
  readonly onLost?: (error: Error) => void;
  /** How long it was away, milliseconds. */
  readonly onRegained?: (afterMs: number) => void;
}

/**
 * A connection to Redis that is opened by its first call.
 *
 * A call whose reply was lost is sent again on a new connection: every command and script of tsrq is a read,
 * idempotent, or recognises its own repetition. Clients are never revived: one that failed is thrown away.
 */
export function connect(target: RedisTarget, options: ConnectOptions): Redis {
  return new Connection(target, options);
}

/** The digest by which Redis knows a script. */
export const digest = (source: string): string => createHash('sha1').update(source).digest('hex');

const DEFAULT_DEADLINE_MS = 5_000;
const MAX_BACKOFF_MS = 2_000;
/** One attempt; it rejects when replies take longer than `timeoutMs`. */
type Work<T> = (wire: Wire, timeoutMs: number) => Promise<T>;

class Connection implements Redis {
  readonly description: string;
  readonly #target: RedisTarget;
  readonly #options: ConnectOptions;
  readonly #replyTimeoutMs: number;
  readonly #deadlineMs: number;
  readonly #closing = new AbortController();
  #wire: Wire | null = null;
  #opening: Promise<Wire> | null = null;
  #lostAt: number | null = null;

  constructor(target: RedisTarget, options: ConnectOptions) {
    // Every call that waits for its next attempt listens.
    setMaxListeners(0, this.#closing.signal);
    this.#target = target;
    this.#options = options;
    this.description = describeTarget(target);
    this.#deadlineMs = options.role === 'producer' ? (options.deadlineMs ?? DEFAULT_DEADLINE_MS) : Infinity;
    const ofTarget =
      target.kind === 'sentinel' && target.socketTimeoutSeconds ? target.socketTimeoutSeconds * 1_000 : null;
    this.#replyTimeoutMs = options.replyTimeoutMs ?? Math.min(this.#deadlineMs, ofTarget ?? DEFAULT_DEADLINE_MS);
  }

  call(command: RedisCommand): Promise<Reply> {
    return this.#run((wire, timeoutMs) => wire.call(command, timeoutMs));
  }

  callBuffer(command: RedisCommand): Promise<BufferReply> {
    return this.#run((wire, timeoutMs) => wire.callBuffer(command, timeoutMs));
  }

  pipeline(commands: readonly RedisCommand[]): Promise<(Reply | Error)[]> {
    return this.#run((wire, timeoutMs) => wire.pipeline(commands, true, timeoutMs));
  }

  pipelineBuffer(commands: readonly RedisCommand[]): Promise<(BufferReply | Error)[]> {
    return this.#run((wire, timeoutMs) => wire.pipeline(commands, false, timeoutMs));
  }

  evaluate(script: Script, keys: readonly string[], args: readonly RedisArg[]): Promise<BufferReply> {
    const deadline = performance.now() + this.#deadlineMs;
    const work: Work<BufferReply> = (wire, timeoutMs) =>
      new Promise((resolve, reject) => {
        wire.evaluate(script, keys, args, timeoutMs, resolve, reject);
      });
    const wire = this.#wire;
    if (!wire || this.#lostAt !== null) return this.#insist(work, { deadline, extraMs: 0 });
    // As `#run`, with one promise in all: every job comes this way.
    return new Promise((resolve, reject) => {
      const insist = (error: unknown): void => {
        this.#insist(work, { deadline, extraMs: 0, failed: { error, wire } }).then(resolve, reject);
      };
      wire.evaluate(script, keys, args, Math.min(this.#replyTimeoutMs, this.#deadlineMs), resolve, insist);
    });
  }

  evaluateDurably(
    script: Script,
    args: readonly RedisArg[],
    { replicas, timeoutMs: forMs }: Durability,
  ): Promise<DurableReply> {
    return this.#run(async (wire, timeoutMs) => {
      const dueAt = performance.now() + timeoutMs;
      const reply = await new Promise<BufferReply>((resolve, reject) => {
        wire.evaluate(script, [], args, timeoutMs, resolve, reject);
      });
      // WAIT speaks of the writes of its own connection, and a repetition's too: every command moves the mark it waits for.
      return { reply, replicas: (await wire.call(['WAIT', replicas, forMs], timeoutMs, dueAt)) as number };
    }, forMs);
  }

  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#wire?.discard();
    this.#wire = null;
  }

  /** `extraMs`: how much longer than others this call may take. */
  #run<T>(work: Work<T>, extraMs = 0): Promise<T> {
    const deadline = performance.now() + this.#deadlineMs + extraMs;
    const wire = this.#wire;
    if (!wire || this.#lostAt !== null) return this.#insist(work, { deadline, extraMs });
    return work(wire, Math.min(this.#replyTimeoutMs, this.#deadlineMs) + extraMs).catch((error: unknown) =>
      this.#insist(work, { deadline, extraMs, failed: { error, wire } }),
    );
  }

  /** Tries until it succeeds or may not go on; `failed`: an attempt that was made before. */
  async #insist<T>(
    work: Work<T>,
    call: { deadline: number; extraMs: number; failed?: { error: unknown; wire: Wire } },
  ): Promise<T> {
    const { deadline, extraMs, failed } = call;
    let sent = failed !== undefined;
    if (failed) await this.#recover(failed.error, failed.wire, { attempt: 0, sent, deadline });
    for (let attempt = sent ? 1 : 0; ; attempt += 1) {
      let wire: Wire | null = null;
      try {
        wire = this.#wire ?? (await this.#open(deadline));
        sent = true;
        const value = await work(wire, Math.min(this.#replyTimeoutMs + extraMs, deadline - performance.now()));
        if (this.#lostAt !== null) this.#regained();
        return value;
      } catch (error) {
        await this.#recover(error, wire, { attempt, sent, deadline });
      }
    }
  }

  /** Returns when the call may be tried again, else throws what the caller is told. */
  async #recover(
    error: unknown,
    wire: Wire | null,
    { attempt, sent, deadline }: { attempt: number; sent: boolean; deadline: number },
  ): Promise<void> {
    if (this.#closing.signal.aborted) throw closed(this.description);
    const failure = classify(error);
    if (failure === 'reply') throw error;
    if (failure !== 'busy') this.#discard(wire, error);
    const producer = this.#options.role === 'producer';
    if (producer && failure === 'refused') throw refused(this.description, error);
    this.#lost(failure === 'refused' ? refused(this.description, error) : unreachable(this.description, error));
    const delayMs = Math.min(MAX_BACKOFF_MS, 50 * 2 ** attempt) * (0.5 + Math.random() / 2);
    // A failed first connection tells a producer all it needs; a lost reply, or a fail-over under way, deserves the rest of the deadline.
    const patient = !producer || sent || this.#target.kind === 'sentinel';
    if (!patient || performance.now() + delayMs + LEAST_MS >= deadline) throw unreachable(this.description, error);
    await sleep(delayMs, undefined, { signal: this.#closing.signal }).catch(() => {
      throw closed(this.description);
    });
    // The pause may have been longer than it was to be.
    if (performance.now() + LEAST_MS >= deadline) throw unreachable(this.description, error);
  }

  async #open(deadline: number): Promise<Wire> {
    if (this.#closing.signal.aborted) throw closed(this.description);
    this.#opening ??= Wire.open(this.#target, {
      ...(this.#options.name === undefined ? {} : { name: this.#options.name }),
      timeoutMs: Math.min(this.#replyTimeoutMs, deadline - performance.now()),
      signal: this.#closing.signal,
      // Not for consumers: a worker goes on with its jobs while Redis has its work already.
      gathers: this.#options.role === 'producer',
      onEnd: (wire) => {
        if (this.#wire === wire) this.#wire = null;
      },
    })
      .then((wire) => {
        // Also where all who waited for it have given up.
        if (this.#closing.signal.aborted) {
          wire.discard();
          throw closed(this.description);
        }
        this.#wire = wire;
        return wire;
      })
      .finally(() => {
        this.#opening = null;
      });
    // The attempt may be that of a call with a later deadline.
    return deadline === Infinity ? this.#opening : withDeadline(this.#opening, deadline - performance.now());
  }

  /** `error`: what is wrong with it; a refusal concerns the call that it answers. */
  #discard(wire: Wire | null, error: unknown): void {
    if (!wire) return;
    if (this.#wire === wire) this.#wire = null;
    wire.discard(error instanceof Error && error.name !== 'ReplyError' ? error : undefined);
  }

  #lost(error: TsrqError): void {
    if (this.#lostAt !== null) return;
    this.#lostAt = performance.now();
    this.#options.onLost?.(error);
  }

  #regained(): void {
    const since = this.#lostAt ?? performance.now();
    this.#lostAt = null;
    this.#options.onRegained?.(performance.now() - since);
  }
}

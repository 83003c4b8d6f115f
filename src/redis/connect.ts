import { setMaxListeners } from 'node:events';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TsrqError } from '../errors.js';
import { LEAST_MS, withDeadline } from './deadline.js';
import { classify, closed, isReadable, refused, unreachable } from './failure.js';
import { PLACE, type Placed } from './place.js';
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
  /** Producer: once it was connected, calls wait for a Redis that has gone away, each until its deadline; default false. */
  readonly waits?: boolean;
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

/** The place of one wire. */
interface Place {
  wire: Wire | null;
  opening: Promise<Wire> | null;
}

/** An attempt that failed. `sent`: the call has been on its way to Redis. */
interface Failed {
  readonly place: Place;
  readonly wire: Wire | null;
  readonly attempt: number;
  readonly sent: boolean;
  readonly deadline: number;
}

/** A call whose replicas are to be waited for, and those that wait with it. */
interface Wait {
  readonly wire: Wire;
  readonly replicas: Promise<number>;
}

class Connection implements Redis, Placed {
  readonly description: string;
  readonly #target: RedisTarget;
  readonly #options: ConnectOptions;
  readonly #replyTimeoutMs: number;
  readonly #deadlineMs: number;
  readonly #closing = new AbortController();
  readonly #plain: Place = { wire: null, opening: null };
  /** Of calls that wait for replicas: `WAIT` holds up whatever comes behind it. */
  readonly #durable: Place = { wire: null, opening: null };
  readonly #waits = new Map<string, Wait>();
  #lostAt: number | null = null;
  /** It is lost to those who write only: a call that was not refused for that tells nothing of it. */
  #isReadable = false;
  #wasConnected = false;

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
    const place = this.#plain;
    const { wire } = place;
    if (!wire || this.#lostAt !== null) return this.#insist(work, { place, deadline, extraMs: 0 });
    // As `#run`, with one promise in all: every job comes this way.
    return new Promise((resolve, reject) => {
      const insist = (error: unknown): void => {
        this.#insist(work, { place, deadline, extraMs: 0, failed: { error, wire } }).then(resolve, reject);
      };
      wire.evaluate(script, keys, args, Math.min(this.#replyTimeoutMs, this.#deadlineMs), resolve, insist);
    });
  }

  evaluateDurably(script: Script, args: readonly RedisArg[], durability: Durability): Promise<DurableReply> {
    const work: Work<DurableReply> = async (wire, timeoutMs) => {
      const dueAt = performance.now() + timeoutMs;
      const reply = await new Promise<BufferReply>((resolve, reject) => {
        wire.evaluate(script, [], args, timeoutMs, resolve, reject);
      });
      return { reply, replicas: await this.#replicated(wire, durability, timeoutMs, dueAt) };
    };
    // What it is behind may wait for replicas as long as it will itself.
    return this.#run(work, { place: this.#durable, extraMs: 2 * durability.timeoutMs });
  }

  /**
   * How many replicas have what this connection has written so far. `WAIT` speaks of the writes of its own connection, and a
   * repetition's too: every command moves the mark it waits for. One is for all calls that were answered before it is sent.
   */
  #replicated(
    wire: Wire,
    { replicas, timeoutMs: forMs }: Durability,
    timeoutMs: number,
    dueAt: number,
  ): Promise<number> {
    const key = `${replicas} ${forMs}`;
    const begun = this.#waits.get(key);
    if (begun?.wire === wire) return begun.replicas;
    const wait: Wait = {
      wire,
      replicas: new Promise((resolve, reject) => {
        setImmediate(() => {
          if (this.#waits.get(key) === wait) this.#waits.delete(key);
          wire.call(['WAIT', replicas, forMs], timeoutMs, dueAt).then((count) => {
            resolve(count as number);
          }, reject);
        });
      }),
    };
    this.#waits.set(key, wait);
    return wait.replicas;
  }

  [PLACE](): RedisTarget {
    return this.#target;
  }

  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    for (const place of [this.#plain, this.#durable]) {
      place.wire?.discard();
      place.wire = null;
    }
  }

  /** `extraMs`: how much longer than others this call may take. */
  #run<T>(work: Work<T>, { place = this.#plain, extraMs = 0 } = {}): Promise<T> {
    const deadline = performance.now() + this.#deadlineMs + extraMs;
    const { wire } = place;
    if (!wire || this.#lostAt !== null) return this.#insist(work, { place, deadline, extraMs });
    return work(wire, Math.min(this.#replyTimeoutMs, this.#deadlineMs) + extraMs).catch((error: unknown) =>
      this.#insist(work, { place, deadline, extraMs, failed: { error, wire } }),
    );
  }

  /** Tries until it succeeds or may not go on; `failed`: an attempt that was made before. */
  async #insist<T>(
    work: Work<T>,
    call: { place: Place; deadline: number; extraMs: number; failed?: { error: unknown; wire: Wire } },
  ): Promise<T> {
    const { place, deadline, extraMs, failed } = call;
    let sent = failed !== undefined;
    let wasRefused = false;
    const recover = (error: unknown, wire: Wire | null, attempt: number): Promise<void> => {
      wasRefused ||= isReadable(error);
      return this.#recover(error, { place, wire, attempt, sent, deadline });
    };
    if (failed) await recover(failed.error, failed.wire, 0);
    for (let attempt = sent ? 1 : 0; ; attempt += 1) {
      let wire: Wire | null = null;
      try {
        const opened = place.wire ?? (await this.#open(place, deadline));
        const leftMs = deadline - performance.now();
        // What is sent now would be given up before it can be answered.
        if (leftMs < Math.min(LEAST_MS, this.#deadlineMs / 2))
          throw new Error(`no connection within ${this.#deadlineMs} ms`);
        wire = opened;
        sent = true;
        const value = await work(wire, Math.min(this.#replyTimeoutMs + extraMs, leftMs));
        if (wasRefused || !this.#isReadable || this.#options.role === 'producer') this.#regained();
        return value;
      } catch (error) {
        await recover(error, wire, attempt);
      }
    }
  }

  /** Returns when the call may be tried again, else throws what the caller is told. */
  async #recover(error: unknown, { place, wire, attempt, sent, deadline }: Failed): Promise<void> {
    if (this.#closing.signal.aborted) throw closed(this.description);
    const failure = classify(error);
    if (failure === 'reply') throw error;
    if (failure !== 'busy') this.#discard(place, wire, error);
    const producer = this.#options.role === 'producer';
    if (producer && failure === 'refused') throw refused(this.description, error);
    this.#lost(failure === 'refused' ? refused(this.description, error) : unreachable(this.description, error));
    this.#isReadable ||= isReadable(error);
    const delayMs = Math.min(MAX_BACKOFF_MS, 50 * 2 ** attempt) * (0.5 + Math.random() / 2);
    // A failed first connection tells a producer all it needs; a lost reply, or a fail-over under way, deserves the rest of the deadline, a
    // restart where that is wanted.
    const returns = this.#wasConnected && this.#options.waits === true;
    const patient = !producer || sent || returns || this.#target.kind === 'sentinel';
    if (!patient || performance.now() + delayMs + LEAST_MS >= deadline) throw unreachable(this.description, error);
    await sleep(delayMs, undefined, { signal: this.#closing.signal }).catch(() => {
      throw closed(this.description);
    });
    // The pause may have been longer than it was to be.
    if (performance.now() + LEAST_MS >= deadline) throw unreachable(this.description, error);
  }

  async #open(place: Place, deadline: number): Promise<Wire> {
    if (this.#closing.signal.aborted) throw closed(this.description);
    place.opening ??= Wire.open(this.#target, {
      ...(this.#options.name === undefined ? {} : { name: this.#options.name }),
      // Not this call's: others may wait for it as well.
      timeoutMs: this.#replyTimeoutMs,
      signal: this.#closing.signal,
      // Not for consumers: a worker goes on with its jobs while Redis has its work already.
      gathers: this.#options.role === 'producer',
      isPatient: this.#options.role === 'consumer',
      onEnd: (wire) => {
        if (place.wire === wire) place.wire = null;
      },
    })
      .then((wire) => {
        // Also where all who waited for it have given up.
        if (this.#closing.signal.aborted) {
          wire.discard();
          throw closed(this.description);
        }
        place.wire = wire;
        this.#wasConnected = true;
        return wire;
      })
      .finally(() => {
        place.opening = null;
      });
    return deadline === Infinity ? place.opening : withDeadline(place.opening, deadline - performance.now());
  }

  /** `error`: what is wrong with it; a refusal concerns the call that it answers. */
  #discard(place: Place, wire: Wire | null, error: unknown): void {
    if (!wire) return;
    if (place.wire === wire) place.wire = null;
    wire.discard(error instanceof Error && error.name !== 'ReplyError' ? error : undefined);
  }

  #lost(error: TsrqError): void {
    if (this.#lostAt !== null) return;
    this.#lostAt = performance.now();
    this.#options.onLost?.(error);
  }

  #regained(): void {
    const since = this.#lostAt;
    if (since === null) return;
    this.#lostAt = null;
    this.#isReadable = false;
    this.#options.onRegained?.(performance.now() - since);
  }
}

import { setMaxListeners } from 'node:events';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis as IoRedis } from 'ioredis';
import type { TsrqError } from '../errors.js';
import { openClient, discardClient, send, sendMany } from './client.js';
import { LEAST_MS, withDeadline } from './deadline.js';
import { classify, closed, refused, unreachable } from './failure.js';
import { all, evaluateOn } from './replies.js';
import type { BufferReply, Durability, DurableReply, Redis, RedisArg, RedisCommand, Reply, Script } from './redis.js';
import { describeTarget, type RedisTarget } from './target.js';

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
/** Calls with more arguments, or a longer one, go on their way at once: Redis begins with one while the next is made. */
const MOST_TOGETHER = { args: 100, length: 4_096 };

class Connection implements Redis {
  readonly description: string;
  readonly #target: RedisTarget;
  readonly #options: ConnectOptions;
  readonly #replyTimeoutMs: number;
  readonly #deadlineMs: number;
  readonly #closing = new AbortController();
  #client: IoRedis | null = null;
  #opening: Promise<IoRedis> | null = null;
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

  call([name, ...args]: RedisCommand): Promise<Reply> {
    return this.#run((client) => client.call(name, ...args) as Promise<Reply>);
  }

  callBuffer([name, ...args]: RedisCommand): Promise<BufferReply> {
    return this.#run((client) => client.callBuffer(name, ...args) as Promise<BufferReply>);
  }

  pipeline(commands: readonly RedisCommand[]): Promise<(Reply | Error)[]> {
    return this.#run((client) => all(sendMany(client, commands, 'utf8') as Promise<Reply>[]));
  }

  pipelineBuffer(commands: readonly RedisCommand[]): Promise<(BufferReply | Error)[]> {
    return this.#run((client) => all(sendMany(client, commands, null) as Promise<BufferReply>[]));
  }

  evaluate(script: Script, keys: readonly string[], args: readonly RedisArg[]): Promise<BufferReply> {
    return this.#run((client) => {
      if (this.#options.role === 'producer' && isSmall(args)) writeTogether(client);
      return evaluateOn((name, words) => send(client, name, words), script, [keys.length, ...keys, ...args]);
    });
  }

  evaluateDurably(
    script: Script,
    args: readonly RedisArg[],
    { replicas, timeoutMs }: Durability,
  ): Promise<DurableReply> {
    return this.#run(async (client) => {
      const reply = await evaluateOn((name, words) => send(client, name, words), script, [0, ...args]);
      // WAIT speaks of the writes of its own connection, and a repetition's too: every command moves the mark it waits for.
      return { reply, replicas: (await client.call('WAIT', replicas, timeoutMs)) as number };
    }, timeoutMs);
  }

  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    if (this.#client) discardClient(this.#client);
    this.#client = null;
  }

  /** `extraMs`: how much longer than others this call may take. */
  #run<T>(work: (client: IoRedis) => Promise<T>, extraMs = 0): Promise<T> {
    const deadline = performance.now() + this.#deadlineMs + extraMs;
    const client = this.#client;
    if (!client) return this.#insist(work, { deadline, extraMs });
    return withDeadline(work(client), Math.min(this.#replyTimeoutMs + extraMs, this.#deadlineMs + extraMs)).then(
      (value) => {
        if (this.#lostAt !== null) this.#regained();
        return value;
      },
      (error: unknown) => this.#insist(work, { deadline, extraMs, failed: { error, client } }),
    );
  }

  /** Tries until it succeeds or may not go on; `failed`: an attempt that was made before. */
  async #insist<T>(
    work: (client: IoRedis) => Promise<T>,
    call: { deadline: number; extraMs: number; failed?: { error: unknown; client: IoRedis } },
  ): Promise<T> {
    const { deadline, extraMs, failed } = call;
    let sent = failed !== undefined;
    if (failed) await this.#recover(failed.error, failed.client, { attempt: 0, sent, deadline });
    for (let attempt = sent ? 1 : 0; ; attempt += 1) {
      let client: IoRedis | null = null;
      try {
        client = this.#client ?? (await this.#open(deadline));
        sent = true;
        const timeoutMs = Math.min(this.#replyTimeoutMs + extraMs, deadline - performance.now());
        const value = await withDeadline(work(client), timeoutMs);
        if (this.#lostAt !== null) this.#regained();
        return value;
      } catch (error) {
        await this.#recover(error, client, { attempt, sent, deadline });
      }
    }
  }

  /** Returns when the call may be tried again, else throws what the caller is told. */
  async #recover(
    error: unknown,
    client: IoRedis | null,
    { attempt, sent, deadline }: { attempt: number; sent: boolean; deadline: number },
  ): Promise<void> {
    if (this.#closing.signal.aborted) throw closed(this.description);
    const failure = classify(error);
    if (failure === 'reply') throw error;
    if (failure !== 'busy') this.#discard(client);
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

  async #open(deadline: number): Promise<IoRedis> {
    if (this.#closing.signal.aborted) throw closed(this.description);
    this.#opening ??= openClient(this.#target, {
      ...(this.#options.name === undefined ? {} : { name: this.#options.name }),
      timeoutMs: Math.min(this.#replyTimeoutMs, deadline - performance.now()),
      signal: this.#closing.signal,
      onEnd: (client) => {
        if (this.#client === client) this.#client = null;
      },
    }).finally(() => {
      this.#opening = null;
    });
    // The attempt may be that of a call with a later deadline.
    const client = await (deadline === Infinity
      ? this.#opening
      : withDeadline(this.#opening, deadline - performance.now()));
    if (this.#closing.signal.aborted) {
      discardClient(client);
      throw closed(this.description);
    }
    this.#client = client;
    return client;
  }

  #discard(client: IoRedis | null): void {
    if (!client) return;
    if (this.#client === client) this.#client = null;
    discardClient(client);
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

/**
 * What is sent in the same turn of the event loop goes to the socket in one piece: fifty calls at once are one system call
 * here, and few in Redis. Not for consumers: a worker goes on with its jobs while Redis has its work already.
 */
function writeTogether({ stream }: IoRedis): void {
  if (stream.writableCorked > 0) return;
  stream.cork();
  process.nextTick(() => {
    stream.uncork();
  });
}

const isSmall = (args: readonly RedisArg[]): boolean =>
  args.length < MOST_TOGETHER.args && args.every((arg) => typeof arg === 'number' || arg.length < MOST_TOGETHER.length);

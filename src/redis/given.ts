import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { TsrqError } from '../errors.js';
import { LEAST_MS, withDeadline } from './deadline.js';
import { classify, closed, refused, unreachable } from './failure.js';
import { targetOfClient, type ClientPlace } from './given-target.js';
import { PLACE, type Placed } from './place.js';
import type { BufferReply, Durability, DurableReply, Redis, RedisArg, RedisCommand, Reply, Script } from './redis.js';
import { all, evaluateOn } from './replies.js';
import type { RedisTarget } from './target.js';

/** A client of ioredis, 5 or 6, as an application has it. */
export interface GivenClient {
  readonly status: string;
  readonly options: ClientPlace & {
    readonly keyPrefix?: string | undefined;
    readonly stringNumbers?: boolean | undefined;
    readonly enableAutoPipelining?: boolean | undefined;
  };
  /** One command. */
  call(name: string, ...args: RedisArg[]): Promise<unknown>;
  /** One command whose bulk strings come as bytes. */
  callBuffer(name: string, ...args: RedisArg[]): Promise<unknown>;
  /** Opens it, if it was made with `lazyConnect`. */
  connect(): Promise<unknown>;
  /** Listens to what becomes of it. */
  on(event: 'ready' | 'end' | 'error', listener: (error?: unknown) => void): unknown;
  /** Listens no more. */
  off(event: 'ready' | 'end' | 'error', listener: (error?: unknown) => void): unknown;
}

/**
 * A client of the application's own, behind tsrq's interface. It is used as it is: never closed, reconnected nor thrown away. No
 * call takes longer than `deadlineMs` (default 5,000), whatever the options of the client; nothing goes into its offline
 * queue, where it would be sent long after the caller was told that it failed. Throws USAGE for a client that cannot be used.
 */
export function givenClient(client: GivenClient, options: { readonly deadlineMs?: number } = {}): Redis {
  refuseUnfit(client);
  return new Given(client, options.deadlineMs ?? 5_000);
}

/** Whether that is a client and not something else that has a connection. */
export const isClient = (value: unknown): value is GivenClient =>
  typeof value === 'object' && value !== null && 'callBuffer' in value && 'status' in value && 'options' in value;

const MAX_BACKOFF_MS = 500;

class Given implements Redis, Placed {
  readonly description: string;
  readonly #client: GivenClient;
  readonly #deadlineMs: number;
  readonly #closing = new AbortController();
  #settling: Promise<void> | null = null;
  /** What the client has said last of why it is not ready. */
  #trouble: unknown = null;

  constructor(client: GivenClient, deadlineMs: number) {
    this.#client = client;
    this.#deadlineMs = deadlineMs;
    this.description = describe(client);
    // Any number of calls may wait to try again.
    setMaxListeners(0, this.#closing.signal);
  }

  call([name, ...args]: RedisCommand): Promise<Reply> {
    return this.#run(() => this.#client.call(name, ...args) as Promise<Reply>);
  }

  callBuffer([name, ...args]: RedisCommand): Promise<BufferReply> {
    return this.#run(() => this.#client.callBuffer(name, ...args) as Promise<BufferReply>);
  }

  pipeline(commands: readonly RedisCommand[]): Promise<(Reply | Error)[]> {
    return this.#run(() => all(commands.map(([name, ...args]) => this.#client.call(name, ...args) as Promise<Reply>)));
  }

  pipelineBuffer(commands: readonly RedisCommand[]): Promise<(BufferReply | Error)[]> {
    return this.#run(() =>
      all(commands.map(([name, ...args]) => this.#client.callBuffer(name, ...args) as Promise<BufferReply>)),
    );
  }

  evaluate(script: Script, keys: readonly string[], args: readonly RedisArg[]): Promise<BufferReply> {
    return this.#run(() => this.#evaluate(script, [keys.length, ...keys, ...args]));
  }

  evaluateDurably(
    script: Script,
    args: readonly RedisArg[],
    { replicas, timeoutMs }: Durability,
  ): Promise<DurableReply> {
    return this.#run(async () => {
      const reply = await this.#evaluate(script, [0, ...args]);
      return { reply, replicas: (await this.#client.call('WAIT', replicas, timeoutMs)) as number };
    }, timeoutMs);
  }

  [PLACE](): RedisTarget {
    return targetOfClient(this.#client.options);
  }

  /** Only for tsrq: the client stays open, and what Redis is working on still has its reply. */
  close(): void {
    this.#closing.abort();
  }

  #evaluate(script: Script, rest: readonly RedisArg[]): Promise<BufferReply> {
    const send = (name: string, args: RedisArg[]): Promise<BufferReply> =>
      this.#client.callBuffer(name, ...args) as Promise<BufferReply>;
    return evaluateOn(send, script, rest);
  }

  async #run<T>(work: () => Promise<T>, extraMs = 0): Promise<T> {
    const deadline = performance.now() + this.#deadlineMs + extraMs;
    for (let attempt = 0; ; attempt += 1) {
      try {
        if (this.#client.status !== 'ready') await this.#ready(deadline);
        if (this.#closing.signal.aborted) throw closed(this.description);
        return await withDeadline(work(), deadline - performance.now());
      } catch (error) {
        await this.#recover(error, attempt, deadline);
      }
    }
  }

  /** Returns when the call may be tried again, else throws what the caller is told. */
  async #recover(error: unknown, attempt: number, deadline: number): Promise<void> {
    if (error instanceof TsrqError) throw error;
    if (this.#closing.signal.aborted) throw closed(this.description);
    const failure = classify(error);
    if (failure === 'reply') throw error;
    if (failure === 'refused') throw refused(this.description, error);
    const delayMs = Math.min(MAX_BACKOFF_MS, 50 * 2 ** attempt) * (0.5 + Math.random() / 2);
    if (performance.now() + delayMs + LEAST_MS >= deadline) throw unreachable(this.description, error);
    await sleep(delayMs, undefined, { signal: this.#closing.signal }).catch(() => {
      throw closed(this.description);
    });
    // The pause may have been longer than it was to be.
    if (performance.now() + LEAST_MS >= deadline) throw unreachable(this.description, error);
  }

  /** Waits until the client can be used. */
  async #ready(deadline: number): Promise<void> {
    this.#settling ??= this.#settle().finally(() => {
      this.#settling = null;
    });
    try {
      await withDeadline(this.#settling, deadline - performance.now());
    } catch (error) {
      const why = this.#trouble ?? error;
      throw classify(why) === 'refused' ? refused(this.description, why) : unreachable(this.description, why);
    }
    if (this.#client.status === 'end') throw closed(this.description);
  }

  /** For all calls that wait, one listener; connects the client if nobody has yet. */
  async #settle(): Promise<void> {
    const client = this.#client;
    const note = (error: unknown): void => {
      this.#trouble = error;
    };
    this.#trouble = null;
    client.on('error', note);
    try {
      if (client.status === 'wait') void client.connect().catch(note);
      while (!this.#isSettled()) await change(client, this.#closing.signal);
    } finally {
      client.off('error', note);
    }
  }

  /** Ready, or not to be waited for any more. */
  #isSettled(): boolean {
    return this.#client.status === 'ready' || this.#client.status === 'end' || this.#closing.signal.aborted;
  }
}

/** When its status may be another, or the signal fires. */
function change(client: GivenClient, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      client.off('ready', done);
      client.off('end', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    client.on('ready', done);
    client.on('end', done);
    signal.addEventListener('abort', done);
  });
}

function refuseUnfit(client: GivenClient): void {
  if ((client as { isCluster?: unknown }).isCluster === true) {
    throw unfit(
      'a client of a Redis Cluster',
      'RQ changes keys of several slots in one step',
      'use one Redis, or one with Sentinel',
    );
  }
  if (!isClient(client)) {
    throw unfit(
      'this',
      'it is no client of ioredis',
      "give a client of ioredis, or a url: new Tsrq({ url: 'redis://…' })",
    );
  }
  const { keyPrefix, stringNumbers } = client.options;
  if (keyPrefix) {
    const why = `its keyPrefix '${keyPrefix}' would be put before RQ's keys, which workers look for under their names`;
    throw unfit('this client', why, 'give a client without keyPrefix: client.duplicate({ keyPrefix: "" })');
  }
  if (stringNumbers === true) {
    throw unfit(
      'this client',
      'stringNumbers turns numbers into texts',
      'give a client without: client.duplicate({ stringNumbers: false })',
    );
  }
  if (client.options.enableAutoPipelining === true) {
    throw unfit(
      'this client',
      'with enableAutoPipelining ioredis loses the names of commands whose replies are wanted as bytes',
      'give a client without: client.duplicate({ enableAutoPipelining: false })',
    );
  }
  if ((client.options as { replyMapping?: unknown }).replyMapping === 'resp3') {
    throw unfit('this client', "replyMapping 'resp3' changes the shapes of replies", 'give a client with protocol 2');
  }
  if (['monitor', 'subscriber'].includes((client as { mode?: string }).mode ?? '')) {
    throw unfit('this client', 'it only listens', 'give a client.duplicate()');
  }
}

const unfit = (what: string, why: string, hint: string): TsrqError =>
  new TsrqError('USAGE', `${what} cannot be used by tsrq: ${why}`, { hint });

function describe({ options }: GivenClient): string {
  const { path, host, port, db, sentinels, name } = options;
  if (sentinels && sentinels.length > 0) return `the master ${name ?? ''} of the application's client`;
  return path ? `unix://${path}` : `redis://${host ?? 'localhost'}:${port ?? 6379}/${db ?? 0}`;
}

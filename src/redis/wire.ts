import { expect, forget, type Due } from './deadline.js';
import type { BufferReply, RedisArg, RedisCommand, Reply, Script } from './redis.js';
import { isUnknown, orThrow } from './replies.js';
import { encode, ReplyError, ReplyReader } from './resp.js';
import { openSocket } from './open.js';
import type { OpenOptions, OpenSocket } from './socket.js';
import type { RedisTarget } from './target.js';

/**
 * `onEnd`: called when the connection is closed, by whomever. `gathers`: commands of one turn go to the socket together, but for the first.
 * `isPatient`: a reply may take as long as it likes while something comes.
 */
export type WireOptions = OpenOptions & {
  readonly onEnd: (wire: Wire) => void;
  readonly gathers?: boolean;
  readonly isPatient?: boolean;
};

/** Longer commands do not wait for others of their turn: Redis begins with one while the next is made. */
const MOST_GATHERED = 8_192;

/** So many places of the row of calls may be those of answered ones: to take out each by itself would cost more. */
const MOST_ANSWERED = 1_000;

/**
 * Commands on a socket, and their replies, by code of our own: between a call and the socket ioredis does as much as all that `enqueue` does
 * (docs/decisions/0020). It is never revived: when something fails it is thrown away. A call rejects when the connection is lost, and with `no answer within …` when its replies take longer than `timeoutMs`.
 */
export class Wire {
  readonly #socket: OpenSocket;
  readonly #gathers: boolean;
  readonly #heard: Heard | null;
  readonly #reader: ReplyReader;
  /** In their order; null for what is answered. */
  #owed: (Owed | null)[] = [];
  /** How many are. */
  #answered = 0;
  #isOpen = true;

  private constructor(socket: OpenSocket, { gathers = false, isPatient = false, onEnd }: WireOptions) {
    this.#socket = socket;
    this.#gathers = gathers;
    this.#heard = isPatient ? { at: 0 } : null;
    this.#reader = new ReplyReader({
      onReply: (reply) => {
        this.#take(reply);
      },
      wantsText: () => this.#owed[this.#answered]?.asText === true,
      toError: (message) => new ReplyError(message),
    });
    const { stream } = socket;
    stream.on('data', (bytes: Buffer) => {
      if (this.#heard) this.#heard.at = performance.now();
      try {
        this.#reader.add(bytes);
      } catch (error) {
        this.#lose(error as Error);
      }
    });
    stream.once('error', (error: Error) => {
      this.#lose(error);
    });
    const end = (): void => {
      this.#lose(closed());
      onEnd(this);
    };
    if (stream.destroyed) process.nextTick(end);
    else stream.once('close', end);
  }

  static async open(target: RedisTarget, options: WireOptions): Promise<Wire> {
    return new Wire(await openSocket(target, options), options);
  }

  /** One command, with its strings as texts; an error reply rejects. `dueAt`: when that time is over, where it began before. */
  call(command: RedisCommand, timeoutMs: number, dueAt?: number): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.#send(encodeCommand(command), new Owed(true, timeoutMs, 0, resolve, reject, dueAt));
    });
  }

  /** The same with strings as bytes. */
  callBuffer(command: RedisCommand, timeoutMs: number): Promise<BufferReply> {
    return new Promise((resolve, reject) => {
      this.#send(encodeCommand(command), new Owed(false, timeoutMs, 0, resolve, reject));
    });
  }

  /** Commands in one piece. An error reply stands in its place, unless it concerns the connection. */
  pipeline(commands: readonly RedisCommand[], asText: true, timeoutMs: number): Promise<(Reply | Error)[]>;
  pipeline(commands: readonly RedisCommand[], asText: false, timeoutMs: number): Promise<(BufferReply | Error)[]>;
  async pipeline(
    commands: readonly RedisCommand[],
    asText: boolean,
    timeoutMs: number,
  ): Promise<(Reply | BufferReply | Error)[]> {
    if (commands.length === 0) return [];
    const words = commands.map(encodeCommand);
    const bytes = words.every((word) => typeof word === 'string')
      ? words.join('')
      : Buffer.concat(words.map((word) => (typeof word === 'string' ? Buffer.from(word) : word)));
    const replies = await new Promise<(Reply | BufferReply | Error)[]>((resolve, reject) => {
      this.#send(bytes, new Owed(asText, timeoutMs, commands.length, resolve, reject));
    });
    return replies.map(orThrow);
  }

  /**
   * Runs a script by its digest, then by its text if Redis does not know it, both within that time. By callbacks: the call of every job
   * comes this way.
   */
  evaluate(
    script: Script,
    keys: readonly string[],
    args: readonly RedisArg[],
    timeoutMs: number,
    resolve: (reply: BufferReply) => void,
    reject: (error: Error) => void,
  ): void {
    const words = keys.length > 0 ? [...keys, ...args] : args;
    // The name of the command, the script and how many keys there are stand before them.
    const [count, keyCount] = [words.length + 3, `$${String(keys.length).length}\r\n${keys.length}\r\n`];
    const byDigest = `*${count}\r\n$7\r\nEVALSHA\r\n$40\r\n${script.sha}\r\n${keyCount}`;
    const orByText = (error: Error): void => {
      if (isUnknown(error)) {
        const whole = ['EVAL', script.source, keys.length, ...words] as const;
        this.#send(encodeCommand(whole), new Owed(false, timeoutMs, 0, resolve, reject, first.dueAt));
      } else reject(error);
    };
    const first = new Owed(false, timeoutMs, 0, resolve, orByText);
    this.#send(encode(byDigest, words), first);
  }

  /** Ends the connection; what is under way rejects, with `error` if it is known what is wrong. May be called twice. */
  discard(error?: Error): void {
    this.#lose(error ?? closed());
  }

  #send(words: string | Buffer, owed: Owed): void {
    const { stream } = this.#socket;
    // ioredis may be about to close it: its Sentinel has seen a fail-over.
    if (!this.#isOpen || !stream.writable) {
      owed.reject(closed());
      return;
    }
    if (this.#gathers && this.#owed.length > 0 && words.length <= MOST_GATHERED && stream.writableCorked === 0) {
      stream.cork();
      process.nextTick(() => {
        stream.uncork();
      });
    }
    owed.heard = this.#heard;
    this.#owed.push(owed);
    stream.write(words);
    expect(owed);
  }

  #take(reply: unknown): void {
    const owed = this.#owed[this.#answered];
    if (!owed) throw new Error('Redis answered what was not asked');
    if (!owed.take(reply)) return;
    forget(owed);
    this.#owed[this.#answered] = null;
    this.#answered += 1;
    if (this.#answered < MOST_ANSWERED && this.#answered < this.#owed.length) return;
    // A busy connection always has something under way.
    this.#owed.splice(0, this.#answered);
    this.#answered = 0;
  }

  #lose(error: Error): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const owed = this.#owed.slice(this.#answered);
    this.#owed = [];
    this.#answered = 0;
    this.#socket.discard();
    for (const one of owed) {
      if (one === null) continue;
      forget(one);
      one.reject(error);
    }
  }
}

/** When something came last, by `performance.now()`. */
interface Heard {
  at: number;
}

/**
 * The replies of one call. It ends once, by a reply, its deadline or the loss of the connection, whatever comes after that: who is told of
 * an end may make the call again.
 */
class Owed implements Due {
  readonly asText: boolean;
  readonly timeoutMs: number;
  /** Of a patient connection. */
  heard: Heard | null = null;
  readonly #dueAt: number;
  readonly #resolve: (reply: never) => void;
  readonly #reject: (error: Error) => void;
  readonly #many: number;
  readonly #replies: unknown[] | null;
  #isOver = false;

  /** `many`: replies that it takes together; 0 where it takes one by itself, and an error reply rejects. */
  constructor(
    asText: boolean,
    timeoutMs: number,
    many: number,
    resolve: (reply: never) => void,
    reject: (error: Error) => void,
    dueAt = performance.now() + timeoutMs,
  ) {
    this.asText = asText;
    this.timeoutMs = timeoutMs;
    this.#dueAt = dueAt;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#many = many;
    this.#replies = many > 0 ? [] : null;
  }

  get dueAt(): number {
    return this.heard ? Math.max(this.#dueAt, this.heard.at + this.timeoutMs) : this.#dueAt;
  }

  reject(error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#reject(error);
  }

  /** Whether that was the last one. */
  take(reply: unknown): boolean {
    if (this.#replies) {
      if (this.#replies.push(reply) < this.#many) return false;
      this.#answer(this.#replies);
    } else if (reply instanceof Error) this.reject(reply);
    else this.#answer(reply);
    return true;
  }

  #answer(reply: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#resolve(reply as never);
  }
}

const encodeCommand = (command: RedisCommand): string | Buffer => encode(`*${command.length}\r\n`, command);

const closed = (): Error => new Error('Connection is closed.');

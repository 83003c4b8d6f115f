/** What tsrq needs of a Redis client; everything above this layer knows only this. */
export type RedisArg = string | number | Buffer;

/** One command: its name, then its arguments. */
export type RedisCommand = readonly [name: string, ...args: RedisArg[]];

/** A reply as Redis sends it: text, integers, nil, nested arrays. */
export type Reply = string | number | null | Reply[];
/** The same with bulk strings as bytes. */
export type BufferReply = Buffer | number | null | BufferReply[];

/** A connection, as the verbs take it: one of `connect()`, of a `Tsrq`, or a client of ioredis behind `givenClient()`. */
export interface Redis {
  /** One command; an error reply rejects. */
  call(command: RedisCommand): Promise<Reply>;
  /** One command whose bulk strings come as bytes. */
  callBuffer(command: RedisCommand): Promise<BufferReply>;
  /** Many commands in one round trip. An error reply stands in its place, it does not reject. */
  pipeline(commands: readonly RedisCommand[]): Promise<(Reply | Error)[]>;
  /** The same with bulk strings as bytes. */
  pipelineBuffer(commands: readonly RedisCommand[]): Promise<(BufferReply | Error)[]>;
  /** Runs a script by its digest, sending its text when Redis does not know it. */
  evaluate(script: Script, keys: readonly string[], args: readonly RedisArg[]): Promise<BufferReply>;
  /**
   * The same, then waits until replicas have what it wrote. `replicas` of the answer: how many had it in time; fewer than
   * asked for is an answer, not an error.
   */
  evaluateDurably(script: Script, args: readonly RedisArg[], durability: Durability): Promise<DurableReply>;
  /** `redis://127.0.0.1:6379/0`, without secrets: for messages. */
  readonly description: string;
  /** Ends the connection; pending calls reject. May be called twice. */
  close(): void;
}

/** On how many replicas a write must be before it counts, and how long that is waited for. */
export interface Durability {
  readonly replicas: number;
  readonly timeoutMs: number;
}

/** An answer, and how many replicas have what was written. */
export interface DurableReply {
  readonly reply: BufferReply;
  readonly replicas: number;
}

/** A Lua script: `name` is its file in `lua/`, `sha` the SHA-1 of `source`. */
export interface Script {
  readonly name: string;
  readonly source: string;
  readonly sha: string;
}

import { closed } from './failure.js';
import { PLACE, placeOf, type Placed } from './place.js';
import type { BufferReply, Durability, DurableReply, Redis, RedisArg, RedisCommand, Reply, Script } from './redis.js';
import type { RedisTarget } from './target.js';

/** The description of one whose place is not known. */
export const NOT_ASKED = 'a Redis that was not asked for yet';

/** A connection to a place that is not known yet: the first call asks for it. What cannot be found out is asked again. */
export class LazyRedis implements Redis, Placed {
  readonly #find: () => Promise<Redis>;
  #finding: Promise<Redis> | null = null;
  #found: Redis | null = null;
  #closed = false;

  constructor(find: () => Promise<Redis>) {
    this.#find = find;
  }

  get description(): string {
    return this.#found?.description ?? NOT_ASKED;
  }

  async call(command: RedisCommand): Promise<Reply> {
    return (await this.#redis()).call(command);
  }

  async callBuffer(command: RedisCommand): Promise<BufferReply> {
    return (await this.#redis()).callBuffer(command);
  }

  async pipeline(commands: readonly RedisCommand[]): Promise<(Reply | Error)[]> {
    return (await this.#redis()).pipeline(commands);
  }

  async pipelineBuffer(commands: readonly RedisCommand[]): Promise<(BufferReply | Error)[]> {
    return (await this.#redis()).pipelineBuffer(commands);
  }

  async evaluate(script: Script, keys: readonly string[], args: readonly RedisArg[]): Promise<BufferReply> {
    return (await this.#redis()).evaluate(script, keys, args);
  }

  async evaluateDurably(script: Script, args: readonly RedisArg[], durability: Durability): Promise<DurableReply> {
    return (await this.#redis()).evaluateDurably(script, args, durability);
  }

  async [PLACE](): Promise<RedisTarget> {
    return placeOf(await this.#redis());
  }

  close(): void {
    this.#closed = true;
    this.#found?.close();
  }

  async #redis(): Promise<Redis> {
    if (this.#found) return this.#found;
    if (this.#closed) throw closed(this.description);
    this.#finding ??= this.#find().finally(() => {
      this.#finding = null;
    });
    const found = await this.#finding;
    if (this.#closed) {
      found.close();
      throw closed(this.description);
    }
    this.#found = found;
    return found;
  }
}

import { begunKey } from '../protocol/keys.js';
import { openLine, type Line } from '../redis/line.js';
import type { Redis } from '../redis/redis.js';
import type { RedisTarget } from '../redis/target.js';

/** Seconds that a mark lives after the last job was begun; far longer than a lease. */
const MARK_SECONDS = '3600';

export interface BegunMarkOptions {
  readonly target: RedisTarget;
  /** Shown in `CLIENT LIST`. */
  readonly name: string;
  readonly processPrefix: string;
  /** Without it everything that is claimed counts as begun. */
  readonly isWanted: boolean;
  /** Called when marks can be made again. */
  readonly onReady: () => void;
}

/**
 * Tells Redis which of the claimed executions have begun: those up to the mark, in the order of their ids. If this process
 * dies, `abandoned.lua` gives those behind it back to their queue, and retries or fails the others. Where there is no mark
 * all count as begun.
 */
export class BegunMark {
  readonly #options: BegunMarkOptions;
  readonly #key: string;
  #line: Line | null = null;
  #inUse = false;
  #isClosed = false;
  #last = '';

  constructor(options: BegunMarkOptions) {
    this.#options = options;
    this.#key = begunKey(options.processPrefix);
  }

  /** Opens the connection for marks, if it is not open. */
  open(): void {
    if (!this.#options.isWanted || this.#isClosed) return;
    this.#line ??= openLine(this.#options.target, this.#options.name, () => {
      // What began before there was a mark must not lie behind it.
      this.#inUse = this.#line?.send(this.#command(this.last)) ?? false;
      this.#options.onReady();
    });
  }

  /** True when marks can be made; the first question opens the connection. */
  get isReady(): boolean {
    this.open();
    return this.#inUse && this.#line?.isOpen === true;
  }

  /** The last execution that has begun, `0` for none; '' where no marks are made. */
  get last(): string {
    return this.#options.isWanted ? this.#last || '0' : '';
  }

  /** Says that an execution begins now; false if that cannot be said, and it must not begin. */
  begin(executionId: string): boolean {
    if (executionId <= this.#last) return true;
    if (this.#inUse && !this.#line?.send(this.#command(executionId))) return false;
    this.#last = executionId;
    return true;
  }

  /** True when nothing can begin because the connection is lost. */
  get isStuck(): boolean {
    return this.#inUse && this.#line?.isOpen === false;
  }

  /** Does without marks until the connection is back. */
  async withdraw(redis: Redis): Promise<void> {
    await redis.call(['DEL', this.#key]);
    if (this.isStuck) this.#inUse = false;
  }

  /** What a wait has claimed counts as not begun. Where that cannot be changed by a mark when it begins, it is changed before. */
  async forgo(redis: Redis): Promise<void> {
    if (this.#options.isWanted && !this.isReady) await this.withdraw(redis);
  }

  /** After a lost connection: marks may have been lost with it. */
  renew(): void {
    this.#line?.renew();
  }

  close(): void {
    this.#isClosed = true;
    this.#line?.close();
  }

  #command(executionId: string): string[] {
    return ['SET', this.#key, executionId, 'EX', MARK_SECONDS];
  }
}

import { setTimeout as sleep } from 'node:timers/promises';
import { TsrqError } from '../errors.js';
import type { WorkerEvent } from './events.js';
import type { Exchange } from './exchange.js';
import type { Signs } from './pulse.js';

/** After so long, seconds, an answer that Redis owes counts as one that does not come. A far one may take a while. */
const PATIENCE = 1;
/** After a turn that failed, milliseconds. */
const REST_MS = 500;
/** A trouble that is met again before so long, milliseconds, is the same one: turns between that needed nothing of Redis end it not. */
const SAME_MS = 60_000;

/** How the loop of a worker gets on: whether it turns, whether Redis answers it, and what troubles it. */
export class Turns {
  readonly #exchange: Exchange;
  readonly #tell: (event: WorkerEvent) => void;
  #count = 0;
  /** Since when a turn is under way, by `performance.now()`. */
  #since: number | null = null;
  #isTroubled = false;
  /** What has been told, and when it was met last, by `performance.now()`. */
  readonly #told = new Map<string, number>();

  constructor(exchange: Exchange, tell: (event: WorkerEvent) => void) {
    this.#exchange = exchange;
    this.#tell = tell;
  }

  /** What shows from outside that the loop goes on. */
  get signs(): Signs {
    const { settledCalls, isIdle } = this.#exchange;
    return { turns: this.#count, settledCalls, isWaiting: !isIdle };
  }

  /** Redis has answered of late, or is not asked. */
  get isAnswered(): boolean {
    const turning = this.#since === null ? 0 : performance.now() - this.#since;
    return Math.max(this.#exchange.lagSeconds, turning / 1_000) < PATIENCE;
  }

  /** The last turn failed. */
  get isTroubled(): boolean {
    return this.#isTroubled;
  }

  begins(): void {
    this.#since = performance.now();
  }

  ended(): void {
    this.#since = null;
    this.#count += 1;
    this.#isTroubled = false;
  }

  /**
   * Returns when it may be tried again: what Redis cannot do just now (out of memory, misconfigured) it can later, and nothing that
   * waits to be written is dropped. The same trouble is told once. Throws what does not pass.
   */
  async failed(error: unknown): Promise<void> {
    if (isClosed(error) || (error instanceof TsrqError && error.code === 'NAME_TAKEN')) throw error;
    const message = error instanceof Error ? error.message : String(error);
    if (this.#isNews(message)) this.#tell({ type: 'warning', message: `cannot go on, trying again: ${message}` });
    this.#isTroubled = true;
    // What Redis answers is Redis's trouble. Anything else is our own, and a loop that brings nothing else is stuck.
    if (error instanceof TsrqError || (error instanceof Error && error.name === 'ReplyError')) this.#count += 1;
    await sleep(REST_MS);
  }

  #isNews(message: string): boolean {
    const now = performance.now();
    for (const [told, at] of this.#told) if (now - at > SAME_MS) this.#told.delete(told);
    // Whichever script has met it.
    const what = message.replace(/script: [0-9a-f]{40}.*/, '');
    const isNews = !this.#told.has(what);
    this.#told.set(what, now);
    return isNews;
  }
}

/** The connection was closed by us. */
export const isClosed = (error: unknown): boolean => error instanceof TsrqError && error.code === 'CLOSED';

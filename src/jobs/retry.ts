import { TsrqError } from '../errors.js';

/** How a handler asks to be run again. */
export interface RetryOptions {
  /** How often the job may be run again for the asking, 1 or more. */
  readonly max: number;
  /** Seconds to wait: a number, or one for each time, the last of which repeats. Default 0. */
  readonly interval?: number | readonly number[];
  /** Why; kept with the attempt, and shown by `tsrq job show`. */
  readonly message?: string;
  readonly cause?: unknown;
}

/** By this it is known in all copies of this module that a process may have loaded. */
const MARK = Symbol.for('tsrq.Retry');

/**
 * Returned or thrown by a handler it asks for another attempt, as RQ's `Retry` returned by a function does: independent of the
 * retries that the job was enqueued with. After `max` of them the job has failed.
 */
export class Retry extends Error {
  override readonly name = 'Retry';
  readonly max: number;
  readonly intervals: readonly number[];

  /** Throws USAGE for what RQ would refuse. */
  constructor({ max, interval = 0, message = '', cause }: RetryOptions) {
    super(message, cause === undefined ? {} : { cause });
    const intervals = typeof interval === 'number' ? [interval] : [...interval];
    if (!Number.isSafeInteger(max) || max < 1) throw new TsrqError('USAGE', `a Retry needs a max from 1, not ${max}`);
    const odd = intervals.find((seconds) => !Number.isSafeInteger(seconds) || seconds < 0);
    if (odd !== undefined) throw new TsrqError('USAGE', `a Retry waits whole seconds from 0, not ${odd}`);
    this.max = max;
    this.intervals = intervals;
  }

  /** @internal */
  get [MARK](): true {
    return true;
  }
}

export function isRetry(value: unknown): value is Retry {
  try {
    return typeof value === 'object' && value !== null && MARK in value;
  } catch {
    // A Proxy that is revoked, or throws.
    return false;
  }
}

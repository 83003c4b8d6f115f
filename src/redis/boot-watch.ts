import { setTimeout as sleep } from 'node:timers/promises';
import { LONGEST_TIMER_MS } from '../clock.js';
import { TsrqError } from '../errors.js';
import { classify } from './failure.js';

/** Ends the boot when Redis cannot be reached in time, or does not want us. */
export class BootWatch {
  over = false;
  readonly #timeoutSeconds: number;
  #lastError: Error | null = null;
  #refuse: (error: Error) => void = () => undefined;

  constructor(timeoutSeconds: number) {
    this.#timeoutSeconds = timeoutSeconds;
  }

  lost(error: Error): void {
    this.#lastError = error;
    if (classify(error.cause) === 'refused') this.#refuse(error);
  }

  /** `where`: the connection's description. */
  async within(work: Promise<void>, where: string): Promise<void> {
    const timer = new AbortController();
    const refused = new Promise<never>((_, reject) => {
      this.#refuse = reject;
    });
    const timeout = sleep(Math.min(LONGEST_TIMER_MS, this.#timeoutSeconds * 1_000), undefined, {
      signal: timer.signal,
    }).then(() => {
      const seconds = this.#timeoutSeconds;
      throw (
        this.#lastError ??
        new TsrqError('REDIS_UNREACHABLE', `cannot reach Redis at ${where}: no answer within ${seconds} s`)
      );
    });
    timeout.catch(() => undefined);
    try {
      await Promise.race([work, refused, timeout]);
    } finally {
      timer.abort();
    }
  }

  end(): void {
    this.over = true;
  }
}

/** How often in a row no process could be started until jobs wait for none any more, where none is there. */
const MOST_FAILURES = 8;
/** How long is waited after the first time, milliseconds: each time twice as long, … */
const FIRST_PAUSE_MS = 100;
/** … and at most so long. */
const LONGEST_PAUSE_MS = 5_000;

/** Whether work horses can be started of late, and when the next may be. */
export class Starts {
  readonly #warn: (message: string) => void;
  #failures = 0;
  #nextAt = 0;

  /** `warn`: told what an operator should know, once while it lasts. */
  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  /** How long none may be started, milliseconds. */
  get pauseMs(): number {
    return Math.max(0, this.#nextAt - performance.now());
  }

  /** It has failed time after time. */
  get isHopeless(): boolean {
    return this.#failures >= MOST_FAILURES;
  }

  /** One could not be started, or ended before its code was loaded. */
  failed(how: string): void {
    const pauseMs = FIRST_PAUSE_MS * 2 ** Math.min(this.#failures, 10);
    this.#failures += 1;
    this.#nextAt = performance.now() + Math.min(LONGEST_PAUSE_MS, pauseMs);
    if (this.#failures > 1) return;
    this.#warn(`a process that runs jobs could not be started: ${how}; jobs wait, and it is tried again`);
  }

  /** One is ready. */
  succeeded(): void {
    if (this.#failures > 0) this.#warn('processes that run jobs can be started again');
    this.#failures = this.#nextAt = 0;
  }
}

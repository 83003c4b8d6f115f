import { LONGEST_TIMER_MS } from '../clock.js';

/** Things to do again and again: never two rounds of one at once, and one that fails is reported once while it fails. */
export class Rounds {
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #warn: (message: string) => void;
  #ended = false;

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  /** Returns the end of the round that is made at once. */
  every(seconds: number, work: () => Promise<unknown>, start: 'at once' | 'later' = 'later'): Promise<void> {
    let busy = false;
    let failing = false;
    const round = async (): Promise<void> => {
      if (busy || this.#ended) return;
      busy = true;
      try {
        await work();
        failing = false;
      } catch (error) {
        if (!failing && !this.#ended)
          this.#warn(`a round of upkeep failed: ${error instanceof Error ? error.message : String(error)}`);
        failing = true;
      }
      busy = false;
    };
    this.#timers.push(setInterval(() => void round(), Math.min(LONGEST_TIMER_MS, seconds * 1_000)));
    return start === 'at once' ? round() : Promise.resolve();
  }

  end(): void {
    this.#ended = true;
    for (const timer of this.#timers) clearInterval(timer);
  }
}

/** What shows from outside that a worker's loop goes on. The numbers only grow. */
export interface Signs {
  /** Turns that came to an end, be it with an error of Redis's. */
  readonly turns: number;
  /** Calls about jobs that are over. */
  readonly settledCalls: number;
  /** A call is under way. */
  readonly isWaiting: boolean;
}

/**
 * Tells a loop that goes on from one that is stuck, without a timer of its own in the loop: who looks prods the loop, and
 * the next look sees whether it has turned since, and whether a call that was under way is over. Looks should be some
 * seconds apart. A loop that waits for an absent Redis has no pulse either: Redis must be asked which of the two it is.
 */
export class Pulse {
  readonly #loop: { readonly signs: Signs; prod(): void };
  #last: Signs | null = null;

  constructor(loop: { readonly signs: Signs; prod(): void }) {
    this.#loop = loop;
  }

  /** Whether it has got on since the last look; true at the first. */
  look(): boolean {
    const last = this.#last;
    const now = this.#loop.signs;
    this.#last = now;
    this.#loop.prod();
    if (last === null) return true;
    const answered = now.settledCalls > last.settledCalls || !(now.isWaiting && last.isWaiting);
    return now.turns > last.turns && answered;
  }
}

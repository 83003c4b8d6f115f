import type { Exchange } from './exchange.js';
import { GATHER_MS, type Slots } from './slots.js';
import type { Wake } from './wake.js';

/** When what has ended is followed up: together, as far as that delays nobody. */
export class Batching {
  readonly #slots: Slots;
  readonly #exchange: Exchange;
  readonly #wake: Wake;
  #following = false;
  #later: NodeJS.Immediate | null = null;
  #gathering: NodeJS.Timeout | null = null;

  constructor(slots: Slots, exchange: Exchange, wake: Wake) {
    this.#slots = slots;
    this.#exchange = exchange;
    this.#wake = wake;
  }

  /** A run has ended. What else ends before the event loop goes on comes along: beginning jobs costs one mark, however many. */
  ended(): void {
    if (this.#following) return;
    this.#following = true;
    process.nextTick(() => {
      this.#following = false;
      this.#slots.refill();
      if (this.#slots.size === 0 || this.#slots.ended >= this.#slots.batch) this.#wake.rouse();
      else this.#rouseLater();
    });
  }

  /** A call is over. */
  settled(): void {
    // What it took in goes on here first, unless there is enough for the next call.
    const enough = this.#slots.ended === 0 || this.#slots.size === 0 || this.#slots.ended >= this.#slots.batch;
    if (enough) this.#wake.rouse();
    this.#rouseLater();
  }

  /** Whatever else ends in this turn of the event loop belongs to the same batch; and then there is time to tell. */
  #rouseLater(): void {
    if (this.#later !== null) return;
    this.#later = setImmediate(() => {
      this.#later = null;
      this.#exchange.tellOutcomes();
      this.#follow();
    });
  }

  #follow(): void {
    if (this.#slots.mayGather) this.#gather();
    else if (this.#slots.ended > 0) this.#wake.rouse();
  }

  #gather(): void {
    if (this.#gathering !== null) return;
    this.#gathering = setTimeout(() => {
      this.#gathering = null;
      // What it was set for may be recorded by now, and what is here has not waited as long.
      this.#follow();
    }, GATHER_MS);
  }
}

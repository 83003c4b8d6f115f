import type { Crew, Rest } from './crew.js';
import type { WorkerEndReason } from './events.js';
import type { Exchange } from './exchange.js';
import type { WorkerOptions } from './options.js';
import type { Slots } from './slots.js';

export interface OwnEndParts {
  readonly options: WorkerOptions;
  readonly slots: Slots;
  readonly exchange: Exchange;
  /** Those it ends together with; null if it is alone. */
  readonly crew: Crew | null;
  readonly stop: (reason: WorkerEndReason, because: string) => void;
}

/** When a worker ends by itself: its burst is over, it has had its number of jobs, or none for too long. */
export class OwnEnd {
  readonly #parts: OwnEndParts;
  #rest: Rest | null = null;
  /** `Crew.ended` when the queues were asked last. */
  #endedBefore = 0;

  constructor(parts: OwnEndParts) {
    this.#parts = parts;
  }

  /** Why it would end now, if the others of its crew would too; null while it would not. */
  get rest(): Rest | null {
    return this.#rest;
  }

  /** There may be something to do. */
  beginsTurn(): void {
    this.#rest = null;
  }

  /** The queues are about to be asked. */
  asks(): void {
    const { crew, exchange, slots } = this.#parts;
    if (crew && exchange.mayTake && slots.wanted > 0) this.#endedBefore = crew.ended;
  }

  /** A burst is over where nothing can be had and nothing is in hand. */
  checkBurst(): void {
    const { options, slots, exchange } = this.#parts;
    if (!options.burst) return;
    if (exchange.suspended) this.#end('suspended', 'RQ is suspended');
    else if (slots.isEmpty && exchange.blocked !== null) this.#end('blocked', exchange.blocked);
    else if (slots.isEmpty) {
      const held = options.queues.some(({ name }) => exchange.paused.has(name));
      this.#end('burst', held ? 'all queues are empty or paused' : 'all queues are empty');
    }
  }

  checkLimits(): void {
    const { options, slots, crew, stop } = this.#parts;
    const { maxJobs, maxIdleSeconds } = options;
    const end = (reason: WorkerEndReason, because: string): void => {
      if (crew) crew.stop(reason, because);
      else stop(reason, because);
    };
    const begun = crew?.begun ?? slots.begun;
    if (maxJobs !== null && begun >= maxJobs) end('max-jobs', `${maxJobs} jobs were taken`);
    const all = crew ?? slots;
    if (maxIdleSeconds !== null && all.isIdle && performance.now() - all.lastActivityMs >= maxIdleSeconds * 1_000) {
      end('idle', `no job for ${maxIdleSeconds} seconds`);
    }
  }

  /** Ends a burst, together with the others. */
  #end(reason: Rest['reason'], because: string): void {
    const { crew, stop } = this.#parts;
    if (!crew) {
      stop(reason, because);
      return;
    }
    this.#rest = { reason, because, endedBefore: this.#endedBefore };
    crew.rested();
  }
}

import type { ClaimedJob } from '../queue/claim.js';

/** How long a claimed job may wait for its slot, as far as recent durations tell, milliseconds. */
const HORIZON_MS = 3;
/** After so long without a free slot what is claimed ahead goes back to its queue, milliseconds. */
export const HAND_BACK_MS = 10;
/** How many jobs are claimed ahead at most, besides one for each slot. */
const MOST_AHEAD = 64;
/** Durations that must have been seen before jobs are claimed ahead. */
const ENOUGH_SEEN = 5;

/**
 * Jobs that are claimed and wait for a slot, so that short ones need no round trip each. Only as many as will begin within
 * milliseconds; first in, first out, in the order of their executions' ids.
 */
export class Reserve {
  /** The last execution that has begun: what comes after it goes back to its queue if this process dies. */
  lastBegun = '';
  readonly #enabled: boolean;
  readonly #concurrency: number;
  #waiting: ClaimedJob[] = [];
  #returning: ClaimedJob[] = [];
  #meanMs = 0;
  #marks = false;
  #seen = 0;
  #movedAt = 0;

  constructor(enabled: boolean, concurrency: number) {
    this.#enabled = enabled;
    this.#concurrency = concurrency;
  }

  /** True from the first time that jobs are claimed ahead: from then on Redis must know which have begun. */
  get marks(): boolean {
    this.#marks ||= this.target > 0;
    return this.#marks;
  }
  /** How many wait for a slot. */
  get waiting(): number {
    return this.#waiting.length;
  }
  /** Those that must be given back. */
  get hasReturns(): boolean {
    return this.#returning.length > 0;
  }
  get isEmpty(): boolean {
    return this.#waiting.length === 0 && this.#returning.length === 0;
  }
  /** All that it holds: their leases are to be prolonged. */
  get jobs(): readonly ClaimedJob[] {
    return [...this.#waiting, ...this.#returning];
  }

  /** How many jobs may wait: as many as will begin within the horizon. */
  get target(): number {
    if (!this.#enabled || this.#seen < ENOUGH_SEEN) return 0;
    return Math.min(MOST_AHEAD, Math.floor((HORIZON_MS * this.#concurrency) / Math.max(this.#meanMs, 0.01)));
  }

  /** Learns how long a job took: quickly that jobs are long, slowly that they are short. */
  observe(ms: number): void {
    this.#seen += 1;
    this.#meanMs += (ms - this.#meanMs) * (ms > this.#meanMs ? 0.5 : 0.1);
  }

  add(jobs: readonly ClaimedJob[]): void {
    if (jobs.length === 0) return;
    if (this.#waiting.length === 0) this.#movedAt = performance.now();
    this.#waiting.push(...jobs);
  }

  /** Adds jobs that were claimed before those that wait. */
  addFirst(jobs: readonly ClaimedJob[]): void {
    this.add(jobs);
    this.#waiting.sort((a, b) => (a.executionId < b.executionId ? -1 : 1));
  }

  /** The next to begin, still in the reserve. */
  peek(): ClaimedJob | undefined {
    return this.#waiting[0];
  }

  /** Takes out what `peek` has shown. */
  shift(): void {
    this.#waiting.shift();
    this.#movedAt = performance.now();
  }

  /** True when it has waited so long that it must not wait on. */
  get isStale(): boolean {
    return this.#waiting.length > 0 && performance.now() - this.#movedAt >= HAND_BACK_MS;
  }

  /** What waits is to go back to its queue. */
  giveUp(): void {
    this.#returning.push(...this.#waiting);
    this.#waiting = [];
  }

  /** Hands over what is to go back, in the order it was taken. `keepReturns` takes back what was not. */
  takeReturns(): ClaimedJob[] {
    return this.#returning.splice(0);
  }

  keepReturns(jobs: readonly ClaimedJob[]): void {
    this.#returning.unshift(...jobs);
  }
}

import type { ClaimedJob } from '../queue/claim.js';

/** How long a claimed job may wait for its slot, as far as recent durations tell, milliseconds. */
const HORIZON_MS = 3;
/** How many jobs are claimed ahead at most, besides one for each slot. */
const MOST_AHEAD = 64;
/** Durations that must have been seen before jobs are claimed ahead. */
const ENOUGH_SEEN = 5;

/**
 * Jobs that are claimed and wait for a slot, so that short ones need no round trip each. Only as many as will begin within
 * milliseconds; first in, first out, in the order of their executions' ids.
 */
export class Reserve {
  /** How many jobs run at once. */
  concurrency: number;
  #waiting: ClaimedJob[] = [];
  #returning: ClaimedJob[] = [];
  #meanMs = 0;
  #meanRunMs = 0;
  #seen = 0;
  #movedAt = 0;

  constructor(concurrency: number) {
    this.concurrency = concurrency;
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

  /** How long the code of jobs runs, of late, milliseconds. */
  get meanRunMs(): number {
    return this.#meanRunMs;
  }

  /** How many jobs may wait: as many as will begin within the horizon. */
  get target(): number {
    if (this.#seen < ENOUGH_SEEN) return 0;
    return Math.min(MOST_AHEAD, Math.floor((HORIZON_MS * this.concurrency) / Math.max(this.#meanMs, 0.01)));
  }

  /** Learns how long a job had its slot, and how long its code ran: quickly that jobs are long, slowly that they are short. */
  observe(ms: number, runMs: number): void {
    this.#seen += 1;
    this.#meanMs = follow(this.#meanMs, ms);
    this.#meanRunMs = follow(this.#meanRunMs, runMs);
  }

  /** Learns that what runs leaves no slot to what waits: until something has ended none may wait again. */
  observeStill(): void {
    this.#meanMs = Math.max(this.#meanMs, HORIZON_MS * this.concurrency + 1);
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

  /**
   * The next to begin, at most so many, still in the reserve. None while others are to go back: those come first, and all will
   * go back together.
   */
  first(most: number): readonly ClaimedJob[] {
    return this.hasReturns ? [] : this.#waiting.slice(0, most);
  }

  /** Takes out what `first` has shown. */
  remove(count: number): void {
    this.#waiting.splice(0, count);
    this.#movedAt = performance.now();
  }

  /** Milliseconds since a job left the reserve, or came into it when it was empty; 0 while it is empty. */
  get stillForMs(): number {
    return this.#waiting.length > 0 ? performance.now() - this.#movedAt : 0;
  }

  /** What waits is to go back to its queue. */
  giveUp(): void {
    this.#returning.push(...this.#waiting);
    this.#waiting = [];
  }

  /**
   * Hands over what is to go back, in the order it was taken. What was claimed after that goes along: later it would come to the
   * head of the queue before it. `keepReturns` takes back what was not.
   */
  takeReturns(): ClaimedJob[] {
    if (this.#returning.length > 0) this.giveUp();
    return this.#returning.splice(0);
  }

  keepReturns(jobs: readonly ClaimedJob[]): void {
    this.#returning.unshift(...jobs);
  }
}

const follow = (mean: number, value: number): number => mean + (value - mean) * (value > mean ? 0.5 : 0.1);

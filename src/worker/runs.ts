import type { ClaimedJob } from '../queue/claim.js';
import type { Performer } from './horses/performer.js';
import { Run, type Interruption, type RunEnd, type RunLimits } from './run.js';

/** A run that has ended and is not recorded yet. */
export interface EndedRun extends RunEnd {
  readonly run: Run;
}

/** How exactly time limits are kept. One timer for all runs costs nothing; one for each is felt. */
const TICK_MS = 25;

/** The runs of a worker: those that go on, and those whose end is still to be written down. None is ever dropped between. */
export class Runs {
  readonly #performer: Performer;
  readonly #limits: RunLimits;
  readonly #onEnd: (end: EndedRun) => void;
  readonly #running = new Map<string, Run>();
  readonly #ended: EndedRun[] = [];
  #newest: Run | null = null;
  #clock: NodeJS.Timeout | null = null;
  /** Since when one of those is not recorded, by `performance.now()`. */
  #endedSince = 0;
  /** When a run began or ended last, by `performance.now()`. */
  lastActivityMs = performance.now();

  constructor(performer: Performer, limits: RunLimits, onEnd: (end: EndedRun) => void) {
    this.#performer = performer;
    this.#limits = limits;
    this.#onEnd = onEnd;
  }

  /** Those that go on, oldest first. */
  get running(): readonly Run[] {
    return [...this.#running.values()];
  }
  /** How many go on. */
  get size(): number {
    return this.#running.size;
  }
  /** The jobs that have ended and are not recorded. */
  get unrecorded(): readonly ClaimedJob[] {
    return this.#ended.map(({ run }) => run.job);
  }
  /** How many these are. */
  get ended(): number {
    return this.#ended.length;
  }
  /** For how long one of these has waited, milliseconds. */
  get endedForMs(): number {
    return this.#ended.length === 0 ? 0 : performance.now() - this.#endedSince;
  }
  /** Nothing goes on, nothing is to be written down. */
  get isEmpty(): boolean {
    return this.#running.size === 0 && this.#ended.length === 0;
  }
  /** The id of the job that began last, if it goes on, else that of any that does; or ''. */
  get currentJobId(): string {
    if (this.#newest && this.#running.has(this.#newest.job.executionId)) return this.#newest.job.id;
    for (const run of this.#running.values()) return run.job.id;
    return '';
  }
  /** The executions that this worker knows of. */
  get executionIds(): string[] {
    return [...this.#running.keys(), ...this.#ended.map(({ ended }) => ended.executionId)];
  }

  find(executionId: string): Run | undefined {
    return this.#running.get(executionId);
  }

  start(job: ClaimedJob): Run {
    const run = new Run(job, this.#performer, this.#limits, this.#end);
    this.lastActivityMs = performance.now();
    this.#newest = run;
    this.#running.set(job.executionId, run);
    if (this.#clock === null) this.#clock = setTimeout(this.#lookAtTime, TICK_MS);
    return run;
  }

  readonly #end = (run: Run, end: RunEnd): void => {
    this.#running.delete(run.job.executionId);
    const ended = { run, ...end };
    if (this.#ended.length === 0) this.#endedSince = performance.now();
    this.#ended.push(ended);
    this.lastActivityMs = performance.now();
    this.#onEnd(ended);
  };

  readonly #lookAtTime = (): void => {
    const now = performance.now();
    for (const run of this.#running.values()) if (run.dueAt <= now) run.expire();
    this.#clock = this.#running.size > 0 ? setTimeout(this.#lookAtTime, TICK_MS) : null;
  };

  /** Ends all that go on, at once. */
  interruptAll(interruption: Interruption): void {
    for (const run of this.#running.values()) run.interrupt(interruption, 0);
  }

  /** Hands over what is to be written down, at most so many; `keepEnded` takes back what was not. */
  takeEnded(most: number): EndedRun[] {
    return this.#ended.splice(0, most);
  }

  keepEnded(runs: readonly EndedRun[]): void {
    this.#ended.unshift(...runs);
  }
}

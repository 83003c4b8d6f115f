import type { WorkerEndReason } from './events.js';
import type { Run } from './run.js';

/** A worker on one Redis, as the others of its crew see it. */
export interface Member {
  /** The jobs that run. */
  readonly runs: readonly Run[];
  /** How many run. */
  readonly running: number;
  /** How many are claimed or asked for and do not run yet; what a Redis that does not answer was asked for does not count. */
  readonly coming: number;
  /** There may be jobs for it, and it could ask for them at once. */
  readonly wants: boolean;
  /** Nothing runs, and nothing is to be recorded. */
  readonly isIdle: boolean;
  /** Milliseconds since the epoch. */
  readonly lastActivityMs: number;
  /** Why it would end now, in a burst; null while it would not. */
  readonly rest: Rest | null;
  /** Something may have changed for it. */
  rouse(): void;
  /** Asks its queues again, whatever it knows. */
  askAgain(): void;
  stop(reason: WorkerEndReason, because: string): void;
  quiet(): void;
  unquiet(): void;
  scale(concurrency: number): void;
}

export interface Rest {
  readonly reason: 'burst' | 'suspended' | 'blocked';
  readonly because: string;
  /** `Crew.ended` when it asked its queues. */
  readonly endedBefore: number;
}

/**
 * What the workers of one process on several Redis servers have in common: the slots, the limits, the end, and what they are
 * told. See docs/decisions/0013-several-redis-servers.md.
 */
export class Crew {
  /** How many jobs run at once, in all. */
  concurrency: number;
  /** How many members there will be. */
  readonly #size: number;
  /** How many jobs were begun. */
  begun = 0;
  /** How many runs have ended. */
  ended = 0;
  /** Whoever began a job last stands at the end. */
  #members: Member[] = [];
  #quiet = false;
  #isScaled = false;
  #stopped: { readonly reason: WorkerEndReason; readonly because: string } | null = null;

  constructor(concurrency: number, size: number) {
    this.concurrency = concurrency;
    this.#size = size;
  }

  get isQuiet(): boolean {
    return this.#quiet;
  }
  get isStopping(): boolean {
    return this.#stopped !== null;
  }
  get runs(): readonly Run[] {
    return this.#members.flatMap((member) => member.runs);
  }
  /** No member has anything in hand. */
  get isIdle(): boolean {
    return this.#members.every((member) => member.isIdle);
  }
  get lastActivityMs(): number {
    return Math.max(...this.#members.map((member) => member.lastActivityMs));
  }
  /** How many jobs were begun, or are about to be. */
  get taken(): number {
    return this.begun + sum(this.#members.map((member) => member.coming));
  }

  /** Takes its part from now on; what the others were told holds for it as well. */
  enter(member: Member): void {
    this.#members.unshift(member);
    if (this.#isScaled) member.scale(this.concurrency);
    if (this.#quiet) member.quiet();
    if (this.#stopped) member.stop(this.#stopped.reason, this.#stopped.because);
  }

  leave(member: Member): void {
    this.#members = this.#members.filter((other) => other !== member);
    this.changed(member);
  }

  /** Nobody else has or wants anything. */
  isAlone(member: Member): boolean {
    return this.#members.every((other) => other === member || !(other.wants || other.running + other.coming > 0));
  }

  /**
   * How many jobs this one may begin now. What each has claimed or asked for is its own; the slots that are left go one by one to
   * the member with the fewest jobs among those that want one, this one included, and among equals to the one that
   * has waited longest.
   */
  roomFor(member: Member): number {
    const free = this.concurrency - sum(this.#members.map(({ running }) => running));
    if (free <= 0) return 0;
    const loads = this.#members.map((each) => ({ each, jobs: each.running + each.coming }));
    const wanting = loads.filter(({ each }) => each === member || each.wants);
    let dealt = member.coming;
    for (let left = this.concurrency - sum(loads.map(({ jobs }) => jobs)); left > 0; left -= 1) {
      const next = wanting.reduce((least, other) => (other.jobs < least.jobs ? other : least));
      next.jobs += 1;
      if (next.each === member) dealt += 1;
    }
    return Math.min(free, dealt);
  }

  hasBegun(member: Member): void {
    this.begun += 1;
    this.#members = [...this.#members.filter((other) => other !== member), member];
  }

  hasEnded(member: Member): void {
    this.ended += 1;
    this.changed(member);
  }

  /** One has less in hand than before: there may be a slot for others. */
  changed(by: Member): void {
    for (const member of this.#members) if (member !== by && (member.wants || member.coming > 0)) member.rouse();
  }

  /**
   * One has nothing to do, in a burst. When that holds for all it is over, unless a job that has ended since one of them looked may
   * have enqueued something there.
   */
  rested(): void {
    const rests = this.#members.map(({ rest }) => rest);
    if (rests.length < this.#size || rests.includes(null)) return;
    const late = this.#members.filter(({ rest }) => rest?.endedBefore !== this.ended);
    for (const member of late) member.askAgain();
    if (late.length > 0) return;
    const end = rests.find((rest) => rest?.reason !== 'burst') ?? rests[0];
    if (end) this.stop(end.reason, end.because);
  }

  stop(reason: WorkerEndReason, because: string): void {
    this.#stopped ??= { reason, because };
    for (const member of this.#members) member.stop(reason, because);
  }

  quiet(): void {
    this.#quiet = true;
    for (const member of this.#members) member.quiet();
  }

  unquiet(): void {
    this.#quiet = false;
    for (const member of this.#members) member.unquiet();
  }

  scale(concurrency: number): void {
    this.concurrency = concurrency;
    this.#isScaled = true;
    for (const member of this.#members) member.scale(concurrency);
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

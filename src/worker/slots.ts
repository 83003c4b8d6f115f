import { mostSince } from '../clock.js';
import type { ClaimedJob } from '../queue/claim.js';
import { BegunMark } from './begun-mark.js';
import type { Crew, Member } from './crew.js';
import type { WorkerEvent } from './events.js';
import type { Performer } from './horses/performer.js';
import { TINY_MS } from './horses/pool.js';
import type { WorkerOptions } from './options.js';
import { Reserve } from './reserve.js';
import type { Interruption, Run } from './run.js';
import { Runs, type EndedRun } from './runs.js';

/** How many outcomes one call records, and how many jobs it takes, at most: it must not hold Redis for long. */
const MOST_IN_A_CALL = 100;
/** The same while jobs are claimed ahead: with small portions both sides always have one. */
const PORTION = 24;
/** How long what has ended may wait to be recorded together with more, milliseconds. */
export const GATHER_MS = 2;

/** After so long without a free slot what is claimed ahead goes back to its queue, milliseconds. */
const HAND_BACK_MS = 10;
/** How often that is looked at, milliseconds. */
const WATCH_MS = 2;

/**
 * How long after Redis was asked for it a job may still begin, milliseconds. The shortest lease is 60 s: when it is over, as this process
 * was stopped or the machine asleep, others run the job.
 */
const SURE_MS = 45_000;

const isUnsure = ({ askedAt }: ClaimedJob): boolean => mostSince(askedAt) > SURE_MS;

/** Where slots are shared with workers on other Redis servers: whose these are, and who deals them. */
export interface Share {
  readonly crew: Crew;
  readonly member: Member;
}

export interface SlotsHost {
  /** How the execution ids of this process begin. */
  readonly processPrefix: string;
  readonly tell: (event: WorkerEvent) => void;
  /** A run has ended. */
  readonly onEnded: () => void;
  /** A job could not begin, and no other could: that is why. */
  readonly onUnable: (why: string) => void;
  /** There is something to give back, or more may be taken than before. */
  readonly onChange: () => void;
  /** Null: all slots are its own. */
  readonly share: Share | null;
}

/**
 * The jobs in a worker's hands: those that run, one in each slot; those that were claimed ahead and wait for one; and those
 * whose end is to be recorded.
 */
export class Slots {
  readonly #options: WorkerOptions;
  readonly #host: SlotsHost;
  readonly #performer: Performer;
  readonly #runs: Runs;
  readonly #reserve: Reserve;
  /** Where it is written which of the claimed jobs have begun. */
  readonly mark: BegunMark;
  #isOpen = true;
  #watch: NodeJS.Timeout | null = null;
  /** How many jobs were begun. */
  begun = 0;
  /** How many jobs were asked for by calls that are under way. */
  asked = 0;

  constructor(options: WorkerOptions, performer: Performer, host: SlotsHost) {
    this.#options = options;
    this.#host = host;
    this.#performer = performer;
    const limits = {
      workerName: options.name,
      defaultTimeoutSeconds: options.defaultTimeoutSeconds,
      defaultResultTtlSeconds: options.resultTtlSeconds,
    };
    this.#runs = new Runs(performer, limits, ({ run, ended, summary }) => {
      if (ended.kind === 'returned') host.onUnable(summary ?? '');
      this.#reserve.observe(run.ageMs, Math.max(0, ended.endedAtMs - ended.startedAtMs));
      host.onEnded();
    });
    this.#reserve = new Reserve(options.concurrency);
    const { target, name, claimAhead: isWanted } = options;
    const { processPrefix, onChange: onReady } = host;
    this.mark = new BegunMark({ target, name, isWanted, processPrefix, onReady });
  }

  /** The runs that go on, oldest first. */
  get running(): readonly Run[] {
    return this.#runs.running;
  }
  /** How many go on. */
  get size(): number {
    return this.#runs.size;
  }
  /** How many have ended and are not recorded. */
  get ended(): number {
    return this.#runs.ended;
  }
  /** The ids of those. */
  get unrecorded(): string[] {
    return this.#runs.unrecorded.map(({ id }) => id);
  }
  /** Claimed and not begun, or ended and not recorded: their leases are to be prolonged. */
  get held(): readonly ClaimedJob[] {
    return [...this.#reserve.jobs, ...this.#runs.unrecorded];
  }
  /** What has ended may wait a little for more: jobs go on, and others are at hand, so that nobody waits for a call. */
  get mayGather(): boolean {
    const { size, ended, endedForMs } = this.#runs;
    return size > 0 && this.#reserve.waiting > 0 && ended < this.batch >> 1 && endedForMs < GATHER_MS;
  }
  get hasReturns(): boolean {
    return this.#reserve.hasReturns;
  }
  get isEmpty(): boolean {
    return this.#runs.isEmpty && this.#reserve.isEmpty;
  }
  /** No run goes on or is to be recorded; jobs to give back there may be. */
  get isIdle(): boolean {
    return this.#runs.isEmpty;
  }
  /** The id of a job that runs, or ''. */
  get currentJobId(): string {
    return this.#runs.currentJobId;
  }
  get lastActivityMs(): number {
    return this.#runs.lastActivityMs;
  }
  /** The executions that this worker knows of. */
  get executionIds(): string[] {
    return [...this.#runs.executionIds, ...this.#reserve.jobs.map((job) => job.executionId)];
  }

  /** How many jobs run at once. */
  get concurrency(): number {
    return this.#reserve.concurrency;
  }

  /** From now on so many jobs run at once; those that run beyond go on to their end. */
  scale(concurrency: number): void {
    this.#reserve.concurrency = concurrency;
    this.#performer.limit(concurrency);
  }

  /** Slots without a job that may have one now. */
  get free(): number {
    if (!this.#isOpen) return 0;
    const own = Math.max(0, this.#slots - this.#runs.size);
    const { share } = this.#host;
    return share ? Math.min(own, share.crew.roomFor(share.member)) : own;
  }

  /** Jobs are as short as those that are claimed ahead elsewhere, and none is here. */
  get areQuickOneByOne(): boolean {
    return this.#reserve.target > 0 && this.#reserve.waiting === 0 && this.#ahead === 0;
  }

  /** How many wait for a slot. */
  get waiting(): number {
    return this.#reserve.waiting;
  }

  /** As many of these as jobs may begin before this worker has had its last: waits bring what nobody has asked for. */
  get #startable(): number {
    const { maxJobs } = this.#options;
    const begun = this.#host.share?.crew.begun ?? this.begun;
    return maxJobs === null ? this.free : Math.max(0, Math.min(this.free, maxJobs - begun));
  }

  /** Jobs are so short that what has no slot may wait for one. */
  get mayWait(): boolean {
    return this.#ahead > 0;
  }

  /** How many more jobs may be taken. */
  get #left(): number {
    const { maxJobs } = this.#options;
    const taken = this.#host.share?.crew.taken ?? this.begun + this.#reserve.waiting + this.asked;
    return maxJobs === null ? Infinity : maxJobs - taken;
  }

  /** How many jobs may run now. Processes that have next to nothing to do would only wait for each other's processor. */
  get #slots(): number {
    return this.#areTiny ? Math.min(this.concurrency, this.#performer.mostTiny ?? Infinity) : this.concurrency;
  }

  get #areTiny(): boolean {
    return this.#reserve.meanRunMs < TINY_MS && this.#ahead > 0;
  }

  /** How many jobs to ask for: for the free slots, and ahead. */
  get wanted(): number {
    if (!this.#isOpen) return 0;
    const coming = this.#reserve.waiting + this.asked;
    // Two portions are on their way to Redis and back. Until a third is here each brings back more than it took along.
    const isShort = this.#ahead > 0 && this.#runs.size + coming < 2 * this.batch;
    const most = isShort ? this.batch + (this.batch >> 1) : this.batch;
    return Math.max(0, Math.min(this.free + this.#ahead - coming, this.#left, most));
  }

  /** Too little is at hand to keep the slots filled, and more may be taken. */
  get isHungry(): boolean {
    return this.#reserve.waiting < Math.max(1, this.free) && this.wanted > 0;
  }

  /** How many outcomes a call records and how many jobs it takes: one half of what is at hand goes on while Redis has the other. */
  get batch(): number {
    const ahead = this.#ahead;
    return ahead === 0 ? MOST_IN_A_CALL : Math.min(PORTION, Math.max(1, (this.concurrency + ahead) >> 1));
  }

  /** How many jobs may wait for a slot. */
  get #ahead(): number {
    const { target } = this.#reserve;
    const { share } = this.#host;
    if (share && !share.crew.isAlone(share.member)) return 0;
    return target > 0 && this.mark.isReady ? target : 0;
  }

  /** As `fill`, when it is worth it: what is handed to a process together costs as much as one job. */
  refill(): void {
    const { mostTiny } = this.#performer;
    const isWorthIt = mostTiny === undefined || !this.#areTiny || this.#runs.size <= this.#slots >> 1;
    if (isWorthIt) this.fill();
  }

  /** Begins what waits, as far as there are slots. What may be another's by now goes back: Redis knows whose it is. */
  fill(): void {
    const jobs = this.#reserve.first(this.#startable);
    if (jobs.some(isUnsure)) {
      this.giveUp();
      return;
    }
    const last = jobs.at(-1);
    if (last && this.mark.begin(last.executionId)) {
      this.#reserve.remove(jobs.length);
      for (const job of jobs) this.#begin(job);
    }
    if (this.#reserve.waiting > 0) this.#watchReserve();
  }

  /** Takes in claimed jobs; `fill` begins them. */
  add(jobs: readonly ClaimedJob[]): void {
    this.#reserve.add(jobs);
    if (!this.#isOpen) this.giveUp();
  }

  /** Takes in jobs that were claimed before those that wait. */
  addFirst(jobs: readonly ClaimedJob[]): void {
    this.#reserve.addFirst(jobs);
    if (!this.#isOpen) this.giveUp();
  }

  /** What waits is to go back to its queue. */
  giveUp(): void {
    this.#reserve.giveUp();
    this.#host.onChange();
  }

  /** From now on nothing is begun; what waits is to go back. */
  close(): void {
    this.#isOpen = false;
    this.giveUp();
  }

  open(): void {
    this.#isOpen = true;
  }

  /** What is to be recorded next, with or without what goes back. `keep` takes back what was not. */
  take(withReturns: boolean): { readonly ended: readonly EndedRun[]; readonly returns: readonly ClaimedJob[] } {
    return { ended: this.#runs.takeEnded(this.batch), returns: withReturns ? this.#reserve.takeReturns() : [] };
  }

  keep({ ended, returns }: { readonly ended: readonly EndedRun[]; readonly returns: readonly ClaimedJob[] }): void {
    this.#runs.keepEnded(ended);
    this.#reserve.keepReturns(returns);
  }

  find(executionId: string): Run | undefined {
    return this.#runs.find(executionId);
  }

  /** Ends all runs at once. */
  interruptAll(interruption: Interruption): void {
    this.#runs.interruptAll(interruption);
  }

  #begin(job: ClaimedJob): void {
    this.begun += 1;
    this.#host.share?.crew.hasBegun(this.#host.share.member);
    const { id, queue, description, attempt, enqueuedAt } = job;
    this.#host.tell({ type: 'job-started', id, queue, description, attempt, enqueuedAt });
    this.#runs.start(job);
  }

  /** What waits does so for a short time only: then the jobs that run are not so short, and need all slots; then it goes back. */
  #watchReserve(): void {
    if (this.#watch !== null) return;
    this.#watch = setTimeout(() => {
      this.#watch = null;
      const { stillForMs } = this.#reserve;
      const oldest = this.running[0];
      if (stillForMs >= WATCH_MS && oldest) {
        this.#reserve.observe(oldest.ageMs, oldest.ageMs);
      }
      if (stillForMs < HAND_BACK_MS) {
        this.fill();
        return;
      }
      this.#reserve.observeStill();
      this.giveUp();
    }, WATCH_MS);
  }
}

import { claim, STATE_STAYS, type Claim, type Skipped, type WorkerStamp } from '../queue/claim.js';
import { finish, returned, type Answer, type Ending, type Finish } from '../queue/finish.js';
import { releaseRest } from '../queue/release.js';
import type { Redis } from '../redis/redis.js';
import type { Adoption } from './adoption.js';
import type { WorkerEvent } from './events.js';
import type { Intake } from './intake.js';
import type { WorkerOptions } from './options.js';
import type { EndedRun } from './runs.js';
import type { Slots } from './slots.js';
import type { Webhooks } from './webhooks.js';

export interface ExchangeParts {
  readonly options: WorkerOptions;
  readonly redis: Redis;
  readonly stamp: WorkerStamp;
  readonly slots: Slots;
  readonly intake: Intake;
  readonly adoption: Adoption;
  readonly webhooks: Webhooks;
  readonly tell: (event: WorkerEvent) => void;
  /** Redis does not know the worker: called once, returns when that is settled. */
  readonly comeBack: (state: 'unregistered' | 'replaced') => Promise<void>;
  /** A call is over: there may be something to do. */
  readonly onSettled: () => void;
}

/** While Redis works on one call the next is under way already: it never waits for us. */
const MOST_IN_FLIGHT = 2;

/** A queue whose started registry cannot be written (start.lua) is looked at again after so long, milliseconds. */
const [NO_REGISTRY, STUCK_MS] = ['blocked: rq:wip:', 1_000];

/** A call that carries nothing. */
const NOTHING: Taken = { ended: [], returns: [] };

type Taken = ReturnType<Slots['take']>;

/** A worker's calls about its jobs: what has ended goes to Redis, and with the reply come the next. */
export class Exchange {
  readonly #parts: ExchangeParts;
  readonly #inFlight = new Set<Promise<void>>();
  #outcomes: { readonly run: EndedRun; readonly ending: Ending }[] = [];
  #failure: { readonly error: unknown } | null = null;
  #comingBack: Promise<void> | null = null;
  #replicated = true;
  /** Redis does not take the results of plain jobs as we make them. */
  #refuses = false;
  #releasing = false;
  /** How many ends of jobs the calls under way carry. */
  #carried = 0;
  /** The last time that jobs were asked for all came: there are more. */
  #isPlenty = false;
  /** When the first of the calls under way was made, or the last one over, by `performance.now()`. */
  #movedAt = 0;
  /** How many jobs have ended and are recorded. */
  jobsEnded = 0;
  /** How many calls are over, answered or failed. */
  settledCalls = 0;
  suspended = false;
  /** Why one of the queues could not be read when they were asked last; null if all could. */
  blocked: string | null = null;
  /** Every paused queue, also those of others. */
  paused: ReadonlySet<string> = new Set();

  constructor(parts: ExchangeParts) {
    this.#parts = parts;
  }

  get isIdle(): boolean {
    return this.#inFlight.size === 0;
  }

  /** Jobs have ended, and Redis has not confirmed it. */
  get mustRecord(): boolean {
    return this.#carried > 0 || this.#parts.slots.ended > 0;
  }

  /** How long Redis has owed an answer, seconds; 0 while it owes none. */
  get lagSeconds(): number {
    return this.isIdle ? 0 : (performance.now() - this.#movedAt) / 1_000;
  }

  /** Whether there is something that should go to Redis now. */
  get isDue(): boolean {
    const { slots, intake } = this.#parts;
    if (this.isIdle) {
      const isEnough = slots.ended > 0 && !slots.mayGather;
      return isEnough || slots.hasReturns || (intake.claimDue && slots.isHungry && this.mayTake);
    }
    const enough = slots.size === 0 ? slots.batch / 2 : slots.batch;
    return this.#inFlight.size < MOST_IN_FLIGHT && (slots.ended >= enough || this.#asksFirst);
  }

  /**
   * No job runs, none is at hand, and all would be as short: the next ones are asked for in a call of their own, which is under way
   * before what has ended is put together. Redis writes that down while they run. Not where the end of a job may be what lets the next begin.
   */
  get #asksFirst(): boolean {
    const { slots, options } = this.#parts;
    const isWaiting = slots.size === 0 && slots.asked === 0 && slots.ended > 0 && !slots.hasReturns;
    if (!isWaiting || !this.#isPlenty || !slots.areQuickOneByOne) return false;
    const isFree = options.durability === null && options.queues.every(({ limits }) => !limits);
    return isFree && this.mayTake && slots.wanted > 0;
  }

  /** Jobs are on their way to their queues: those that waited for one with many of them. */
  get isReleasing(): boolean {
    return this.#releasing;
  }

  /** Requests that others are slow to answer must not pile up without end; what has ended is recorded all the same. */
  get mayTake(): boolean {
    return !this.#parts.webhooks.isFull;
  }

  /** Sends what has ended and asks for the next. Never throws: `settled` tells of what failed. */
  start(): void {
    const { slots } = this.#parts;
    // What goes back to the head of its queue must not be taken again by the same call, nor before what another call brings.
    const wanted = slots.hasReturns || !this.mayTake ? 0 : slots.wanted;
    const asksFirst = this.#asksFirst;
    if (asksFirst) this.#send(NOTHING, wanted, slots.currentJobId);
    const taken = slots.take(this.isIdle);
    if (asksFirst) this.#send(taken, 0, STATE_STAYS);
    else this.#send(taken, wanted, slots.currentJobId);
    // Redis has its work; meanwhile here is ours.
    slots.fill();
    this.tellOutcomes();
  }

  #send(taken: Taken, wanted: number, running: string): void {
    const { slots } = this.#parts;
    slots.asked += wanted;
    this.#carried += taken.ended.length;
    if (this.isIdle) this.#movedAt = performance.now();
    const call = this.#call(taken, wanted, running)
      .catch((error: unknown) => {
        this.#failure = { error };
      })
      .finally(() => {
        this.#inFlight.delete(call);
        this.#carried -= taken.ended.length;
        this.#movedAt = performance.now();
        this.settledCalls += 1;
        this.#parts.onSettled();
      });
    this.#inFlight.add(call);
  }

  /** Returns when no call is under way. */
  async settled(): Promise<void> {
    while (!this.isIdle) await Promise.all(this.#inFlight);
    this.throwFailure();
  }

  /** Throws what has made a call fail; what it carried goes with a later one. */
  throwFailure(): void {
    const failure = this.#failure;
    this.#failure = null;
    if (failure) throw failure.error;
  }

  /** Takes in what waits have brought. */
  async takeMoved(): Promise<void> {
    const { redis, slots, intake, adoption } = this.#parts;
    while (intake.hasMoved) {
      await slots.mark.forgo(redis);
      const moved = intake.takeMoved();
      if (!moved) return;
      await this.#accept(moved.state === 'ok' ? { ...moved, jobs: adoption.fresh(moved.jobs) } : moved);
      if (!this.mayTake || !slots.mayWait) slots.giveUp();
      // More may have been pushed together with what was moved.
      intake.askAgain();
    }
  }

  /** Tells what became of the runs that are recorded. */
  tellOutcomes(): void {
    for (const { run, ending } of this.#outcomes.splice(0)) {
      this.jobsEnded += 1;
      this.#parts.tell(run.run.endedEvent(run, ending));
    }
  }

  async #call(taken: Taken, wanted: number, running: string): Promise<void> {
    const { redis, stamp, slots, intake, options } = this.#parts;
    let result: Finish | null = null;
    try {
      const wish = intake.wish(wanted);
      const ended = taken.ended.map((run) => (this.#refuses ? { ...run.ended, plainEndRedisMs: null } : run.ended));
      const outcomes = taken.returns.length > 0 ? [...ended, ...returned(taken.returns)] : ended;
      result =
        outcomes.length > 0
          ? await finish(redis, stamp, outcomes, wish, running, options.durability)
          : { endings: [], releasing: false, replicas: null, ...(await claim(redis, stamp, wish, running)) };
    } finally {
      slots.asked -= wanted;
      // Whatever was not recorded is recorded by a later call.
      if (result?.state !== 'ok') slots.keep(taken);
    }
    if (result.state === 'ok') {
      this.#note(taken.ended, result.endings);
      intake.claimed(wanted, result.jobs.length, result.more);
      if (wanted > 0) this.blocked = blockedBy(result.skipped);
      if (wanted > 0) this.#isPlenty = intake.claimDue;
      // What it released, jobs that waited for these, came after others had been asked for.
      else if (running === STATE_STAYS) intake.askAgain();
    }
    this.#watchReplicas(result.replicas);
    await this.#accept(result);
    if (result.releasing) void this.#releaseRest();
  }

  /** Beside all else: it may take many calls, and what ends meanwhile must not wait for them. */
  async #releaseRest(): Promise<void> {
    if (this.#releasing) return;
    this.#releasing = true;
    // If it fails, the sweep of any worker goes on.
    await releaseRest(this.#parts.redis).catch(() => undefined);
    this.#releasing = false;
    this.#parts.intake.askAgain();
  }

  /** Takes in what was claimed; that is nothing where the worker had to be registered again. */
  async #accept(result: Claim): Promise<void> {
    const { slots, intake, tell, comeBack } = this.#parts;
    if (result.state !== 'ok') {
      this.#comingBack ??= comeBack(result.state).finally(() => {
        this.#comingBack = null;
      });
      await this.#comingBack;
      return;
    }
    if (result.suspended !== this.suspended) tell({ type: result.suspended ? 'suspended' : 'resumed' });
    this.suspended = result.suspended;
    this.#notePaused(result.paused);
    for (const skipped of result.skipped) tell({ type: 'id-skipped', ...skipped });
    intake.hold(result.held);
    // Their jobs went back to where a wait would find them at once.
    const stuck = this.#parts.options.burst
      ? []
      : result.skipped.filter(({ reason }) => reason.startsWith(NO_REGISTRY));
    intake.hold(stuck.map(({ queue }) => ({ queue, afterMs: STUCK_MS })));
    slots.add(result.jobs);
    if (this.suspended) slots.giveUp();
    // If enough has ended meanwhile it goes to Redis first, so that both have something to do.
    if (slots.ended < slots.batch) slots.fill();
  }

  /** What became of the runs is told when there is time. */
  #note(ended: readonly EndedRun[], endings: readonly Answer[]): void {
    const refused = ended.filter((_, i) => endings[i]?.state === 'refused');
    if (refused.length > 0) {
      this.#refuses = true;
      this.#parts.slots.keep({ ended: refused, returns: [] });
    }
    ended.forEach((run, i) => {
      const ending = endings[i];
      if (!ending || ending.state === 'refused') return;
      this.#outcomes.push({ run, ending });
      this.#parts.webhooks.send(run.run.job, run, ending);
    });
  }

  #notePaused(paused: readonly string[]): void {
    // A suspension holds everything; who is paused besides is learned when it is over.
    if (this.suspended) return;
    const { options, tell } = this.#parts;
    const now = new Set(paused);
    for (const { name } of options.queues) {
      if (now.has(name) !== this.paused.has(name))
        tell({ type: now.has(name) ? 'queue-paused' : 'queue-resumed', queue: name });
    }
    this.paused = now;
  }

  #watchReplicas(replicas: number | null): void {
    if (replicas === null) return;
    const wanted = this.#parts.options.durability?.replicas ?? 0;
    if (replicas < wanted && this.#replicated) {
      const message = `the end of jobs is stored, not replicated: ${replicas} of ${wanted} replicas had it in time; a fail-over now would run them again`;
      this.#parts.tell({ type: 'warning', message });
    }
    this.#replicated = replicas >= wanted;
  }
}

function blockedBy(skipped: readonly Skipped[]): string | null {
  const blocked = skipped.find(({ reason }) => reason.startsWith('blocked: '));
  return blocked ? `${blocked.queue}: ${blocked.reason.slice(9)}` : null;
}

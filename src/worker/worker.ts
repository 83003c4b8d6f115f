import { countHolds } from '../queue/suspend.js';
import type { Redis } from '../redis/redis.js';
import { Adoption } from './adoption.js';
import { Batching } from './batching.js';
import type { Crew, Member, Rest } from './crew.js';
import type { WorkerEnd, WorkerEndReason, WorkerEvent } from './events.js';
import { Exchange } from './exchange.js';
import type { Performer } from './horses/performer.js';
import { Intake } from './intake.js';
import { Leases } from './leases.js';
import { OwnEnd } from './own-end.js';
import { Presence } from './presence.js';
import type { Signs } from './pulse.js';
import type { Interruption, Run } from './run.js';
import { Slots } from './slots.js';
import type { WorkerOptions } from './options.js';
import { isClosed, Turns } from './turns.js';
import { Wake } from './wake.js';
import { Webhooks } from './webhooks.js';

/** A worker at one moment. */
export interface WorkerMeasures {
  readonly running: number;
  readonly concurrency: number;
  readonly quiet: boolean;
  /** How long the call for jobs that is under way has waited for Redis. */
  readonly fetchLagSeconds: number;
}

/** Seconds: a hundred idle workers should cost Redis next to nothing. */
const LOOK_AT_SUSPENSION_EVERY = 5;

/**
 * Takes jobs, has them performed, and writes down how they ended: claim → perform → finish.
 * It is the only writer: whatever happens to a job is recorded from here.
 */
export class Worker implements Member {
  readonly #redis: Redis;
  readonly #tell: (event: WorkerEvent) => void;
  readonly #presence: Presence;
  readonly #intake: Intake;
  readonly #slots: Slots;
  readonly #adoption: Adoption;
  readonly #exchange: Exchange;
  readonly #leases: Leases;
  readonly #batching: Batching;
  readonly #webhooks: Webhooks;
  readonly #ownEnd: OwnEnd;
  /** Those it shares its slots with; null if it has all for itself. */
  readonly #crew: Crew | null;
  readonly #wake = new Wake();
  readonly #turns: Turns;
  #stopping: WorkerEndReason | null = null;
  #cold: Interruption | null = null;
  #quiet = false;
  #ticks = 0;

  constructor(options: WorkerOptions, redis: Redis, performer: Performer, crew: Crew | null = null) {
    this.#crew = crew;
    this.#redis = redis;
    this.#tell = options.onEvent;
    this.#presence = new Presence(options, redis, () => ({
      concurrency: this.#slots.concurrency,
      quiet: this.#quiet,
    }));
    const { stamp } = this.#presence;
    this.#intake = new Intake({
      redis,
      target: options.target,
      queues: options.queues,
      strategy: options.strategy,
      stamp,
      lastBegun: () => this.#slots.mark.last,
      onWork: () => {
        this.#wake.rouse();
      },
      onLost: () => {
        this.#adoption.soon();
        this.#wake.rouse();
      },
      onTrouble: (queue, error) => {
        this.#tell({ type: 'warning', message: `queue ${queue} cannot be waited on: ${error.message}` });
      },
    });
    this.#slots = new Slots(options, performer, {
      processPrefix: this.#intake.processPrefix,
      tell: this.#tell,
      onEnded: () => {
        this.#batching.ended();
        crew?.hasEnded(this);
      },
      onUnable: (why) => {
        (crew ?? this).stop('unable', `no process that runs jobs can be started: ${why}`);
      },
      onChange: () => {
        this.#wake.rouse();
      },
      share: crew && { crew, member: this },
    });
    this.#webhooks = new Webhooks(options.version, {
      warn: (message) => {
        this.#tell({ type: 'warning', message });
      },
      onRoom: () => {
        this.#intake.askAgain();
      },
    });
    const hands = { redis, slots: this.#slots, intake: this.#intake };
    this.#adoption = new Adoption({ ...hands, queues: this.#presence.queues });
    this.#exchange = new Exchange({
      ...hands,
      ...{ options, stamp, adoption: this.#adoption, webhooks: this.#webhooks, tell: this.#tell },
      comeBack: (state) => this.#comeBack(state),
      onSettled: () => {
        this.#batching.settled();
        crew?.changed(this);
      },
    });
    this.#turns = new Turns(this.#exchange, this.#tell);
    this.#ownEnd = new OwnEnd({
      ...{ options, crew, slots: this.#slots, exchange: this.#exchange },
      stop: (reason, because) => {
        this.stop(reason, because);
      },
    });
    this.#batching = new Batching(this.#slots, this.#exchange, this.#wake);
    this.#leases = new Leases({
      ...{ redis, stamp, slots: this.#slots, exchange: this.#exchange, tell: this.#tell },
    });
  }

  get runs(): readonly Run[] {
    return this.#slots.running;
  }
  get running(): number {
    return this.#slots.size;
  }
  get coming(): number {
    return this.#slots.waiting + (this.#turns.isAnswered ? this.#slots.asked : 0);
  }
  get wants(): boolean {
    const { suspended, mayTake } = this.#exchange;
    const isWell = this.#stopping === null && !this.#quiet && !suspended && !this.#turns.isTroubled;
    return isWell && mayTake && this.#turns.isAnswered && (this.#intake.claimDue || this.#intake.hasMoved);
  }
  get isIdle(): boolean {
    return this.#slots.isIdle;
  }
  get lastActivityMs(): number {
    return this.#slots.lastActivityMs;
  }
  get rest(): Rest | null {
    return this.#intake.hasMoved ? null : this.#ownEnd.rest;
  }

  /** What it has in hand, and how it gets on. */
  get measures(): WorkerMeasures {
    const { size: running, concurrency } = this.#slots;
    return { running, concurrency, quiet: this.#quiet, fetchLagSeconds: this.#exchange.lagSeconds };
  }
  get ending(): boolean {
    return this.#stopping !== null;
  }
  /** True when nothing is left but to say good-bye, or when nothing that is left may be waited for. */
  get mayLeave(): boolean {
    return this.#cold !== null || (this.#stopping !== null && this.#slots.size === 0);
  }

  /** It holds what is worth being waited for: ends of jobs that Redis does not know. */
  get mustRecord(): boolean {
    return this.#cold === null && this.#exchange.mustRecord;
  }

  /** What shows from outside that the loop goes on. */
  get signs(): Signs {
    return this.#turns.signs;
  }

  rouse(): void {
    this.#wake.rouse();
  }

  askAgain(): void {
    this.#intake.askAgain();
  }

  /** Makes the loop turn, and ask the queues if it may take jobs: `signs` will show whether it could. */
  prod(): void {
    if (this.#stopping === null && !this.#quiet) this.#intake.askAgain();
    else this.#wake.rouse();
  }

  /** Registers the worker. Throws NAME_TAKEN if a live worker has the name. */
  async register(): Promise<void> {
    await this.#presence.register();
  }

  /** Takes back the registration of a worker that will not work. */
  async unregister(): Promise<void> {
    await this.#presence.unregister();
  }

  /** Works until it is stopped or its work is done. Registered before; unregistered at the end. */
  async work(): Promise<WorkerEnd> {
    this.#crew?.enter(this);
    return this.#work().finally(() => this.#crew?.leave(this));
  }

  async #work(): Promise<WorkerEnd> {
    while (!this.#isOver()) {
      await this.#wake.sleep();
      try {
        this.#turns.begins();
        await this.#turn();
        this.#turns.ended();
      } catch (error) {
        // Whoever closed the connection has waited long enough for Redis: what is not recorded now, the leases will tell of.
        if (this.#stopping !== null && isClosed(error)) {
          await this.#exchange.settled().catch(() => undefined);
          break;
        }
        await this.#turns.failed(error);
        this.#wake.rouse();
      }
      if (this.#stopping === 'replaced') break;
    }
    this.#exchange.tellOutcomes();
    await this.#leave().catch((error: unknown) => {
      if (!isClosed(error)) throw error;
    });
    await this.#webhooks.settle();
    const unrecorded = this.#stopping === 'replaced' ? [] : this.#slots.unrecorded;
    if (unrecorded.length > 0) this.#tell({ type: 'warning', message: lossOf(unrecorded) });
    const reason = this.#cold ? 'cold' : (this.#stopping ?? 'burst');
    return { reason, jobs: this.#exchange.jobsEnded, unrecorded: unrecorded.length };
  }

  /** Warm: takes no more jobs, lets the running ones end. */
  stop(reason: WorkerEndReason, because: string): void {
    if (this.#stopping !== null) return;
    this.#stopping = reason;
    this.#exchange.tellOutcomes();
    this.#tell({ type: 'stopping', running: this.#slots.size, because });
    this.#takeNoMore();
    if (reason === 'shutdown') this.#presence.noteShutdown();
  }

  /** Cold: ends the running jobs at once; each is retried if it may be, else failed with the reason. */
  kill(because: string): void {
    if (this.#cold) return;
    this.#stopping ??= 'cold';
    const text = `the worker was told to stop at once (${because}) while the job ran`;
    this.#cold = { kind: 'failed', name: 'ShutDownImminentException', text };
    this.#tell({ type: 'cold', running: this.#slots.size, because });
    this.#slots.interruptAll(this.#cold);
    this.#webhooks.giveUp();
    this.#takeNoMore();
  }

  /** Takes no new jobs until `unquiet()`. */
  quiet(): void {
    if (this.#quiet) return;
    this.#quiet = true;
    this.#tell({ type: 'quiet' });
    this.#takeNoMore();
    this.#presence.note();
  }

  unquiet(): void {
    if (!this.#quiet) return;
    this.#quiet = false;
    if (this.#stopping === null) this.#slots.open();
    this.#tell({ type: 'resumed' });
    this.#presence.note();
    this.#intake.askAgain();
  }

  /** Runs so many jobs at once from now on; those that run go on. */
  scale(concurrency: number): void {
    this.#slots.scale(concurrency);
    this.#tell({ type: 'scaled', concurrency });
    this.#presence.note();
    this.#intake.askAgain();
  }

  /** After a lost connection: replies may have been lost with it, and with them the news of jobs we were given. */
  adoptSoon(): void {
    this.#adoption.soon();
    this.#slots.mark.renew();
    this.#intake.askAgain();
  }

  /** One heartbeat: leases, worker hash, registration. */
  async beat(): Promise<void> {
    const state = await this.#leases.beat();
    if (state !== 'ok') {
      await this.#comeBack(state);
      return;
    }
    // A belt to the braces: whatever a wait may have missed is found by asking.
    if (this.#stopping === null && !this.#quiet) this.#intake.askAgain();
  }

  #isOver(): boolean {
    return this.#stopping !== null && this.#slots.isEmpty && this.#exchange.isIdle && !this.#intake.hasMoved;
  }

  #takeNoMore(): void {
    this.#intake.pause();
    this.#slots.close();
  }

  async #turn(): Promise<void> {
    this.#exchange.throwFailure();
    this.#ownEnd.beginsTurn();
    if (this.#adoption.isDue || this.#slots.mark.isStuck || this.#intake.hasMoved) {
      await this.#exchange.settled();
      if (this.#adoption.isDue) await this.#adoption.adopt();
      if (this.#slots.mark.isStuck) await this.#slots.mark.withdraw(this.#redis);
      if (this.#intake.hasMoved) await this.#exchange.takeMoved();
    }
    if (this.#slots.ended === 0) this.#slots.fill();
    while (this.#exchange.isDue) {
      this.#ownEnd.asks();
      this.#exchange.start();
    }
    if (this.#exchange.isIdle) this.#idle();
    if (this.#stopping === null) this.#ownEnd.checkLimits();
  }

  /** Nothing is to be done now. */
  #idle(): void {
    const mayGetMore = this.#intake.claimDue || this.#intake.isHolding || this.#exchange.isReleasing;
    if (!mayGetMore) this.#ownEnd.checkBurst();
    // Where others have all slots it must still learn when it wants one.
    const mustListen = this.#crew !== null && !this.#intake.claimDue && this.#slots.size < this.#slots.concurrency;
    if ((this.#slots.free > 0 || mustListen) && this.#exchange.mayTake) {
      // What a wait brings is to be marked when it begins: the connection for that is opened before.
      this.#slots.mark.open();
      this.#intake.waitForWork(this.#exchange.suspended, this.#exchange.paused);
    }
  }

  async #comeBack(state: 'unregistered' | 'replaced'): Promise<void> {
    if (state === 'replaced') {
      this.#tell({
        type: 'warning',
        message: `another worker has taken the name ${this.#presence.stamp.name}: this one ends`,
      });
      this.kill('its name was taken over');
      this.#stopping = 'replaced';
      this.#crew?.stop('shutdown', `the name ${this.#presence.stamp.name} was taken over`);
      return;
    }
    await this.register();
    this.#tell({ type: 're-registered' });
  }

  async #leave(): Promise<void> {
    this.#slots.mark.close();
    await this.#intake.close(this.#redis);
    if (this.#intake.hasMoved) {
      await this.#exchange.takeMoved();
      if (this.#slots.hasReturns) this.#exchange.start();
      await this.#exchange.settled();
    }
    if (this.#stopping !== 'replaced') await this.#presence.unregister();
  }

  /** Called every second: time ends an idle worker, and one that waits must see that RQ was suspended, or a queue
   * paused, or that this is over. */
  async tick(): Promise<void> {
    if (this.#stopping === null) this.#ownEnd.checkLimits();
    // A Redis that does not answer has left its slots to the others, and nobody has told them.
    if (this.#isOver() || (this.#crew && this.wants)) this.#wake.rouse();
    await this.#leases.announce();
    // A job that a wait has moved meets the suspension or the pause anyway; this is for those who look at the worker.
    this.#ticks += 1;
    if (this.#stopping !== null || this.#ticks % LOOK_AT_SUSPENSION_EVERY !== 0) return;
    const { suspended, paused } = this.#exchange;
    if ((await countHolds(this.#redis)) !== Number(suspended) + Number(paused.size > 0)) this.#intake.askAgain();
  }
}

const lossOf = (ids: readonly string[]): string =>
  `Redis is away, and does not know that these have ended: ${ids.join(', ')}; when their leases are over others retry or fail them`;

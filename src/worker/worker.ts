import { setTimeout as sleep } from 'node:timers/promises';
import { TsrqError } from '../errors.js';
import { begunKey } from '../protocol/keys.js';
import { formatDate } from '../protocol/time.js';
import { adopt, claim, claimMoved, type Claim, type ClaimedJob, type WorkerStamp } from '../queue/claim.js';
import { finish, returned, type Ending, type Finish } from '../queue/finish.js';
import { heartbeat, type Heartbeat } from '../queue/heartbeat.js';
import { isSuspended } from '../queue/suspend.js';
import type { Redis } from '../redis/redis.js';
import type { Hit } from '../redis/blocking.js';
import type { WorkerEnd, WorkerEndReason, WorkerEvent } from './events.js';
import { clock } from './horses/perform.js';
import type { Performer } from './horses/performer.js';
import { Intake } from './intake.js';
import { register, unregister, type Birth } from './registration.js';
import { HAND_BACK_MS, Reserve } from './reserve.js';
import type { Interruption, Run } from './run.js';
import { Runs, type EndedRun } from './runs.js';
import type { WorkerOptions } from './options.js';

/** How many outcomes one call records, and how many jobs it takes, at most: it must not hold Redis for long. */
const MOST_IN_A_CALL = 100;
/** Seconds that the mark of the last begun execution lives; as in start.lua. */
const BEGUN_SECONDS = 3_600;
/** Age at which a run gets the records that most are too short for, milliseconds. */
const ANNOUNCE_AFTER_MS = 1_000;

/**
 * Takes jobs, has them performed, and writes down how they ended: claim → perform → finish.
 * It is the only writer: whatever happens to a job is recorded from here.
 */
export class Worker {
  readonly #options: WorkerOptions;
  readonly #redis: Redis;
  readonly #tell: (event: WorkerEvent) => void;
  readonly #stamp: WorkerStamp;
  readonly #birth: Birth;
  readonly #intake: Intake;
  readonly #runs: Runs;
  readonly #reserve: Reserve;
  #wake: () => void = () => undefined;
  #awake = false;
  #later: NodeJS.Immediate | null = null;
  #handBack: NodeJS.Timeout | null = null;
  #jobsTaken = 0;
  #jobsEnded = 0;
  #stopping: WorkerEndReason | null = null;
  #cold: Interruption | null = null;
  #quiet = false;
  #suspended = false;
  #adopting = false;
  #trouble: string | null = null;
  #replicated = true;

  constructor(options: WorkerOptions, redis: Redis, performer: Performer) {
    this.#options = options;
    this.#redis = redis;
    this.#tell = options.onEvent;
    const date = formatDate(clock());
    this.#stamp = {
      name: options.name,
      birth: date,
      monitoringIntervalSeconds: options.monitoringIntervalSeconds,
      idleTtlSeconds: options.workerTtlSeconds + 60,
      defaultTimeoutSeconds: options.defaultTimeoutSeconds,
    };
    const queues = options.queues.map((queue) => queue.name);
    this.#birth = { stamp: this.#stamp, queues, date, version: options.version };
    const limits = {
      workerName: options.name,
      defaultTimeoutSeconds: options.defaultTimeoutSeconds,
      defaultResultTtlSeconds: options.resultTtlSeconds,
    };
    this.#runs = new Runs(performer, limits, (end) => {
      this.#ended(end);
    });
    this.#reserve = new Reserve(options.claimAhead, options.concurrency);
    this.#intake = new Intake({
      target: options.target,
      queues: options.queues,
      strategy: options.strategy,
      workerName: options.name,
      onWork: () => {
        this.#rouse();
      },
      onTrouble: (queue, error) => {
        this.#tell({ type: 'warning', message: `queue ${queue} cannot be waited on: ${error.message}` });
      },
    });
  }

  get runs(): readonly Run[] {
    return this.#runs.running;
  }
  get ending(): boolean {
    return this.#stopping !== null;
  }
  /** True when nothing is left but to say good-bye, or when nothing that is left may be waited for. */
  get mayLeave(): boolean {
    return this.#cold !== null || (this.#stopping !== null && this.#runs.isEmpty);
  }

  /** Registers the worker. Throws NAME_TAKEN if a live worker has the name. */
  async register(): Promise<void> {
    await register(this.#redis, this.#birth);
  }

  /** Works until it is stopped or its work is done. Registered before; unregistered at the end. */
  async work(): Promise<WorkerEnd> {
    while (!this.#isOver()) {
      await this.#somethingToDo();
      try {
        await this.#turn();
        this.#trouble = null;
      } catch (error) {
        // Whoever closed the connection has waited long enough for Redis: what is not recorded now, the leases will tell of.
        if (this.#stopping !== null && isClosed(error)) break;
        await this.#endure(error);
      }
      if (this.#stopping === 'replaced') break;
    }
    await this.#leave().catch((error: unknown) => {
      if (!isClosed(error)) throw error;
    });
    return { reason: this.#cold ? 'cold' : (this.#stopping ?? 'burst'), jobs: this.#jobsEnded };
  }

  /** Warm: takes no more jobs, lets the running ones end. */
  stop(reason: WorkerEndReason, because: string): void {
    if (this.#stopping !== null) return;
    this.#stopping = reason;
    this.#tell({ type: 'stopping', running: this.#runs.size, because });
    this.#takeNoMore();
  }

  /** Cold: ends the running jobs at once; each is retried if it may be, else failed with the reason. */
  kill(because: string): void {
    if (this.#cold) return;
    this.#stopping ??= 'cold';
    const text = `the worker was told to stop at once (${because}) while the job ran`;
    this.#cold = { kind: 'failed', name: 'ShutDownImminentException', text };
    this.#tell({ type: 'cold', running: this.#runs.size, because });
    this.#runs.interruptAll(this.#cold);
    this.#takeNoMore();
  }

  /** Takes no new jobs until `unquiet()`. */
  quiet(): void {
    if (this.#quiet) return;
    this.#quiet = true;
    this.#tell({ type: 'quiet' });
    this.#takeNoMore();
  }

  unquiet(): void {
    if (!this.#quiet) return;
    this.#quiet = false;
    this.#tell({ type: 'resumed' });
    this.#intake.askAgain();
  }

  /** After a lost connection: replies may have been lost with it, and with them the news of jobs we were given. */
  adoptSoon(): void {
    this.#adopting = true;
    this.#intake.askAgain();
  }

  /** One heartbeat: leases, worker hash, registration. */
  async beat(): Promise<void> {
    const beaten = await this.#prolong(this.runs, this.#reserve.jobs);
    if (beaten.state !== 'ok') {
      await this.#comeBack(beaten.state);
      return;
    }
    for (const executionId of beaten.lost) this.#lose(executionId);
    // A belt to the braces: whatever a wait may have missed is found by asking.
    if (this.#stopping === null && !this.#quiet) this.#intake.askAgain();
  }

  /** Gives runs that have outlived their first moments the records by which others see them. */
  async #announce(): Promise<void> {
    const due = this.runs.filter((run) => !run.announced && clock() - run.startedAtMs >= ANNOUNCE_AFTER_MS);
    if (due.length > 0) await this.#prolong(due, []);
  }

  #prolong(runs: readonly Run[], waiting: readonly ClaimedJob[]): Promise<Heartbeat> {
    // Before the call: whether it arrives before or after the end of the run, that end must clear up.
    for (const run of runs) run.announced = true;
    const running = runs.map((run) => ({ ...run.job, timeoutSeconds: run.timeoutSeconds }));
    const held = waiting.map((job) => ({ ...job, timeoutSeconds: this.#options.defaultTimeoutSeconds }));
    const oldest = runs[0];
    const workingSeconds = oldest ? (clock() - oldest.startedAtMs) / 1_000 : 0;
    const state = running.length > 0 ? '' : this.#suspended ? 'suspended' : 'idle';
    return heartbeat(this.#redis, this.#stamp, [...running, ...held], { state, workingSeconds });
  }

  /** Slots without a job. */
  get #free(): number {
    return this.#stopping !== null || this.#quiet ? 0 : Math.max(0, this.#options.concurrency - this.#runs.size);
  }

  /** How many jobs to ask for: for the free slots, and ahead. */
  get #wanted(): number {
    if (this.#stopping !== null || this.#quiet) return 0;
    const left =
      this.#options.maxJobs === null ? Infinity : this.#options.maxJobs - this.#jobsTaken - this.#reserve.waiting;
    return Math.max(0, Math.min(this.#free + this.#reserve.target - this.#reserve.waiting, left, MOST_IN_A_CALL));
  }

  /** Worth a call of its own, though nothing has ended. */
  get #isHungry(): boolean {
    return this.#intake.claimDue && this.#reserve.waiting < Math.max(1, this.#free) && this.#wanted > 0;
  }

  #isOver(): boolean {
    return this.#stopping !== null && this.#runs.isEmpty && this.#reserve.isEmpty && !this.#intake.hasHits;
  }

  #rouse(): void {
    this.#awake = true;
    this.#wake();
  }

  /** Whatever else ends in this turn of the event loop belongs to the same batch. */
  #rouseLater(): void {
    this.#later ??= setImmediate(() => {
      this.#later = null;
      this.#rouse();
    });
  }

  async #somethingToDo(): Promise<void> {
    if (!this.#awake && !this.#isHungry) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#awake = false;
  }

  #ended({ run, ended }: EndedRun): void {
    this.#reserve.observe(ended.endedAtMs - run.startedAtMs);
    this.#fill();
    // While Redis records one half of what was ahead, the other half goes on here.
    if (this.#runs.size === 0 || (this.#runs.ended * 2 >= this.#reserve.target && this.#reserve.target > 0))
      this.#rouse();
    else this.#rouseLater();
  }

  /** Begins what waits, as far as there are slots. */
  #fill(): void {
    while (this.#free > 0) {
      const job = this.#reserve.peek();
      if (!job || !this.#mayBegin(job)) break;
      this.#reserve.shift();
      this.#start(job);
    }
    if (this.#reserve.waiting > 0) this.#watchReserve();
  }

  #start(job: ClaimedJob): void {
    this.#jobsTaken += 1;
    const { id, queue, description, attempt } = job;
    this.#tell({ type: 'job-started', id, queue, description, attempt });
    const run = this.#runs.start(job);
    if (this.#cold) run.interrupt(this.#cold, 0);
  }

  /** False while Redis cannot be told that the job begins: if this process died then, it would be taken for unbegun. */
  #mayBegin(job: ClaimedJob): boolean {
    if (!this.#reserve.marks || job.executionId <= this.#reserve.lastBegun) return true;
    return this.#markBegun(job.executionId);
  }

  #markBegun(executionId: string): boolean {
    const key = begunKey(this.#intake.processPrefix);
    if (!this.#redis.post(['SET', key, executionId, 'EX', BEGUN_SECONDS])) return false;
    this.#reserve.lastBegun = executionId;
    return true;
  }

  #watchReserve(): void {
    this.#handBack ??= setTimeout(() => {
      this.#handBack = null;
      if (this.#reserve.isStale) this.#giveUpReserve();
      else if (this.#reserve.waiting > 0) this.#watchReserve();
    }, HAND_BACK_MS);
  }

  #giveUpReserve(): void {
    const oldest = this.runs[0];
    if (oldest) this.#reserve.observe(clock() - oldest.startedAtMs);
    this.#reserve.giveUp();
    this.#rouse();
  }

  #takeNoMore(): void {
    this.#intake.pause();
    this.#giveUpReserve();
  }

  async #turn(): Promise<void> {
    if (this.#adopting) await this.#adopt();
    this.#fill();
    if (this.#intake.hasHits) await this.#startMoved();
    if (this.#runs.ended > 0 || this.#reserve.hasReturns || this.#isHungry) await this.#finishAndClaim();
    else if (this.#free > 0) this.#intake.waitForWork(this.#suspended);
    this.#checkLimits();
  }

  async #startMoved(): Promise<void> {
    const hits: Hit[] = this.#intake.takeHits();
    try {
      const { processPrefix } = this.#intake;
      const begin = { count: this.#free, after: this.#reserve.lastBegun };
      const moved = { hits, room: begin.count, processPrefix, claimsAhead: this.#reserve.marks };
      const result = await claimMoved(this.#redis, this.#stamp, moved, this.#runs.currentJobId);
      if (result.state !== 'ok') this.#intake.keepHits(hits);
      // More may have been pushed together with what was moved.
      if (await this.#accept(result, begin)) this.#intake.askAgain();
    } catch (error) {
      this.#intake.keepHits(hits);
      throw error;
    }
  }

  async #finishAndClaim(): Promise<void> {
    const ended = this.#runs.takeEnded(MOST_IN_A_CALL);
    const returns = this.#reserve.takeReturns();
    // What goes back to the head of its queue must not be taken again by the same call.
    const wanted = returns.length > 0 ? 0 : this.#wanted;
    const begin = { count: Math.max(0, this.#free - this.#reserve.waiting), after: this.#reserve.lastBegun };
    let result: Finish | null = null;
    try {
      const ahead = this.#reserve.marks ? { ahead: { begin: begin.count, lastBegun: begin.after } } : {};
      const wish = { ...this.#intake.wish(wanted), ...ahead };
      const outcomes = [
        ...ended.map(({ run, ended: end }) => ({ ...end, announced: run.announced })),
        ...returned(returns),
      ];
      const running = this.#runs.currentJobId;
      result =
        outcomes.length > 0
          ? await finish(this.#redis, this.#stamp, outcomes, wish, running, this.#options.durability)
          : { ...(await claim(this.#redis, this.#stamp, wish, running)), endings: [], replicas: null };
    } finally {
      // Whatever was not recorded is recorded by a later turn.
      if (result?.state !== 'ok') {
        this.#runs.keepEnded(ended);
        this.#reserve.keepReturns(returns);
      }
    }
    if (result.state === 'ok') this.#report(ended, result.endings);
    this.#watchReplicas(result.replicas);
    if (!(await this.#accept(result, begin)) || result.state !== 'ok') return;
    this.#intake.claimed(wanted, result.jobs.length, result.more);
    // More has ended than one call records, or has gone back and may be taken again.
    if (this.#runs.ended > 0 || returns.length > 0) this.#rouse();
    if (wanted === 0 || result.more || this.#intake.claimDue) return;
    if (this.#options.burst) this.#endBurst();
    else if (this.#free > 0) this.#intake.waitForWork(this.#suspended);
  }

  /** Takes in what was claimed; false if the worker had to be registered again and the call must be repeated. */
  async #accept(result: Claim, begin: { readonly count: number; readonly after: string }): Promise<boolean> {
    if (result.state !== 'ok') {
      await this.#comeBack(result.state);
      this.#rouse();
      return false;
    }
    this.#notice(result.suspended);
    for (const skipped of result.skipped) this.#tell({ type: 'id-skipped', ...skipped });
    this.#reserve.add(result.jobs);
    // The script has marked these as begun; unless a mark that was sent after it stands there now.
    const marked = result.jobs[Math.min(begin.count, result.jobs.length) - 1];
    if (marked && this.#reserve.lastBegun === begin.after) this.#reserve.lastBegun = marked.executionId;
    if (this.#stopping !== null || this.#quiet || this.#suspended) this.#giveUpReserve();
    this.#fill();
    return true;
  }

  #watchReplicas(replicas: number | null): void {
    if (replicas === null) return;
    const wanted = this.#options.durability?.replicas ?? 0;
    if (replicas < wanted && this.#replicated) {
      const message = `the end of jobs is stored, not replicated: ${replicas} of ${wanted} replicas had it in time; a fail-over now would run them again`;
      this.#tell({ type: 'warning', message });
    }
    this.#replicated = replicas >= wanted;
  }

  #report(ended: readonly EndedRun[], endings: readonly Ending[]): void {
    ended.forEach(({ run, ...end }, i) => {
      const ending = endings[i];
      if (!ending) return;
      this.#jobsEnded += 1;
      this.#tell(run.endedEvent(end, ending));
    });
  }

  #lose(executionId: string): void {
    const run = this.#runs.find(executionId);
    if (!run) return;
    this.#tell({ type: 'job-lost', id: run.job.id, queue: run.job.queue });
    const text = 'the execution is not ours any more: the job was taken over, canceled or deleted';
    run.interrupt({ kind: 'failed', name: 'LostLeaseError', text });
  }

  async #comeBack(state: 'unregistered' | 'replaced'): Promise<void> {
    if (state === 'replaced') {
      this.#tell({ type: 'warning', message: `another worker has taken the name ${this.#stamp.name}: this one ends` });
      this.kill('its name was taken over');
      this.#stopping = 'replaced';
      return;
    }
    await this.register();
    this.#tell({ type: 're-registered' });
  }

  async #adopt(): Promise<void> {
    const known = [...this.#runs.executionIds, ...this.#reserve.jobs.map((job) => job.executionId)];
    const queues = this.#birth.queues;
    const processPrefix = this.#intake.processPrefix;
    this.#adopting = false;
    const jobs = await adopt(this.#redis, { processPrefix, known, queues }).catch((error: unknown) => {
      this.#adopting = true;
      throw error;
    });
    this.#reserve.addFirst(jobs);
    // The mark may have been lost as well.
    if (this.#reserve.lastBegun !== '') this.#markBegun(this.#reserve.lastBegun);
    if (this.#stopping !== null || this.#quiet) this.#giveUpReserve();
  }

  #notice(suspended: boolean): void {
    if (suspended !== this.#suspended) this.#tell({ type: suspended ? 'suspended' : 'resumed' });
    this.#suspended = suspended;
  }

  #endBurst(): void {
    if (this.#suspended) this.stop('suspended', 'RQ is suspended');
    else if (this.#runs.isEmpty && this.#reserve.isEmpty) this.stop('burst', 'all queues are empty');
  }

  #checkLimits(): void {
    if (this.#stopping !== null) return;
    const { maxJobs, maxIdleSeconds } = this.#options;
    if (maxJobs !== null && this.#jobsTaken >= maxJobs) this.stop('max-jobs', `${maxJobs} jobs were taken`);
    if (
      maxIdleSeconds !== null &&
      this.#runs.isEmpty &&
      clock() - this.#runs.lastActivityMs >= maxIdleSeconds * 1_000
    ) {
      this.stop('idle', `no job for ${maxIdleSeconds} seconds`);
    }
  }

  /** What Redis cannot do just now (out of memory, misconfigured) is tried again; nothing that waits to be written is dropped. */
  async #endure(error: unknown): Promise<void> {
    if (isClosed(error) || (error instanceof TsrqError && error.code === 'NAME_TAKEN')) throw error;
    const message = error instanceof Error ? error.message : String(error);
    if (message !== this.#trouble) this.#tell({ type: 'warning', message: `cannot go on, trying again: ${message}` });
    this.#trouble = message;
    await sleep(500);
    this.#rouse();
  }

  async #leave(): Promise<void> {
    await this.#intake.close(this.#redis);
    if (this.#intake.hasHits) await this.#startMoved();
    if (this.#stopping !== 'replaced') await unregister(this.#redis, this.#birth, formatDate(clock()));
  }

  /** Called every second: time ends an idle worker, and one that waits must see that RQ was suspended or resumed. */
  async tick(): Promise<void> {
    this.#checkLimits();
    if (this.#isOver()) this.#rouse();
    await this.#announce();
    if (this.#stopping === null && (await isSuspended(this.#redis)) !== this.#suspended) this.#intake.askAgain();
  }
}

const isClosed = (error: unknown): boolean => error instanceof TsrqError && error.code === 'CLOSED';

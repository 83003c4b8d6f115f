import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { clock } from '../clock.js';
import { TsrqError } from '../errors.js';
import { cronSchedulerFields, type CronJobView } from '../protocol/cron-scheduler.js';
import { beatCron, beginCronEntry, endCron, enqueueOccurrence } from '../queue/cron.js';
import type { Redis } from '../redis/redis.js';
import type { CronEntry } from './entry.js';
import { dueOccurrences, occurrenceAfter } from './occurrences.js';

/** What happens to a cron scheduler; moments in seconds since the epoch. */
export type CronEvent =
  | { readonly type: 'ready'; readonly name: string; readonly entries: number }
  | {
      readonly type: 'enqueued';
      readonly entry: CronEntry;
      readonly id: string;
      readonly moment: number;
      readonly lateSeconds: number;
    }
  | { readonly type: 'taken'; readonly entry: CronEntry; readonly moment: number }
  | { readonly type: 'skipped'; readonly entry: CronEntry; readonly moment: number }
  | { readonly type: 'replaced'; readonly entry: CronEntry; readonly what: string }
  | { readonly type: 'failed'; readonly entry: CronEntry; readonly message: string }
  | { readonly type: 'unregistered'; readonly message: string };

const BEAT_SECONDS = 30;
/** What Redis refused is tried again then: a queue may be a key of a wrong type, Redis out of memory. */
const RETRY_SECONDS = 5;

/** An entry that is being run. Moments in seconds since the epoch. */
interface Running {
  readonly entry: CronEntry;
  /** Up to when its occurrences have been dealt with; null until Redis knows the entry. */
  done: number | null;
  latest: number | null;
  next: number | null;
  /** It is left alone until then; Infinity: another file has its name. */
  notBefore: number;
  /** What Redis says against it, already reported. */
  problem: string | null;
}

/**
 * Enqueues the jobs of cron entries when they are due. Any number of them may run with the same entries: each occurrence is
 * enqueued once. Nothing is kept here that the next one would need.
 */
export class CronScheduler {
  /** As RQ makes them. */
  readonly name = `${hostname()}:${process.pid}:${randomBytes(3).toString('hex')}`;
  readonly #redis: Redis;
  readonly #file: string;
  readonly #onEvent: (event: CronEvent) => void;
  readonly #createdAtMs = clock();
  #running: Running[] = [];
  /** Redis's clock less `performance.now()`. */
  #aheadMs = 0;
  #beatAt = 0;
  #stopping = false;
  #wake: () => void = () => undefined;

  /** `file`: what RQ's observers are shown as the configuration. `redis`: a consumer, which tries until it is closed. */
  constructor(redis: Redis, options: { readonly file: string; readonly onEvent: (event: CronEvent) => void }) {
    this.#redis = redis;
    this.#file = options.file;
    this.#onEvent = options.onEvent;
  }

  /** Runs these entries from now on, in place of others. */
  load(entries: readonly CronEntry[]): void {
    this.#running = entries.map((entry) => ({
      entry,
      done: null,
      latest: null,
      next: null,
      notBefore: 0,
      problem: null,
    }));
    this.#beatAt = 0;
    this.#wake();
  }

  /** Ends `run` after what it is about. */
  stop(): void {
    this.#stopping = true;
    this.#wake();
  }

  /** Registers it; afterwards it is known that Redis can be reached. */
  async begin(): Promise<void> {
    await this.#beat();
    this.#onEvent({ type: 'ready', name: this.name, entries: this.#running.length });
  }

  /** Enqueues what is due until it is stopped; rejects when the connection is closed. */
  async run(): Promise<void> {
    while (!this.#stopping) {
      await this.#round();
      if (!this.#stopping) await this.#sleep();
    }
    await endCron(this.#redis, this.name);
  }

  async #round(): Promise<void> {
    const entries = this.#running;
    let changed = this.#now() >= this.#beatAt;
    for (const running of entries) {
      if (this.#stopping || this.#running !== entries) return;
      if (this.#now() < running.notBefore) continue;
      try {
        changed = (await this.#step(running)) || changed;
        running.problem = null;
      } catch (error) {
        this.#refused(running, error);
      }
    }
    if (changed) await this.#beat().catch((error: unknown) => this.#unregistered(error));
  }

  #refused(running: Running, error: unknown): void {
    const message = messageOfReply(error);
    running.notBefore = this.#now() + RETRY_SECONDS;
    if (running.problem !== message) this.#onEvent({ type: 'failed', entry: running.entry, message });
    running.problem = message;
  }

  #unregistered(error: unknown): void {
    this.#beatAt = this.#now() + BEAT_SECONDS;
    this.#onEvent({ type: 'unregistered', message: messageOfReply(error) });
  }

  /** Brings an entry up to now; true if there is something new to be seen of it. */
  async #step(running: Running): Promise<boolean> {
    const { entry } = running;
    let changed = running.done === null;
    const done = running.done ?? (await this.#introduce(running));
    if (running.next === null || running.next > this.#now()) return changed;
    const { moments, last } = dueOccurrences(entry, done, this.#now());
    for (const moment of moments) {
      // Somebody else may have got further meanwhile.
      if (moment <= (running.done ?? 0)) continue;
      const went = this.#stopping ? 'stop' : await this.#claim(running, moment);
      if (went === 'stop') return changed;
      changed = true;
    }
    if (moments.length === 0 && last !== null) this.#onEvent({ type: 'skipped', entry, moment: last });
    if (last !== null && last > (running.done ?? 0)) advance(running, last);
    return changed;
  }

  async #introduce(running: Running): Promise<number> {
    const { entry } = running;
    const { schedule } = entry;
    const interval = schedule.kind === 'interval' ? schedule.seconds : null;
    const { done, nowMs } = await beginCronEntry(this.#redis, entry, interval);
    this.#setClock(nowMs);
    advance(running, done);
    return done;
  }

  /** 'stop': what is left of the entry must wait. */
  async #claim(running: Running, moment: number): Promise<'done' | 'stop'> {
    const { entry } = running;
    const outcome = await enqueueOccurrence(this.#redis, { ...entry, moment }, entry.job);
    switch (outcome.state) {
      case 'queued':
        running.latest = this.#now();
        advance(running, moment);
        this.#onEvent({ type: 'enqueued', entry, id: outcome.id, moment, lateSeconds: this.#now() - moment });
        return 'done';
      case 'taken':
        advance(running, Math.max(moment, outcome.done));
        this.#onEvent({ type: 'taken', entry, moment });
        return 'done';
      case 'early':
        this.#setClock(outcome.nowMs);
        return 'stop';
      case 'replaced':
        running.notBefore = Infinity;
        running.next = null;
        this.#onEvent({ type: 'replaced', entry, what: outcome.what });
        return 'stop';
    }
  }

  async #beat(): Promise<void> {
    const fields = cronSchedulerFields({
      hostname: hostname(),
      pid: process.pid,
      name: this.name,
      createdAtMs: this.#createdAtMs,
      configFile: this.#file,
      jobs: this.#running.map(viewOf),
    });
    this.#setClock(await beatCron(this.#redis, this.name, fields));
    this.#beatAt = this.#now() + BEAT_SECONDS;
  }

  #setClock(redisMs: number): void {
    this.#aheadMs = redisMs - performance.now();
  }

  /** Seconds since the epoch by Redis's clock. */
  #now(): number {
    return (performance.now() + this.#aheadMs) / 1_000;
  }

  /** Until something is due, or it is woken. */
  async #sleep(): Promise<void> {
    const times = this.#running.map(({ next, notBefore, done }) =>
      Math.max(done === null ? 0 : (next ?? Infinity), notBefore),
    );
    const ms = (Math.min(this.#beatAt, ...times) - this.#now()) * 1_000;
    // A timer may be a little early.
    const pause = Math.max(1, Math.ceil(ms));
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, pause);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function advance(running: Running, moment: number): void {
  running.done = moment;
  running.next = occurrenceAfter(running.entry.schedule, moment);
}

function viewOf({ entry, latest, next }: Running): CronJobView {
  const { name, queue, schedule, job } = entry;
  return {
    ...{ name, queue, functionName: job.functionName, args: job.args, kwargs: job.kwargs, meta: job.meta },
    intervalSeconds: schedule.kind === 'interval' ? schedule.seconds : null,
    cron: schedule.kind === 'cron' ? schedule.expression.text : null,
    latestMs: latest === null ? null : latest * 1_000,
    nextMs: next === null ? null : next * 1_000,
    timeoutSeconds: job.timeoutSeconds,
    resultTtlSeconds: job.resultTtlSeconds,
    ttlSeconds: job.ttlSeconds,
    failureTtlSeconds: job.failureTtlSeconds,
  };
}

/** What Redis answered. An error of ours is about the connection, which has been closed: it is thrown on. */
function messageOfReply(error: unknown): string {
  if (error instanceof TsrqError || !(error instanceof Error)) throw error;
  return error.message;
}

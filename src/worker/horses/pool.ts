import { availableParallelism } from 'node:os';
import { findDeathGuard } from './death-guard.js';
import { Horse, type HorseOptions } from './horse.js';
import { MOST_IN_LINE } from './line.js';
import { limitMemory, memoryOf } from './memory.js';
import type { RunRequest } from './message.js';
import type { Performer, RunHandle, RunListener } from './performer.js';
import { Starts } from './starts.js';
import { Task } from './task.js';

export interface PoolOptions extends Omit<
  HorseOptions,
  'deathGuard' | 'onFree' | 'onReturn' | 'onStray' | 'onUnstarted'
> {
  /** Jobs after which a horse is replaced; null for never. */
  readonly maxJobsPerHorse: number | null;
  /** Bytes of resident memory above which a horse is ended and its jobs fail; null for no limit. */
  readonly maxMemoryBytes: number | null;
  /** Told what an operator should know, once while it lasts. */
  readonly warn: (message: string) => void;
}

/** Jobs whose code takes less, milliseconds, are done by a horse that is there before another has started. */
export const TINY_MS = 0.25;
/** The first of a horse are not: they load its code. Jobs that must have ended before more is known. */
const ENOUGH_SEEN = 5;
/** Tiny jobs are done by a few processes as fast as by many: one processor is the worker's and Redis's. */
const FEW = Math.max(1, availableParallelism() - 1);
/** So many processes load their code at a time, and while jobs are tiny only one: more would only wait for each other's processor. */
const MOST_STARTING = Math.max(4, 2 * availableParallelism());
/** One that takes longer than this, milliseconds, waits for something else, and does not count. */
const STARTING_MS = 2_000;
/** A line that has not moved for so long, milliseconds, gets no longer, … */
const STILL_MS = 1;
/** … and after so long it is taken back: whoever is before it is not tiny. */
const LOOK_MS = 3;
/** How long a job waits for a horse that is busy before another is started, milliseconds: before more is known, while jobs are tiny, and else. */
const PATIENCE_MS = { unknown: 50, tiny: 20, longer: 2 };

/** The work horses of a worker: started on demand, kept warm, replaced when they are worn, stale or dead. */
export class HorsePool implements Performer {
  readonly #options: PoolOptions;
  #deathGuard: readonly string[] | null = null;
  #horses: Horse[] = [];
  #fresh = new Set<Horse>();
  readonly #starts: Starts;
  #endMemoryLimit: () => void = () => undefined;
  #stopped = false;
  /** The oldest first. */
  #waiting: Task[] = [];
  /** Whose those are that do not wait. */
  readonly #places = new WeakMap<Task, Horse>();
  #patience: NodeJS.Timeout | null = null;
  #look: NodeJS.Timeout | null = null;
  /** How many jobs have ended, and how long their code runs, of late, milliseconds. */
  #seen = 0;
  #meanRunMs = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#starts = new Starts(options.warn);
  }

  async start(): Promise<readonly string[]> {
    this.#deathGuard = await findDeathGuard();
    // The worker could not begin, and nobody would end them.
    if (this.#stopped) return [];
    const { maxMemoryBytes } = this.#options;
    if (maxMemoryBytes !== null) this.#endMemoryLimit = limitMemory(() => this.#horses, maxMemoryBytes);
    return this.#addFresh();
  }

  get mostTiny(): number {
    return FEW * (1 + MOST_IN_LINE);
  }

  perform(run: RunRequest, listener: RunListener): RunHandle {
    const task = new Task(run, listener);
    const horse = this.#choose();
    if (horse) this.#give(horse, task);
    // One is about to be free, and another would take a hundred times as long to start.
    else {
      const other = this.#fresh.size > 0 || this.#starts.pauseMs > 0 ? null : this.#add();
      if (other) this.#give(other, task);
      else this.#wait([task]);
    }
    return {
      abort: (name, reason) => {
        this.#begunAt(task)?.abort(run.executionId, name, reason);
      },
      kill: () => {
        this.#begunAt(task)?.killIfRuns(run.executionId);
      },
    };
  }

  /** Where a job runs; one that has not begun ends here, and never will. */
  #begunAt(task: Task): Horse | undefined {
    this.#wait(this.#places.get(task)?.takeBack() ?? []);
    if (this.#waiting.includes(task)) {
      this.#waiting = this.#waiting.filter((other) => other !== task);
      task.listener.onDone({ kind: 'died', how: 'ended before it began' });
    }
    this.#goOn();
    return this.#places.get(task);
  }

  get #areTiny(): boolean {
    return this.#seen >= ENOUGH_SEEN && this.#meanRunMs < TINY_MS;
  }

  get #patienceMs(): number {
    if (this.#seen < ENOUGH_SEEN) return PATIENCE_MS.unknown;
    return this.#areTiny ? PATIENCE_MS.tiny : PATIENCE_MS.longer;
  }

  #give(horse: Horse, task: Task): void {
    this.#places.set(task, horse);
    horse.give(task);
    if (horse.hasLine) this.#look ??= setTimeout(this.#lookAtLines, LOOK_MS);
    const max = this.#options.maxJobsPerHorse;
    if (max !== null && horse.jobs >= max) this.#retire(horse);
  }

  #wait(tasks: readonly Task[]): void {
    for (const task of tasks) this.#places.delete(task);
    this.#waiting = [...this.#waiting, ...tasks].sort((a, b) => a.since - b.since);
    if (this.#waiting.length > 0) this.#patience ??= setTimeout(this.#hurry, this.#patienceMs);
  }

  /** Those that have waited too long get a horse each; tiny ones one together, which will soon have done them all. */
  readonly #hurry = (): void => {
    this.#patience = null;
    const patience = this.#patienceMs;
    const ageOf = ({ since }: Task): number => performance.now() - since;
    for (let [first] = this.#waiting; first && ageOf(first) >= patience; [first] = this.#waiting) {
      const free = this.#free();
      const horse = free ?? (this.#mayStart ? this.#add() : null);
      if (!horse) break;
      this.#next(horse);
    }
    const [first] = this.#waiting;
    if (!first) return;
    const left = Math.ceil(patience - ageOf(first));
    this.#patience = setTimeout(this.#hurry, Math.max(left > 0 ? left : patience, this.#starts.pauseMs));
  };

  get #mayStart(): boolean {
    if (this.#starts.pauseMs > 0) return false;
    const starting = this.#horses.filter(({ isReady, ageMs }) => !isReady && ageMs < STARTING_MS);
    return starting.length < (this.#areTiny ? 1 : MOST_STARTING);
  }

  /** What stands in line and does not get on is for others to do. */
  readonly #lookAtLines = (): void => {
    this.#look = null;
    for (const horse of this.#horses) if (horse.hasLine && horse.stillForMs >= LOOK_MS) this.#wait(horse.takeBack());
    this.#goOn();
    if (this.#horses.some(({ hasLine }) => hasLine)) this.#look = setTimeout(this.#lookAtLines, LOOK_MS);
  };

  /** Gives the one that has waited longest to a horse. */
  #next(horse: Horse): void {
    const task = this.#waiting.shift();
    if (task) this.#give(horse, task);
  }

  /** A horse has done a job. */
  #freed(ranForMs: number): void {
    this.#seen += 1;
    // Neither the first ones count nor a single one that was disturbed.
    this.#meanRunMs = this.#seen <= ENOUGH_SEEN ? ranForMs : this.#meanRunMs + (ranForMs - this.#meanRunMs) / 10;
    this.#goOn();
  }

  /** Begins what waits, as far as there is room. */
  #goOn(): void {
    for (let horse = this.#choose(); horse && this.#waiting.length > 0; horse = this.#choose()) this.#next(horse);
    if (this.#waiting.length === 0 && this.#patience) {
      clearTimeout(this.#patience);
      this.#patience = null;
    }
  }

  /** Who is to do the next job. Tiny ones stand in line at few horses; others begin at once, or wait. */
  #choose(): Horse | undefined {
    if (!this.#areTiny) return this.#free();
    let best: Horse | undefined;
    let few = FEW;
    for (const horse of this.#fresh) {
      if (few-- === 0) break;
      const fits = this.#hasSlot(horse) || (horse.hasPlace && horse.stillForMs < STILL_MS);
      if (fits && (!best || horse.load < best.load)) best = horse;
    }
    return best ?? this.#free();
  }

  #free(): Horse | undefined {
    for (const horse of this.#fresh) if (this.#hasSlot(horse)) return horse;
    return undefined;
  }

  #hasSlot(horse: Horse): boolean {
    return horse.alive && horse.load < this.#options.jobsPerHorse;
  }

  limit(jobs: number): void {
    const most = Math.ceil(jobs / this.#options.jobsPerHorse);
    // Those with the least to do go first; each finishes what it has.
    const idlest = [...this.#fresh].sort((a, b) => a.load - b.load);
    for (const horse of idlest.slice(0, Math.max(0, idlest.length - most))) this.#replace(horse);
    this.#goOn();
  }

  reload(): Promise<readonly string[]> {
    for (const horse of [...this.#fresh]) this.#replace(horse);
    return this.#addFresh();
  }

  memory(): Promise<readonly number[]> {
    return Promise.all(this.#horses.map(memoryOf));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#endMemoryLimit();
    if (this.#patience) clearTimeout(this.#patience);
    if (this.#look) clearTimeout(this.#look);
    for (const horse of this.#horses) {
      // An idle horse has nothing to lose, and need not be waited for.
      if (horse.load === 0) horse.kill();
      else horse.quit();
    }
    await Promise.all(this.#horses.map((horse) => horse.gone));
  }

  /** Returns a sentence for each module of `--jobs` that it could not load. */
  #addFresh(): Promise<readonly string[]> {
    return this.#add()?.ready ?? Promise.resolve([]);
  }

  /** A horse could not be started. Its jobs wait for another; where there is none, and time after time none can be had, they have nobody. */
  #unstarted(tasks: readonly Task[], how: string): void {
    if (this.#stopped) {
      giveBack(tasks, how);
      return;
    }
    this.#starts.failed(how);
    // It may be what is missing.
    if (this.#deathGuard) void findDeathGuard().then((guard) => (this.#deathGuard = guard));
    this.#wait(tasks);
    // Also of one that is about to start it is to be seen how that ends: all go back together, in their order.
    if (!this.#starts.isHopeless || this.#horses.some(({ alive }) => alive)) {
      this.#goOn();
      return;
    }
    const all = this.#waiting;
    this.#waiting = [];
    giveBack(all, how);
  }

  /** Null if that could not even be tried. */
  #add(): Horse | null {
    try {
      return this.#tryAdd();
    } catch (error) {
      this.#unstarted([], error instanceof Error ? error.message : String(error));
      return null;
    }
  }

  #tryAdd(): Horse {
    const onFree = (ranForMs: number): void => {
      this.#freed(ranForMs);
    };
    const onReturn = (tasks: readonly Task[]): void => {
      this.#wait(tasks);
      this.#goOn();
    };
    const onStray = (): void => {
      this.#replace(horse);
      this.#goOn();
    };
    const onUnstarted = (tasks: readonly Task[], how: string): void => {
      this.#fresh.delete(horse);
      this.#unstarted(tasks, how);
    };
    const hooks = { onFree, onReturn, onStray, onUnstarted };
    const horse = new Horse({ ...this.#options, deathGuard: this.#deathGuard, ...hooks });
    this.#horses.push(horse);
    this.#fresh.add(horse);
    void horse.ready.then(() => {
      if (!horse.isReady) return;
      this.#starts.succeeded();
      this.#goOn();
    });
    void horse.gone.then(() => {
      this.#fresh.delete(horse);
      this.#horses = this.#horses.filter((other) => other !== horse);
    });
    return horse;
  }

  #retire(horse: Horse): void {
    this.#fresh.delete(horse);
    horse.quit();
  }

  /** Retires one; what has not begun is for others to do. */
  #replace(horse: Horse): void {
    this.#wait(horse.takeBack());
    this.#retire(horse);
  }
}

/** None of them has begun, nor will. Each goes to the head of its queue: the last one first. */
function giveBack(tasks: readonly Task[], how: string): void {
  for (const { listener } of tasks.toReversed()) listener.onDone({ kind: 'unbegun', how });
}

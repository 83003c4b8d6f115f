import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { Horse, type HorseOptions } from './horse.js';
import type { RunRequest } from './message.js';
import type { Performer, RunHandle, RunListener } from './performer.js';

export interface PoolOptions extends Omit<HorseOptions, 'deathGuard' | 'onFree'> {
  /** Jobs that one horse runs at once. */
  readonly jobsPerHorse: number;
  /** Jobs after which a horse is replaced; null for never. */
  readonly maxJobsPerHorse: number | null;
  /** Bytes of resident memory above which a horse is ended and its jobs fail; null for no limit. */
  readonly maxMemoryBytes: number | null;
}

const MEMORY_CHECK_MS = 1_000;

/** Jobs whose code takes less, milliseconds, are done by a horse that is there before another has started. */
export const TINY_MS = 0.25;
/** The first of a horse are not: they load its code. Jobs that must have ended before more is known. */
const ENOUGH_SEEN = 5;
/** How long a job waits for a horse that is busy before another is started, milliseconds: before more is known, while jobs are tiny, and else. */
const PATIENCE_MS = { unknown: 50, tiny: 20, longer: 2 };

/** A job that waits for a horse. */
interface Waiting {
  readonly run: RunRequest;
  readonly listener: RunListener;
  /** By `performance.now()`. */
  readonly since: number;
  /** Null while it waits. */
  handle: RunHandle | null;
}

/** The work horses of a worker: started on demand, kept warm, replaced when they are worn, stale or dead. */
export class HorsePool implements Performer {
  readonly #options: PoolOptions;
  #deathGuard: readonly string[] | null = null;
  #horses: Horse[] = [];
  #fresh = new Set<Horse>();
  #memoryTimer: NodeJS.Timeout | null = null;
  #stopped = false;
  #waiting: Waiting[] = [];
  #patience: NodeJS.Timeout | null = null;
  /** How many jobs have ended, and how long their code runs, of late, milliseconds. */
  #seen = 0;
  #meanRunMs = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  async start(): Promise<readonly string[]> {
    this.#deathGuard = await findDeathGuard();
    // The worker could not begin, and nobody would end them.
    if (this.#stopped) return [];
    if (this.#options.maxMemoryBytes !== null) {
      this.#memoryTimer = setInterval(() => void this.#checkMemory(), MEMORY_CHECK_MS);
    }
    return this.#add().ready;
  }

  perform(run: RunRequest, listener: RunListener): RunHandle {
    const horse = this.#free();
    if (horse) return this.#give(horse, run, listener);
    // One is about to be free, and another would take a hundred times as long to start.
    return this.#fresh.size > 0 ? this.#wait(run, listener) : this.#give(this.#add(), run, listener);
  }

  get #patienceMs(): number {
    if (this.#seen < ENOUGH_SEEN) return PATIENCE_MS.unknown;
    return this.#meanRunMs < TINY_MS ? PATIENCE_MS.tiny : PATIENCE_MS.longer;
  }

  #give(horse: Horse, run: RunRequest, listener: RunListener): RunHandle {
    const handle = horse.perform(run, listener);
    const max = this.#options.maxJobsPerHorse;
    if (max !== null && horse.jobs >= max) this.#retire(horse);
    return handle;
  }

  #wait(run: RunRequest, listener: RunListener): RunHandle {
    const waiting: Waiting = { run, listener, since: performance.now(), handle: null };
    this.#waiting.push(waiting);
    this.#patience ??= setTimeout(this.#hurry, this.#patienceMs);
    const end = (inHorse: (handle: RunHandle) => void): void => {
      if (waiting.handle) inHorse(waiting.handle);
      else if (this.#waiting.includes(waiting)) {
        this.#waiting = this.#waiting.filter((other) => other !== waiting);
        listener.onDone({ kind: 'died', how: 'ended before it began' });
      }
    };
    return {
      abort: (name, reason) => {
        end((handle) => {
          handle.abort(name, reason);
        });
      },
      kill: () => {
        end((handle) => {
          handle.kill();
        });
      },
    };
  }

  /** Those that have waited too long get a horse each. */
  readonly #hurry = (): void => {
    this.#patience = null;
    const patience = this.#patienceMs;
    const ageOf = ({ since }: Waiting): number => performance.now() - since;
    for (let [first] = this.#waiting; first && ageOf(first) >= patience; [first] = this.#waiting)
      this.#next(this.#free() ?? this.#add());
    const [first] = this.#waiting;
    if (first) this.#patience = setTimeout(this.#hurry, Math.max(1, Math.ceil(patience - ageOf(first))));
  };

  /** Gives the one that has waited longest to a horse. */
  #next(horse: Horse): void {
    const waiting = this.#waiting.shift();
    if (waiting) waiting.handle = this.#give(horse, waiting.run, waiting.listener);
  }

  /** A horse has done a job. */
  #freed(ranForMs: number): void {
    this.#seen += 1;
    // Neither the first ones count nor a single one that was disturbed.
    this.#meanRunMs = this.#seen <= ENOUGH_SEEN ? ranForMs : this.#meanRunMs + (ranForMs - this.#meanRunMs) / 10;
    for (let horse = this.#free(); horse && this.#waiting.length > 0; horse = this.#free()) this.#next(horse);
    if (this.#waiting.length === 0 && this.#patience) {
      clearTimeout(this.#patience);
      this.#patience = null;
    }
  }

  #free(): Horse | undefined {
    for (const horse of this.#horses) {
      if (horse.load < this.#options.jobsPerHorse && horse.alive && this.#fresh.has(horse)) return horse;
    }
    return undefined;
  }

  limit(jobs: number): void {
    const most = Math.ceil(jobs / this.#options.jobsPerHorse);
    // Those with the least to do go first; each finishes what it has.
    const idlest = [...this.#fresh].sort((a, b) => a.load - b.load);
    for (const horse of idlest.slice(0, Math.max(0, idlest.length - most))) this.#retire(horse);
  }

  reload(): Promise<readonly string[]> {
    for (const horse of [...this.#fresh]) this.#retire(horse);
    return this.#add().ready;
  }

  memory(): Promise<readonly number[]> {
    return Promise.all(this.#horses.map(memoryOf));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#memoryTimer) clearInterval(this.#memoryTimer);
    if (this.#patience) clearTimeout(this.#patience);
    for (const horse of this.#horses) {
      // An idle horse has nothing to lose, and need not be waited for.
      if (horse.load === 0) horse.kill();
      else horse.quit();
    }
    await Promise.all(this.#horses.map((horse) => horse.gone));
  }

  #add(): Horse {
    const onFree = (ranForMs: number): void => {
      this.#freed(ranForMs);
    };
    const horse = new Horse({ ...this.#options, deathGuard: this.#deathGuard, onFree });
    this.#horses.push(horse);
    this.#fresh.add(horse);
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

  async #checkMemory(): Promise<void> {
    const limit = this.#options.maxMemoryBytes ?? Infinity;
    for (const horse of this.#horses) {
      const bytes = await memoryOf(horse);
      if (bytes > limit) {
        horse.kill(
          `ended by its worker: it used ${mebibytes(bytes)} MiB, more than --max-memory ${mebibytes(limit)} MiB`,
        );
      }
    }
  }
}

const mebibytes = (bytes: number): number => Math.round(bytes / 1_048_576);

const memoryOf = async ({ pid }: Horse): Promise<number> => (pid === undefined ? 0 : residentBytes(pid));

/** Resident memory of a process, bytes; 0 where the system does not tell. */
async function residentBytes(pid: number): Promise<number> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1_024;
  } catch {
    return 0;
  }
}

/**
 * A horse in a busy loop does not notice that its worker was killed; the kernel can be told to (prctl PDEATHSIG), by
 * util-linux's setpriv. Without it a horse ends when its job yields.
 */
async function findDeathGuard(): Promise<readonly string[] | null> {
  if (process.platform !== 'linux') return null;
  const guard = ['setpriv', '--pdeathsig', 'KILL'] as const;
  try {
    await promisify(execFile)(guard[0], [...guard.slice(1), 'true']);
    return guard;
  } catch {
    return null;
  }
}

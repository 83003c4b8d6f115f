import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { Horse, type HorseOptions } from './horse.js';
import type { RunRequest } from './message.js';
import type { Performer, RunHandle, RunListener } from './performer.js';

export interface PoolOptions extends Omit<HorseOptions, 'deathGuard'> {
  /** Jobs that one horse runs at once. */
  readonly jobsPerHorse: number;
  /** Jobs after which a horse is replaced; null for never. */
  readonly maxJobsPerHorse: number | null;
  /** Bytes of resident memory above which a horse is ended and its jobs fail; null for no limit. */
  readonly maxMemoryBytes: number | null;
}

const MEMORY_CHECK_MS = 1_000;

/** The work horses of a worker: started on demand, kept warm, replaced when they are worn, stale or dead. */
export class HorsePool implements Performer {
  readonly #options: PoolOptions;
  #deathGuard: readonly string[] | null = null;
  #horses: Horse[] = [];
  #fresh = new Set<Horse>();
  #memoryTimer: NodeJS.Timeout | null = null;
  #stopped = false;

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
    const horse = this.#free() ?? this.#add();
    const handle = horse.perform(run, listener);
    const max = this.#options.maxJobsPerHorse;
    if (max !== null && horse.jobs >= max) this.#retire(horse);
    return handle;
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
    for (const horse of this.#horses) {
      // An idle horse has nothing to lose, and need not be waited for.
      if (horse.load === 0) horse.kill();
      else horse.quit();
    }
    await Promise.all(this.#horses.map((horse) => horse.gone));
  }

  #add(): Horse {
    const horse = new Horse({ ...this.#options, deathGuard: this.#deathGuard });
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

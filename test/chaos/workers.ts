import { readdirSync, readFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTsrq, type CliProcess, type CliResult } from '../support/cli.js';
import type { Random } from './random.js';

/** Starts the n-th worker process, under that name. */
export type Launch = (name: string, n: number, env: Readonly<Record<string, string>>) => CliProcess;

export interface StaffOptions {
  readonly launch: Launch;
  /** How many workers are kept alive. */
  readonly count: number;
  /** Written before the number of each: `w0`, `w1`. */
  readonly prefix?: string;
  /** A worker that is killed takes its horses with it only so. */
  readonly killsHorses?: boolean;
}

/** `tsrq worker` with these arguments. */
export const tsrqWorker =
  (url: string, args: readonly string[]): Launch =>
  (name, _n, env) =>
    startTsrq(['worker', '--name', name, ...args], { url, env });

/** One worker process, from birth to death. */
export interface Member {
  readonly name: string;
  readonly process: CliProcess;
  /** When it was killed, milliseconds since the epoch; null while it lives. */
  killedAt: number | null;
  gone: boolean;
}

/** Workers that a supervisor keeps alive, as systemd would: one that ends is replaced at once. */
export class Staff {
  readonly members: Member[] = [];
  /** Ends that nobody has brought about. */
  readonly strange: string[] = [];
  /** When a horse was killed, by its pid. */
  readonly killedHorses = new Map<number, number>();
  readonly #options: StaffOptions;
  readonly #mark = randomUUID();
  #supervising = true;

  constructor(options: StaffOptions) {
    this.#options = options;
    for (let i = 0; i < options.count; i += 1) this.#hire();
  }

  get alive(): Member[] {
    return this.members.filter((member) => !member.gone && member.killedAt === null);
  }

  async ready(): Promise<void> {
    await Promise.all(this.alive.map((member) => member.process.waitFor(/listening on/i, 60_000)));
  }

  /** SIGKILLs a worker or one of its horses; returns what it did. */
  killSomeone(chance: Random, workerShare = 0.5): string {
    if (this.alive.length === 0) return 'nobody is alive';
    const member = chance.pick(this.alive);
    const horses = childrenOf(member.process.pid);
    if (chance.next() >= workerShare && horses.length > 0) {
      const pid = chance.pick(horses);
      this.killedHorses.set(pid, Date.now());
      kill(pid);
      return `horse ${pid} of ${member.name}`;
    }
    this.kill(member);
    return member.name;
  }

  /**
   * With its horses: those of tsrq end with their worker, those of RQ would run on and write down an end that nobody
   * expects any more.
   */
  kill(member: Member): void {
    member.killedAt = Date.now();
    member.process.kill('SIGSTOP');
    const horses = childrenOf(member.process.pid);
    if (this.#options.killsHorses === true) for (const pid of horses) kill(pid);
    member.process.kill('SIGKILL');
  }

  /** Warm stop of all; returns how they ended. */
  async stop(): Promise<CliResult[]> {
    this.#supervising = false;
    const living = this.members.filter((member) => !member.gone);
    for (const member of living) member.process.kill('SIGTERM');
    const ends = await Promise.all(
      living.map((member) => Promise.race([member.process.exited, sleep(60_000, null, { ref: false })])),
    );
    ends.forEach((end, i) => {
      if (end === null) {
        this.strange.push(`${living[i]?.name} did not end within 60 s of SIGTERM`);
        living[i]?.process.kill('SIGKILL');
      }
    });
    return ends.filter((end) => end !== null);
  }

  /** For when a scenario breaks off: nobody stays behind. */
  killAll(): void {
    this.#supervising = false;
    for (const member of this.members) if (!member.gone) member.process.kill('SIGKILL');
  }

  /** Processes of these workers and of their jobs that are still there. */
  async leaked(): Promise<number[]> {
    // A process that was just killed takes a moment to go.
    for (let i = 0; i < 50 && this.#left().length > 0; i += 1) await sleep(100);
    return this.#left();
  }

  #left(): number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => pid !== process.pid && read(`/proc/${pid}/environ`).includes(this.#mark));
  }

  #hire(): void {
    const n = this.members.length;
    const name = `${this.#options.prefix ?? 'w'}${n}`;
    const started = this.#options.launch(name, n, { TSRQ_CHAOS_RUN: this.#mark });
    const member: Member = { name, process: started, killedAt: null, gone: false };
    this.members.push(member);
    void started.exited.then((end) => {
      member.gone = true;
      if (!this.#supervising) return;
      if (member.killedAt === null)
        this.strange.push(`${name} ended by itself: ${end.code} ${end.signal}\n${end.stderr.slice(-2_000)}`);
      this.#hire();
    });
  }
}

/** The direct children of a process. */
export function childrenOf(pid: number): number[] {
  return read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It was faster.
  }
}

import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Note } from '../../queue/note.js';
import type { RedisTarget } from '../../redis/target.js';
import type { HandlerSources } from './handlers.js';
import { Line } from './line.js';
import { isFromHorse, type FromHorse, type RunMessage, type RunRequest, type ToHorse } from './message.js';
import { Notes } from './notes.js';
import type { Task } from './task.js';

export interface HorseOptions {
  readonly sources: HandlerSources;
  /** Where jobs may enqueue others, by their `place`. */
  readonly targets: readonly RedisTarget[];
  /** A program that makes the kernel kill the horse when its worker dies, and its arguments; null where there is none. */
  readonly deathGuard: readonly string[] | null;
  /** Jobs that it runs at once. */
  readonly jobsPerHorse: number;
  /** Seconds in which its code must be loaded; default 60. */
  readonly loadSeconds?: number;
  readonly note: (run: RunRequest, note: Note) => Promise<void>;
  /** What the horse writes to stderr, the jobs' own output included. */
  readonly onStderr: (chunk: Buffer) => void;
  /** A job has ended whose code ran so long, milliseconds: there is room for another. */
  readonly onFree: (ranForMs: number) => void;
  /** It is to have no more jobs. */
  readonly onStray: () => void;
  /** It has ended before its code was loaded, not by its worker: none of these jobs has begun. */
  readonly onUnstarted: (tasks: readonly Task[], how: string) => void;
  /** These stood in line, have not begun, and are not this horse's any more. */
  readonly onReturn: (tasks: readonly Task[]) => void;
}

const ENTRY = fileURLToPath(new URL('entry.js', import.meta.url));
const STDERR_TAIL = 4_096;
const LOAD_SECONDS = 60;
/** How long what a process that is gone has written and sent may take to be read, milliseconds; mostly none of it is waited for. */
const [LAST_WORDS_MS, LAST_MESSAGES_MS] = [100, 5_000];

/** A warm child process that runs jobs. It leads a process group of its own: what its jobs start ends with it. */
export class Horse {
  readonly ready: Promise<readonly string[]>;
  /** Settles when the process is gone. */
  readonly gone: Promise<void>;
  readonly #child: ChildProcess;
  readonly #options: HorseOptions;
  readonly #running = new Map<string, Task>();
  readonly #line = new Line();
  /** What is to be sent in this turn. */
  #unsent: RunMessage[] = [];
  readonly #startedAt = performance.now();
  #movedAt = 0;
  #jobs = 0;
  #alive = true;
  #isReady = false;
  #stderr = '';
  #isKilled = false;
  /** It was told to end when its jobs have. */
  #hasQuit = false;
  #killedFor: string | null = null;
  /** The last error it has told of before it ended. */
  #after: string | null = null;

  constructor(options: HorseOptions) {
    this.#options = options;
    this.#child = spawnHorse(options, this.#line.fd);
    this.#send({ type: 'redis', targets: options.targets.map(withTexts) });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-STDERR_TAIL);
      options.onStderr(chunk);
    });
    let isReady: (problems: readonly string[]) => void = () => undefined;
    this.ready = new Promise((resolve) => {
      isReady = resolve;
    });
    this.#child.on('message', (message: unknown) => {
      // What is loaded before the horse's own code (`--import`) may speak on its channel too.
      if (!isFromHorse(message)) return;
      if (message.type === 'ready') {
        isReady(message.problems);
        this.#isReady = true;
        for (const { listener } of this.#running.values()) listener.onBegun();
      } else {
        this.#receive(message);
      }
    });
    const loadSeconds = options.loadSeconds ?? LOAD_SECONDS;
    const timer = setTimeout(() => {
      const problem = `the code of jobs has not loaded within ${loadSeconds} s`;
      isReady([problem]);
      this.kill(`ended by its worker: ${problem}`);
    }, loadSeconds * 1_000).unref();
    void this.ready.then(() => {
      clearTimeout(timer);
    });
    this.gone = new Promise((resolve) => {
      const end = (how: string): void => {
        if (!this.#alive) return;
        this.#alive = false;
        isReady([]);
        const returned = this.takeBack();
        const left = [...this.#running.values()];
        this.#running.clear();
        this.#line.close();
        // Who still holds it may write, and keeps no worker alive.
        (this.#child.stderr as Socket | null)?.unref();
        if (left.length > 0) this.#killGroup();
        resolve();
        if (returned.length > 0) options.onReturn(returned);
        if (!this.#isReady && !this.#isKilled) {
          if (this.#hasQuit) options.onReturn(left);
          else options.onUnstarted(left, how);
          return;
        }
        for (const { listener, notes } of left) {
          listener.onDone({ kind: 'died', how: this.#killedFor ?? how }, notes?.settled);
        }
      };
      // Not 'exit': by then all of stderr has been read, and with it V8's last words.
      this.#child.on('close', (code, signal) => {
        end(this.#describeExit(code, signal));
      });
      // What a job has started and left behind may hold its stderr open for days.
      this.#child.on('exit', (code, signal) => {
        void this.#lastWords().then(() => {
          end(this.#describeExit(code, signal));
        });
      });
      this.#child.on('error', (error) => {
        if (this.#child.pid === undefined) end(error.message);
      });
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }
  get alive(): boolean {
    return this.#alive && !this.#isKilled;
  }
  /** How long ago it was started, milliseconds. */
  get ageMs(): number {
    return performance.now() - this.#startedAt;
  }
  /** Whether its code is loaded. */
  get isReady(): boolean {
    return this.#isReady;
  }
  /** How many jobs it has. */
  get load(): number {
    return this.#running.size + this.#line.length;
  }
  /** Whether some of them stand in line. */
  get hasLine(): boolean {
    return this.#line.length > 0;
  }
  /** Whether another may stand in line. */
  get hasPlace(): boolean {
    return this.#isReady && this.alive && this.#line.hasPlace;
  }
  /** For how long none of its jobs has ended nor one come that could begin, milliseconds. */
  get stillForMs(): number {
    return performance.now() - this.#movedAt;
  }
  /** Jobs it was given so far and did not have to give back. */
  get jobs(): number {
    return this.#jobs;
  }

  /** Has a job done: at once if there is a slot, else when there is one. */
  give(task: Task): void {
    const inLine = this.load >= this.#options.jobsPerHorse;
    this.#jobs += 1;
    if (inLine) this.#line.add(task);
    else {
      this.#movedAt = performance.now();
      this.#running.set(task.request.executionId, task);
    }
    const { data, meta } = task.request;
    const run = { ...task.request, data: data.toString('base64'), meta: meta?.toString('base64') ?? '' };
    if (this.#unsent.length === 0) queueMicrotask(this.#sendRuns);
    this.#unsent.push(inLine ? { inLine, ...run } : run);
    if (this.#isReady && !inLine) task.listener.onBegun();
  }

  /** Takes out of the line what has not begun, even if the horse is in a busy loop. */
  takeBack(): readonly Task[] {
    this.#sendRuns();
    const { begun, left } = this.#line.takeBack();
    this.#haveBegun(begun);
    this.#jobs -= left.length;
    return left;
  }

  abort(executionId: string, name: string, reason: string): void {
    this.#send({ type: 'abort', executionId, name, reason });
  }

  /** Ends the process when its jobs have ended. */
  quit(): void {
    this.#hasQuit = true;
    this.#send({ type: 'quit' });
  }

  /** Ends the process and all that its jobs have started, at once. `reason`: what its jobs are told to have died of. */
  kill(reason?: string): void {
    this.#killedFor ??= reason ?? null;
    if (this.#child.pid === undefined || !this.#alive) return;
    this.#isKilled = true;
    const returned = this.takeBack();
    if (returned.length > 0) this.#options.onReturn(returned);
    if (!this.#killGroup()) this.#child.kill('SIGKILL');
  }

  /** The same if that job runs. */
  killIfRuns(executionId: string): void {
    if (this.#running.has(executionId)) this.kill();
  }

  /** Whether there was one. */
  #killGroup(): boolean {
    const { pid } = this.#child;
    try {
      return pid !== undefined && process.kill(-pid, 'SIGKILL');
    } catch {
      return false;
    }
  }

  /** After the process is gone: what it has sent and written is read, as far as that needs no others. */
  async #lastWords(): Promise<void> {
    if (this.#child.connected) {
      const read = once(this.#child, 'disconnect').catch(() => undefined);
      await Promise.race([read, sleep(LAST_MESSAGES_MS, undefined, { ref: false })]);
    }
    await sleep(LAST_WORDS_MS);
    // The event loop may have been held up: what has come meanwhile is read before timers count.
    await new Promise(setImmediate);
  }

  #describeExit(code: number | null, signal: NodeJS.Signals | null): string {
    const words = exitWords(code, signal);
    if (/heap out of memory|Allocation failed - JavaScript/.test(this.#stderr))
      return `out of memory: the limit of the JavaScript heap was reached (${words})`;
    return this.#after === null ? words : `${words} after ${this.#after}`;
  }

  #haveBegun(tasks: readonly Task[]): void {
    for (const task of tasks) {
      this.#running.set(task.request.executionId, task);
      task.listener.onBegun();
    }
  }

  #receive(message: Exclude<FromHorse, { type: 'ready' }>): void {
    if (message.type === 'dropped') {
      this.#line.dropped(message.count);
      return;
    }
    if (message.type === 'stray') {
      this.#after = message.after;
      this.#options.onStray();
      return;
    }
    this.#haveBegun(this.#line.takeUpTo(message.executionId));
    const running = this.#running.get(message.executionId);
    if (message.type === 'done') {
      this.#running.delete(message.executionId);
      this.#movedAt = performance.now();
      const { performed } = message;
      running?.listener.onDone({ kind: 'performed', performed }, running.notes?.settled);
      this.#options.onFree(Math.max(0, performed.endedAtMs - performed.startedAtMs));
      return;
    }
    if (message.type === 'callback') {
      running?.listener.onCallback(message.note);
      return;
    }
    const answer = (error: string | null): void => {
      this.#send({ type: 'noted', call: message.call, error });
    };
    if (!running) {
      answer('the job is over: what it tells now is not written');
      return;
    }
    running.notes ??= new Notes((note) => this.#options.note(running.request, note));
    running.notes.add(message.note).then(
      () => {
        answer(null);
      },
      (error: unknown) => {
        answer(error instanceof Error ? error.message : String(error));
      },
    );
  }

  readonly #sendRuns = (): void => {
    const runs = this.#unsent;
    if (runs.length === 0) return;
    this.#unsent = [];
    const refused = this.#line.issue(runs.filter((run) => run.inLine).length);
    this.#post({ type: 'run', runs: refused.length === 0 ? runs : runs.filter((run) => !run.inLine) });
    if (refused.length > 0) this.#options.onReturn(refused);
  };

  #send(message: ToHorse): void {
    this.#sendRuns();
    this.#post(message);
  }

  #post(message: ToHorse): void {
    // A horse that just died is found out; what was sent to it is nobody's loss.
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }
}

/** Keys and certificates as texts: bytes would not arrive as bytes. */
const withTexts = (target: RedisTarget): RedisTarget =>
  JSON.parse(JSON.stringify(target), (_, value: { type?: unknown; data?: number[] } | null) =>
    value?.type === 'Buffer' ? Buffer.from(value.data ?? []).toString() : value,
  ) as RedisTarget;

function spawnHorse({ sources, deathGuard, jobsPerHorse }: HorseOptions, ticketsFd: number | null): ChildProcess {
  const [program, ...guardArgs] = deathGuard ?? [];
  return fork(ENTRY, [JSON.stringify(sources), String(jobsPerHorse)], {
    // The last one is TICKETS_FD.
    stdio: ['ignore', 'inherit', 'pipe', 'ipc', ...(ticketsFd === null ? [] : [ticketsFd])],
    detached: true,
    ...(program === undefined
      ? {}
      : { execPath: program, execArgv: [...guardArgs, process.execPath, ...process.execArgv] }),
  });
}

function exitWords(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal !== null) return `killed by ${signal} (signal ${constants.signals[signal]})`;
  return `exited with code ${code ?? 'unknown'}`;
}

import { fork, type ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Note } from '../../queue/note.js';
import type { RedisTarget } from '../../redis/target.js';
import type { HandlerSources } from './handlers.js';
import type { FromHorse, RunRequest, ToHorse } from './message.js';
import { Notes } from './notes.js';
import type { RunHandle, RunListener } from './performer.js';

export interface HorseOptions {
  readonly sources: HandlerSources;
  /** Where jobs may enqueue others, by their `place`. */
  readonly targets: readonly RedisTarget[];
  /** A program that makes the kernel kill the horse when its worker dies, and its arguments; null where there is none. */
  readonly deathGuard: readonly string[] | null;
  readonly note: (run: RunRequest, note: Note) => Promise<void>;
  /** What the horse writes to stderr, the jobs' own output included. */
  readonly onStderr: (chunk: Buffer) => void;
  /** A job has ended whose code ran so long, milliseconds: there is room for another. */
  readonly onFree: (ranForMs: number) => void;
}

const ENTRY = fileURLToPath(new URL('entry.js', import.meta.url));
const STDERR_TAIL = 4_096;

interface Running {
  readonly request: RunRequest;
  readonly listener: RunListener;
  /** Null while the job has told nothing. */
  notes: Notes | null;
}

/** A warm child process that runs jobs. It leads a process group of its own: what its jobs start ends with it. */
export class Horse {
  readonly ready: Promise<readonly string[]>;
  /** Settles when the process is gone. */
  readonly gone: Promise<void>;
  readonly #child: ChildProcess;
  readonly #options: HorseOptions;
  readonly #running = new Map<string, Running>();
  #jobs = 0;
  #alive = true;
  #isReady = false;
  #stderr = '';
  #killedFor: string | null = null;

  constructor(options: HorseOptions) {
    this.#options = options;
    this.#child = spawnHorse(options);
    this.#send({ type: 'redis', targets: options.targets.map(withTexts) });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-STDERR_TAIL);
      options.onStderr(chunk);
    });
    let isReady: (problems: readonly string[]) => void = () => undefined;
    this.ready = new Promise((resolve) => {
      isReady = resolve;
    });
    this.#child.on('message', (message: FromHorse) => {
      if (message.type === 'ready') {
        isReady(message.problems);
        this.#isReady = true;
        for (const running of this.#running.values()) running.listener.onBegun();
      } else {
        this.#receive(message);
      }
    });
    this.gone = new Promise((resolve) => {
      const end = (how: string): void => {
        if (!this.#alive) return;
        this.#alive = false;
        isReady([]);
        const left = [...this.#running.values()];
        this.#running.clear();
        resolve();
        for (const { listener, notes } of left) {
          listener.onDone({ kind: 'died', how: this.#killedFor ?? how }, notes?.settled);
        }
      };
      // 'close', not 'exit': by then all of stderr has been read, and with it V8's last words.
      this.#child.on('close', (code, signal) => {
        end(describeExit(code, signal, this.#stderr));
      });
      this.#child.on('error', (error) => {
        if (this.#child.pid === undefined) end(`could not be started: ${error.message}`);
      });
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }
  get alive(): boolean {
    return this.#alive;
  }
  get load(): number {
    return this.#running.size;
  }
  /** Jobs begun so far. */
  get jobs(): number {
    return this.#jobs;
  }

  perform(request: RunRequest, listener: RunListener): RunHandle {
    this.#jobs += 1;
    const { executionId } = request;
    this.#running.set(executionId, { request, listener, notes: null });
    const { data, meta, ...rest } = request;
    const run = { ...rest, data: data.toString('base64'), meta: meta?.toString('base64') ?? '' };
    this.#send({ type: 'run', run });
    if (this.#isReady) listener.onBegun();
    return {
      abort: (name, reason) => {
        this.#send({ type: 'abort', executionId, name, reason });
      },
      kill: () => {
        if (this.#running.has(executionId)) this.kill();
      },
    };
  }

  /** Ends the process when its jobs have ended. */
  quit(): void {
    this.#send({ type: 'quit' });
  }

  /** Ends the process and all that its jobs have started, at once. `reason`: what its jobs are told to have died of. */
  kill(reason?: string): void {
    this.#killedFor ??= reason ?? null;
    if (this.#child.pid === undefined || !this.#alive) return;
    try {
      process.kill(-this.#child.pid, 'SIGKILL');
    } catch {
      this.#child.kill('SIGKILL');
    }
  }

  #receive(message: Exclude<FromHorse, { type: 'ready' }>): void {
    const running = this.#running.get(message.executionId);
    if (message.type === 'done') {
      this.#running.delete(message.executionId);
      const { performed } = message;
      running?.listener.onDone({ kind: 'performed', performed }, running.notes?.settled);
      this.#options.onFree(performed.endedAtMs - performed.startedAtMs);
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

  #send(message: ToHorse): void {
    // A horse that just died is found out by 'close'; what was sent to it is nobody's loss.
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }
}

/** Keys and certificates as texts: bytes would not arrive as bytes. */
const withTexts = (target: RedisTarget): RedisTarget =>
  JSON.parse(JSON.stringify(target), (_, value: { type?: unknown; data?: number[] } | null) =>
    value?.type === 'Buffer' ? Buffer.from(value.data ?? []).toString() : value,
  ) as RedisTarget;

function spawnHorse({ sources, deathGuard }: HorseOptions): ChildProcess {
  const [program, ...guardArgs] = deathGuard ?? [];
  return fork(ENTRY, [JSON.stringify(sources)], {
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    detached: true,
    ...(program === undefined
      ? {}
      : { execPath: program, execArgv: [...guardArgs, process.execPath, ...process.execArgv] }),
  });
}

function describeExit(code: number | null, signal: NodeJS.Signals | null, stderr: string): string {
  if (/heap out of memory|Allocation failed - JavaScript/.test(stderr)) {
    return `out of memory: the limit of the JavaScript heap was reached (${exitWords(code, signal)})`;
  }
  return exitWords(code, signal);
}

function exitWords(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal !== null) return `killed by ${signal} (signal ${constants.signals[signal]})`;
  return `exited with code ${code ?? 'unknown'}`;
}

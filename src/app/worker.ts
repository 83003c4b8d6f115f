import { EventEmitter } from 'node:events';
import type { WorkerSettings } from '../config/settings.js';
import { TsrqError } from '../errors.js';
import { currentConnections } from '../jobs/connections.js';
import { integer } from '../queue/check.js';
import type { RedisTarget } from '../redis/target.js';
import type { WorkerEnd, WorkerEvent } from '../worker/events.js';
import type { RunningWorker } from '../worker/start.js';
import { ConnectionSet, defaultConnections } from './connections.js';
import { tellHooks, type EventOf } from './hooks.js';
import { coreOptions, type WorkerOptions, type WorkerPlace } from './worker-options.js';

/** How long a worker that was told to stop tries to reach its Redis, milliseconds. */
const BOOT_MS = 5_000;

/** Takes jobs from queues of one Redis and runs them (`startWorker`). It works once: afterwards make a new one. */
export class Worker {
  readonly queues: readonly string[];
  readonly #options: WorkerOptions;
  readonly #events = new EventEmitter();
  #started = false;
  /** What it was told before it worked. */
  readonly #early: ((running: RunningWorker) => void)[] = [];
  readonly #boot = new AbortController();
  #running: RunningWorker | null = null;
  #ended: Promise<unknown> = Promise.resolve();
  #log: ((event: WorkerEvent) => void) | null = null;

  constructor(queues: string | readonly string[] = 'default', options: WorkerOptions = {}) {
    this.queues = [...new Set([queues].flat())];
    this.#options = options;
    if (this.queues.length === 0 || this.queues.includes('')) {
      throw new TsrqError('USAGE', 'a worker needs the names of its queues', { hint: "new Worker(['high', 'low'])" });
    }
  }

  /**
   * Runs what is on the queues, and returns when they are empty: whether anything ran. Throws REDIS_UNREACHABLE, NAME_TAKEN,
   * SUSPENDED; BAD_DATA where a queue cannot be read, and NO_PROCESS where no process that runs jobs can be started, when all else is done.
   */
  async work(options: { readonly signal?: AbortSignal } = {}): Promise<boolean> {
    const { reason, jobs } = await this.#run(true, options.signal);
    const queues = this.queues.join(', ');
    if (reason === 'blocked')
      throw new TsrqError('BAD_DATA', `one of the queues ${queues} cannot be read`, {
        hint: '`tsrq doctor` names the key',
      });
    if (reason === 'unable')
      throw new TsrqError('NO_PROCESS', 'no process that runs jobs could be started: jobs went back to their queues', {
        hint: 'the warnings before tell why',
      });
    return jobs > 0;
  }

  /** Runs jobs until `stop()`, a shutdown command or the signal; running jobs end first. Throws as `work`. */
  workForever(options: { readonly signal?: AbortSignal } = {}): Promise<WorkerEnd> {
    return this.#run(false, options.signal);
  }

  /** Warm: takes no more jobs, lets the running ones end. `cold`: ends them at once, and records that. */
  stop({ because = 'stop()', cold = false }: { readonly because?: string; readonly cold?: boolean } = {}): void {
    this.#when((running) => {
      if (cold) running.kill(because);
      else running.stop(because);
    });
    // A Redis that is away is not waited for: nothing has begun.
    if (!this.#running) setTimeout(() => this.#boot.abort(), BOOT_MS).unref();
  }

  /** Takes no new jobs until `unquiet()`; what runs goes on. Before it works: as soon as it does. */
  quiet(): void {
    this.#when((running) => {
      running.quiet();
    });
  }

  /** Takes new jobs again. */
  unquiet(): void {
    this.#when((running) => {
      running.unquiet();
    });
  }

  /** Runs so many jobs at once from now on, 1 or more; those that run go on. Before it works: as soon as it does. Throws USAGE. */
  scale(concurrency: number): void {
    integer('concurrency', concurrency, (value) => value >= 1, 'a number from 1');
    this.#when((running) => {
      running.scale(concurrency);
    });
  }

  /** `await using worker = …`: stops it, and waits until its running jobs have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.stop({ because: 'it is disposed of' });
    await this.#ended;
  }

  /** For subclasses: told of everything that happens, before hooks and listeners, and protected as they are. Does nothing here. */
  protected onEvent(_event: WorkerEvent): unknown {
    return undefined;
  }

  /** Calls `listener` with every event of that type, and does not wait. What it throws, at once or later, becomes an event of type 'warning'. */
  on<Type extends WorkerEvent['type']>(type: Type, listener: (event: EventOf<Type>) => unknown): this {
    this.#events.on(type, listener);
    return this;
  }

  /** Calls that listener no more. */
  off<Type extends WorkerEvent['type']>(type: Type, listener: (event: EventOf<Type>) => unknown): this {
    this.#events.off(type, listener);
    return this;
  }

  #when(act: (running: RunningWorker) => void): void {
    if (this.#running) act(this.#running);
    else this.#early.push(act);
  }

  #run(burst: boolean, signal: AbortSignal | undefined): Promise<WorkerEnd> {
    if (this.#started)
      return Promise.reject(new TsrqError('USAGE', 'this worker has worked already', { hint: 'make a new Worker' }));
    this.#started = true;
    const end = this.#live(burst, signal);
    this.#ended = end.catch(() => undefined);
    return end;
  }

  async #live(burst: boolean, signal: AbortSignal | undefined): Promise<WorkerEnd> {
    signal?.throwIfAborted();
    // Now, not when something was awaited: what was pushed may have been popped by then.
    const place = placeOf(this.#options.connection);
    const onAbort = (): void => this.stop({ because: 'its signal' });
    signal?.addEventListener('abort', onAbort);
    try {
      const { startWorker } = await import('../worker/start.js');
      await this.#openLog();
      const { target, settings } = await this.#look(place);
      const tell = (event: WorkerEvent): void => this.#tell(event);
      const options = coreOptions(this.queues, this.#options, { burst, target, settings, tell });
      this.#running = await startWorker(options, { signal: this.#boot.signal }).catch((error: unknown) => {
        if (this.#boot.signal.aborted) return null;
        throw error;
      });
      for (const act of this.#early) if (this.#running) act(this.#running);
      const end: WorkerEnd = this.#running ? await this.#running.ended : { reason: 'shutdown', jobs: 0 };
      this.#protected(() => this.#options.onDeath?.(end));
      return end;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  async #openLog(): Promise<void> {
    const { logger, logJobDescription = true } = this.#options;
    if (!logger) return;
    const { logEvent } = await import('./logger.js');
    this.#log = (event) => {
      logEvent(logger, event, logJobDescription);
    };
  }

  async #look(place: WorkerPlace): Promise<{ readonly target: RedisTarget; readonly settings: WorkerSettings }> {
    const targets = await Promise.all(this.queues.map((queue) => place.targetOf(queue)));
    const [target] = targets;
    if (!target || new Set(targets.map((other) => JSON.stringify(other))).size > 1) {
      throw new TsrqError('USAGE', `the queues ${this.queues.join(', ')} are on different connections`, {
        hint: 'make one worker for each connection',
      });
    }
    const settings = await place.settings?.();
    if (settings) return { target, settings: settings.worker };
    const { workerSettings } = await import('../config/worker-settings.js');
    return { target, settings: workerSettings({}) };
  }

  #listeners(type: WorkerEvent['type']): ((event: WorkerEvent) => unknown)[] {
    return this.#events.listeners(type) as ((event: WorkerEvent) => unknown)[];
  }

  #tell(event: WorkerEvent): void {
    const call = (work: () => unknown): void => {
      this.#protected(work);
    };
    call(() => this.#log?.(event));
    call(() => this.onEvent(event));
    tellHooks(this.#options, event, call);
    for (const listener of this.#listeners(event.type)) this.#protected(() => listener(event));
  }

  /** Code of the application must not end the worker, neither at once nor by a promise that nobody waits for. */
  #protected(work: () => unknown): void {
    attempt(work, (error) => {
      const message = `a hook or listener of the worker failed: ${error instanceof Error ? error.message : String(error)}`;
      // What fails here was asked to tell of this very failure.
      for (const listener of this.#listeners('warning'))
        attempt(
          () => listener({ type: 'warning', message }),
          () => undefined,
        );
    });
  }
}

/** Calls `work`; what it throws, or its promise is rejected with, is for `onError`. */
function attempt(work: () => unknown, onError: (error: unknown) => void): void {
  try {
    Promise.resolve(work()).catch(onError);
  } catch (error) {
    onError(error);
  }
}

function placeOf(connection: WorkerPlace | string | undefined): WorkerPlace {
  if (typeof connection === 'string') return new ConnectionSet({ url: connection });
  const place: object = connection ?? currentConnections() ?? defaultConnections();
  if ('targetOf' in place) return place as WorkerPlace;
  throw new TsrqError('USAGE', 'a worker opens connections of its own, and it is not known where this one leads', {
    hint: "give it an address: new Worker(['high'], { connection: 'redis://…' }), or a Tsrq",
  });
}

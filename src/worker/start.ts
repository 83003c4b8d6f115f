import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { TsrqError } from '../errors.js';
import { jobConnections } from '../jobs/connections.js';
import { pubsubKey } from '../protocol/keys.js';
import { writeNote, type Note } from '../queue/note.js';
import { isSuspended } from '../queue/suspend.js';
import { BootWatch } from '../redis/boot-watch.js';
import { connect } from '../redis/connect.js';
import type { Redis } from '../redis/redis.js';
import { subscribe } from '../redis/subscribe.js';
import { obey } from './commands.js';
import { published } from './diagnostics.js';
import type { WorkerEnd } from './events.js';
import { Handlers } from './horses/handlers.js';
import { InProcess } from './horses/in-process.js';
import type { RunRequest } from './horses/message.js';
import type { Performer } from './horses/performer.js';
import { HorsePool } from './horses/pool.js';
import { cleanAll, Outages, sweep } from './maintenance.js';
import type { WorkerOptions } from './options.js';
import { Pulse } from './pulse.js';
import { Scheduler } from './scheduler.js';
import { Worker, type WorkerMeasures } from './worker.js';

/** A worker that is registered and takes jobs. */
export interface RunningWorker {
  /** Settles when it has ended and everything it held is released. */
  readonly ended: Promise<WorkerEnd>;
  /** Warm: no more jobs, the running ones end; after the shutdown timeout, if there is one, cold. */
  stop(because: string): void;
  /** Cold: the running jobs are ended at once and recorded. */
  kill(because: string): void;
  /** Takes no new jobs. */
  quiet(): void;
  /** Takes new jobs again. */
  unquiet(): void;
  /** Runs so many jobs at once from now on; those that run go on. */
  scale(concurrency: number): void;
  /** New jobs run fresh code; resolves when it is loaded. */
  reload(): Promise<void>;
  /** One line per running job: for whoever asks what the worker does. `showDescription`: false for ids alone. */
  describe(showDescription: boolean): string[];
  /** Whether it has got on since the last call, see `Pulse`: true at the first. */
  hasPulse(): boolean;
  /**
   * How long what runs may still take, milliseconds: by the longest of the jobs' own limits, and while it stops by the
   * shutdown timeout. A job without a limit does not count, unless there is that timeout.
   */
  remainingMs(): number;
  /** What it has in hand, and the resident memory of each child process, bytes. */
  measure(): Promise<WorkerMeasures & { readonly horseBytes: readonly number[] }>;
}

const SUBSCRIBE_SECONDS = 5;
/** Seconds a worker that may leave waits for a Redis that does not answer. */
const LEAVE_SECONDS = 5;
/** Seconds between looks for what dead workers have left behind. */
const SWEEP_SECONDS = 15;

/**
 * Boots a worker: connects (trying for `connectTimeoutSeconds`, then REDIS_UNREACHABLE), registers, warms up its horses,
 * and begins to take jobs. Throws NAME_TAKEN, and SUSPENDED for a burst worker while RQ is suspended.
 */
export async function startWorker(
  given: WorkerOptions & { readonly connectTimeoutSeconds: number },
): Promise<RunningWorker> {
  const options = { ...given, onEvent: published(given.name, given.onEvent) };
  const boot = new BootWatch(options.connectTimeoutSeconds);
  const outages = new Outages();
  let comeBack: () => void = () => undefined;
  const redis = connect(options.target, {
    role: 'consumer',
    name: options.name,
    onLost: (error) => {
      boot.lost(error);
      if (boot.over) options.onEvent({ type: 'redis-lost', message: error.message });
    },
    onRegained: (afterMs) => {
      if (boot.over) options.onEvent({ type: 'redis-regained', afterMs });
      outages.regained();
      comeBack();
    },
  });
  const performer = createPerformer(options, redis);
  try {
    const worker = new Worker(options, redis, performer);
    const warm = performer.start();
    await boot.within(prepare(redis, options, worker));
    for (const problem of await warm) options.onEvent({ type: 'warning', message: problem });
    comeBack = () => {
      worker.adoptSoon();
      // The leases have not been prolonged for as long as Redis was away.
      void worker.beat().catch(() => undefined);
    };
    return await live(options, { redis, performer, worker, outages });
  } catch (error) {
    await performer.stop();
    redis.close();
    throw error;
  } finally {
    boot.end();
  }
}

async function prepare(redis: Redis, options: WorkerOptions, worker: Worker): Promise<void> {
  if (options.burst && (await isSuspended(redis))) {
    throw new TsrqError('SUSPENDED', 'RQ is suspended: no job would be started', { hint: 'run `tsrq resume` first' });
  }
  const memory = await redis.call(['INFO', 'memory']).catch(() => '');
  const policy = /^maxmemory_policy:(\S+)/m.exec(String(memory))?.[1];
  if (policy !== undefined && policy !== 'noeviction') {
    const message = `Redis may evict jobs when its memory is full: maxmemory-policy is ${policy}, it should be noeviction`;
    options.onEvent({ type: 'warning', message });
  }
  await worker.register();
}

function createPerformer(options: WorkerOptions, redis: Redis): Performer {
  const note = async (run: RunRequest, what: Note): Promise<void> => {
    if (!(await writeNote(redis, run, what))) {
      throw new Error(`the meta of job ${run.id} was not saved: this execution of it is over`);
    }
  };
  if (options.performer) return options.performer(note);
  if (options.isolation === 'none') {
    return new InProcess(new Handlers(options.sources, options.handlers), note, jobConnections(options.target));
  }
  const { target, sources, jobsPerHorse, maxJobsPerHorse, maxMemoryBytes, onStderr } = options;
  return new HorsePool({ target, sources, jobsPerHorse, maxJobsPerHorse, maxMemoryBytes, onStderr, note });
}

interface Parts {
  readonly redis: Redis;
  readonly performer: Performer;
  readonly worker: Worker;
  readonly outages: Outages;
}

async function live(options: WorkerOptions, { redis, performer, worker, outages }: Parts): Promise<RunningWorker> {
  const queues = options.queues.map((queue) => queue.name);
  const token = `${options.name}:${randomUUID()}`;
  const rounds = new Rounds((message) => {
    options.onEvent({ type: 'warning', message });
  });
  const commands = subscribe(options.target, {
    channel: pubsubKey(options.name),
    name: options.name,
    onMessage: (message) => {
      obey(message, worker, options.onEvent);
    },
  });
  // Ready means that commands are heard; but a worker without ears is better than none.
  await Promise.race([commands.ready, sleep(SUBSCRIBE_SECONDS * 1_000, undefined, { ref: false })]);
  void rounds.every(options.monitoringIntervalSeconds, () => worker.beat());
  const scheduler = options.withScheduler ? new Scheduler(redis, queues) : null;
  const prepared = [
    rounds.every(
      SWEEP_SECONDS,
      async () => sweep(redis, { queues, settled: await outages.settled(redis) }, options.onEvent),
      'at once',
    ),
    ...(scheduler ? [rounds.every(1, () => scheduler.runOnce(), 'at once')] : []),
  ];
  // A burst worker may be gone before that is done.
  if (options.burst) await Promise.all(prepared);
  void rounds.every(
    options.maintenanceIntervalSeconds,
    () => cleanAll(redis, queues, token, options.onEvent),
    'at once',
  );
  void rounds.every(1, () => worker.tick());
  let patience = LEAVE_SECONDS;
  void rounds.every(1, () => {
    if (worker.mayLeave) patience -= 1;
    if (patience === 0) redis.close();
    return Promise.resolve();
  });

  const { name, concurrency } = options;
  options.onEvent({ type: 'ready', name, pid: process.pid, queues, concurrency, redis: redis.description });
  const ended = worker.work().finally(async () => {
    rounds.end();
    commands.close();
    await scheduler?.release().catch(() => undefined);
    await performer.stop();
    redis.close();
  });
  return control(options, worker, performer, ended);
}

function control(
  options: WorkerOptions,
  worker: Worker,
  performer: Performer,
  ended: Promise<WorkerEnd>,
): RunningWorker {
  const goCold = new AbortController();
  const pulse = new Pulse(worker);
  let coldAt = Infinity;
  void ended
    .catch(() => undefined)
    .finally(() => {
      goCold.abort();
    });
  return {
    ended,
    stop: (because) => {
      if (worker.ending) return;
      const seconds = options.shutdownTimeoutSeconds;
      if (seconds !== null) coldAt = performance.now() + seconds * 1_000;
      worker.stop('shutdown', because);
      if (seconds === null) return;
      sleep(seconds * 1_000, undefined, { signal: goCold.signal }).then(
        () => {
          worker.kill(`the shutdown timeout of ${seconds} s is over`);
        },
        () => undefined,
      );
    },
    kill: (because) => {
      worker.kill(because);
    },
    quiet: () => {
      worker.quiet();
    },
    unquiet: () => {
      worker.unquiet();
    },
    scale: (concurrency) => {
      worker.scale(concurrency);
    },
    reload: async () => {
      const loaded = performer.reload();
      options.onEvent({ type: 'reloaded' });
      for (const problem of await loaded) options.onEvent({ type: 'warning', message: problem });
    },
    describe: (showDescription) =>
      worker.runs.map(({ job: { queue, description, id } }) =>
        showDescription ? `${queue}: ${description ?? ''} (${id})` : `${queue}: ${id}`,
      ),
    hasPulse: () => pulse.look(),
    remainingMs: () => {
      const untilCold = coldAt - performance.now();
      return Math.max(0, ...worker.runs.map((run) => Math.min(run.remainingMs, untilCold)).filter(Number.isFinite));
    },
    measure: async () => ({ ...worker.measures, horseBytes: await performer.memory() }),
  };
}

/** Things to do again and again: never two rounds of one at once, and one that fails is reported once while it fails. */
class Rounds {
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #warn: (message: string) => void;
  #ended = false;

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  /** Returns the end of the round that is made at once. */
  every(seconds: number, work: () => Promise<unknown>, start: 'at once' | 'later' = 'later'): Promise<void> {
    let busy = false;
    let failing = false;
    const round = async (): Promise<void> => {
      if (busy || this.#ended) return;
      busy = true;
      try {
        await work();
        failing = false;
      } catch (error) {
        if (!failing && !this.#ended)
          this.#warn(`a round of upkeep failed: ${error instanceof Error ? error.message : String(error)}`);
        failing = true;
      }
      busy = false;
    };
    this.#timers.push(setInterval(() => void round(), seconds * 1_000));
    return start === 'at once' ? round() : Promise.resolve();
  }

  end(): void {
    this.#ended = true;
    for (const timer of this.#timers) clearInterval(timer);
  }
}

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { LONGEST_TIMER_MS } from '../clock.js';
import { TsrqError } from '../errors.js';
import { pubsubKey } from '../protocol/keys.js';
import type { Abandoned } from '../queue/abandoned.js';
import { writeNote, type Note } from '../queue/note.js';
import { isSuspended } from '../queue/suspend.js';
import { BootWatch } from '../redis/boot-watch.js';
import { connect } from '../redis/connect.js';
import type { Redis } from '../redis/redis.js';
import type { RedisTarget } from '../redis/target.js';
import { subscribe } from '../redis/subscribe.js';
import { obey } from './commands.js';
import type { Crew } from './crew.js';
import { published } from './diagnostics.js';
import type { WorkerEnd } from './events.js';
import { createPerformer } from './horses/create.js';
import type { RunRequest } from './horses/message.js';
import type { Performer } from './horses/performer.js';
import { LateCallbacks } from './late-callbacks.js';
import { cleanAll, Outages, sweep } from './maintenance.js';
import type { WorkerOptions } from './options.js';
import { Pulse } from './pulse.js';
import { Rounds } from './rounds.js';
import { Scheduler } from './scheduler.js';
import { Unscheduled } from './unscheduled.js';
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
  /** New jobs run fresh code; resolves when it is loaded. `because`: what was changed, if that is known. */
  reload(because?: string): Promise<void>;
  /** One line per running job: for whoever asks what the worker does. `showDescription`: false for ids alone. */
  describe(showDescription: boolean): string[];
  /** Of its Redis servers those with which it has not got on since the last call, see `Pulse`: none at the first. */
  silent(): readonly RedisTarget[];
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
/** The same for one that holds ends of jobs: about as long as nobody else may end them. */
const RECORD_SECONDS = 60;
/** Seconds between looks for what dead workers have left behind. */
const SWEEP_SECONDS = 15;
/** Seconds between looks for due jobs that no scheduler moves. */
const LOOK_AT_SCHEDULE_SECONDS = 10;

export type StartOptions = WorkerOptions & { readonly connectTimeoutSeconds: number };

/**
 * Boots a worker: connects (trying for `connectTimeoutSeconds`, then REDIS_UNREACHABLE), registers, warms up its horses,
 * and begins to take jobs. `signal` ends the attempt, with CLOSED. Throws NAME_TAKEN, and SUSPENDED for a burst worker while RQ is suspended.
 */
export async function startWorker(
  options: StartOptions,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<RunningWorker> {
  return (await bootWorker(options, signal ? { signal } : {})).begin();
}

/** A worker that is registered and has not begun to take jobs: one of the two is called. */
export interface BootedWorker {
  /** What tells its Redis from others, where that may be asked; null without a crew. */
  readonly server: string | null;
  begin(): Promise<RunningWorker>;
  /** Takes back its registration. */
  abandon(): Promise<void>;
}

/** The first half of `startWorker`. `crew`: those it shares its slots with. `signal` ends the attempt, with CLOSED. */
export async function bootWorker(
  given: StartOptions,
  { crew = null, signal }: { readonly crew?: Crew | null; readonly signal?: AbortSignal } = {},
): Promise<BootedWorker> {
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
  const performer = performerOf(options, redis);
  const close = async (): Promise<void> => {
    await performer.stop();
    redis.close();
  };
  const giveUp = (): void => {
    redis.close();
  };
  signal?.addEventListener('abort', giveUp);
  try {
    signal?.throwIfAborted();
    const worker = new Worker(options, redis, performer, crew);
    const warm = performer.start();
    let server: string | null = null;
    const prepared = async (): Promise<void> => {
      if (crew) server = await identityOf(redis, options.target);
      await prepare(redis, options, worker);
    };
    await boot.within(prepared(), redis.description);
    for (const problem of await warm) options.onEvent({ type: 'warning', message: problem });
    comeBack = () => {
      worker.adoptSoon();
      // The leases have not been prolonged for as long as Redis was away.
      void worker.beat().catch(() => undefined);
    };
    return {
      server,
      begin: () =>
        live(options, { redis, performer, worker, crew, outages }).catch(async (error: unknown) => {
          await close();
          throw error;
        }),
      abandon: async () => {
        const gone = worker.unregister().catch(() => undefined);
        await Promise.race([gone, sleep(LEAVE_SECONDS * 1_000, undefined, { ref: false })]);
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  } finally {
    boot.end();
    signal?.removeEventListener('abort', giveUp);
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

async function identityOf(redis: Redis, { db }: RedisTarget): Promise<string | null> {
  const info = await redis.call(['INFO', 'server']).catch(() => '');
  const id = /^run_id:(\S+)/m.exec(String(info))?.[1];
  return id === undefined ? null : `${id}/${db}`;
}

function performerOf(options: WorkerOptions, redis: Redis): Performer {
  const note = async (run: RunRequest, what: Note): Promise<void> => {
    if (!(await writeNote(redis, run, what))) {
      throw new Error(`the meta of job ${run.id} was not saved: this execution of it is over`);
    }
  };
  const warn = (message: string): void => {
    options.onEvent({ type: 'warning', message });
  };
  return options.performer?.(note) ?? createPerformer(options, [options.target], { note, warn });
}

interface Parts {
  readonly redis: Redis;
  readonly performer: Performer;
  readonly worker: Worker;
  readonly crew: Crew | null;
  readonly outages: Outages;
}

async function live(
  options: WorkerOptions,
  { redis, performer, worker, crew, outages }: Parts,
): Promise<RunningWorker> {
  const queues = options.queues.map((queue) => queue.name);
  const token = `${options.name}:${randomUUID()}`;
  const rounds = new Rounds((message) => {
    options.onEvent({ type: 'warning', message });
  });
  const commands = subscribe(options.target, {
    channel: pubsubKey(options.name),
    name: options.name,
    onMessage: (message) => {
      obey(message, { worker: crew ?? worker, here: worker.runs }, options.onEvent);
    },
  });
  // Ready means that commands are heard; but a worker without ears is better than none.
  await Promise.race([commands.ready, sleep(SUBSCRIBE_SECONDS * 1_000, undefined, { ref: false })]);
  void rounds.every(options.monitoringIntervalSeconds, () => worker.beat());
  const scheduler = options.withScheduler ? new Scheduler(redis, queues) : null;
  const late = new LateCallbacks({ redis, performer, workerName: options.name, tell: options.onEvent });
  const onAbandoned = (queue: string, job: Abandoned): void => {
    late.add(queue, job);
  };
  const unscheduled = new Unscheduled(queues, options.onEvent);
  const prepared = [
    rounds.every(
      SWEEP_SECONDS,
      async () => sweep(redis, { queues, settled: await outages.settled(redis), onAbandoned }, options.onEvent),
      'at once',
    ),
    scheduler
      ? rounds.every(1, () => scheduler.runOnce(), 'at once')
      : rounds.every(LOOK_AT_SCHEDULE_SECONDS, () => unscheduled.look(redis), 'at once'),
  ];
  // A burst worker may be gone before that is done.
  if (options.burst) await Promise.all(prepared);
  void rounds.every(
    options.maintenanceIntervalSeconds,
    () => cleanAll(redis, queues, token, options.onEvent),
    'at once',
  );
  void rounds.every(1, () => worker.tick());
  let waited = 0;
  void rounds.every(1, () => {
    if (worker.mayLeave) waited += 1;
    if (waited >= (worker.mustRecord ? RECORD_SECONDS : LEAVE_SECONDS)) {
      rounds.end();
      redis.close();
    }
    return Promise.resolve();
  });

  const { name, concurrency } = options;
  options.onEvent({ type: 'ready', name, pid: process.pid, queues, concurrency, redis: redis.description });
  const ended = worker.work().finally(async () => {
    rounds.end();
    commands.close();
    await scheduler?.release().catch(() => undefined);
    await late.settled();
    await performer.stop();
    redis.close();
  });
  return control(options, { worker, performer, late, ended });
}

interface Controlled {
  readonly worker: Worker;
  readonly performer: Performer;
  readonly late: LateCallbacks;
  readonly ended: Promise<WorkerEnd>;
}

function control(options: WorkerOptions, { worker, performer, late, ended }: Controlled): RunningWorker {
  const goCold = new AbortController();
  const pulse = new Pulse(worker);
  let coldAt = Infinity;
  const kill = (because: string): void => {
    worker.kill(because);
    late.giveUp();
  };
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
      sleep(Math.min(LONGEST_TIMER_MS, seconds * 1_000), undefined, { signal: goCold.signal }).then(
        () => {
          kill(`the shutdown timeout of ${seconds} s is over`);
        },
        () => undefined,
      );
    },
    kill,
    quiet: () => {
      worker.quiet();
    },
    unquiet: () => {
      worker.unquiet();
    },
    scale: (concurrency) => {
      worker.scale(concurrency);
    },
    reload: async (because) => {
      // Nothing new begins then, and what is started now nobody would end.
      if (worker.ending) return;
      const loaded = performer.reload();
      options.onEvent({ type: 'reloaded', because: because ?? null });
      for (const problem of await loaded) options.onEvent({ type: 'warning', message: problem });
    },
    describe: (showDescription) =>
      worker.runs.map(({ job: { queue, description, id } }) =>
        showDescription ? `${queue}: ${description ?? ''} (${id})` : `${queue}: ${id}`,
      ),
    silent: () => (pulse.look() ? [] : [options.target]),
    remainingMs: () => {
      const untilCold = coldAt - performance.now();
      return Math.max(0, ...worker.runs.map((run) => Math.min(run.remainingMs, untilCold)).filter(Number.isFinite));
    },
    measure: async () => ({ ...worker.measures, horseBytes: await performer.memory() }),
  };
}

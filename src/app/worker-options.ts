import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import type { Settings, WorkerSettings } from '../config/settings.js';
import { TsrqError } from '../errors.js';
import { integer, usage } from '../queue/check.js';
import { durability } from '../redis/durable.js';
import type { RedisTarget } from '../redis/target.js';
import { VERSION } from '../version.js';
import type { WorkerEvent } from '../worker/events.js';
import type { WorkerOptions as CoreOptions } from '../worker/options.js';
import { seconds, type Duration } from './options.js';
import type { WorkerHooks } from './hooks.js';
import type { Logger } from './logger.js';

/** Something that knows where queues are and how workers are set: a `Tsrq`. */
export interface WorkerPlace {
  /** Where the Redis of a queue is. */
  targetOf(queue: string): Promise<RedisTarget>;
  /** Default: what `tsrq worker` begins with. */
  settings?(): Promise<Settings>;
}

/** What is not said is as the configuration of the connection has it, which begins with the defaults of `tsrq worker`. */
export interface WorkerOptions extends WorkerHooks {
  /** A `Tsrq` or a URL; default as for queues. A client will not do: a worker opens connections of its own. */
  readonly connection?: WorkerPlace | string;
  /** Default 32 random hexadecimal digits. */
  readonly name?: string;
  /** Jobs at once; default 1. */
  readonly concurrency?: number;
  /** 'process' (default): jobs run in child processes. 'none': in this process, without protection from them. */
  readonly isolation?: 'process' | 'none';
  /** Modules that define jobs. */
  readonly jobs?: string | readonly string[];
  /** Directories in which `app.mail.send` is looked up; default the working directory. */
  readonly path?: string | readonly string[];
  /** No lookup by module and export. */
  readonly onlyRegistered?: boolean;
  /** Functions by name, run in this process: means `isolation: 'none'`. */
  readonly handlers?: CoreOptions['handlers'];
  /** Runs the jobs by means of your own. */
  readonly performer?: CoreOptions['performer'];
  readonly strategy?: CoreOptions['strategy'];
  /** Shares of queues under the strategy 'weighted'; default 1. */
  readonly weights?: Readonly<Record<string, number>>;
  /** On how many replicas the end of a job must be; default: that is not waited for. */
  readonly durable?: number | null;
  readonly claimAhead?: boolean;
  readonly jobsPerHorse?: number;
  readonly maxJobsPerHorse?: number | null;
  readonly maxMemoryBytes?: number | null;
  readonly maxJobs?: number | null;
  readonly maxIdle?: Duration | null;
  readonly defaultTimeout?: Duration;
  readonly resultTtl?: Duration;
  readonly workerTtl?: Duration;
  readonly monitoringInterval?: Duration;
  readonly maintenanceInterval?: Duration;
  /** How long `stop()` waits for running jobs before they are ended; default for ever. */
  readonly shutdownTimeout?: Duration | null;
  /** How long Redis may take to answer at the start; default 10 s. */
  readonly connectTimeout?: Duration;
  /** Also puts scheduled jobs on their queues. */
  readonly withScheduler?: boolean;
  /** Gets what `tsrq worker` logs, line by line; default: nothing is logged. */
  readonly logger?: Logger;
  /** False: descriptions of jobs, and with them their arguments, are left out of the log. */
  readonly logJobDescription?: boolean;
  /** Output of the child processes; default this process's stderr. */
  readonly onStderr?: (chunk: Buffer) => void;
}

export interface Surroundings {
  readonly burst: boolean;
  readonly target: RedisTarget;
  readonly settings: WorkerSettings;
  readonly tell: (event: WorkerEvent) => void;
}

/** All that `startWorker` wants to know: the options, and for what they do not say the settings. Throws USAGE for numbers that do not fit. */
export function coreOptions(
  queues: readonly string[],
  options: WorkerOptions,
  { burst, target, settings, tell }: Surroundings,
): CoreOptions & { readonly connectTimeoutSeconds: number } {
  const { handlers, performer } = options;
  if (handlers && options.isolation === 'process') {
    throw new TsrqError('USAGE', 'handlers are functions of this process: child processes do not have them', {
      hint: "leave out isolation, or name the modules that define them: jobs: 'dist/jobs.js'",
    });
  }
  check(options);
  const replicas = given(options.durable, settings.durable);
  const isolation = options.isolation ?? (handlers ? 'none' : settings.isolation);
  const maxIdleSeconds = orNull(options.maxIdle, settings.maxIdleSeconds);
  return {
    // The configuration's name is a template for several processes, of which this is none.
    name: options.name ?? randomBytes(16).toString('hex'),
    version: VERSION,
    target,
    queues: queues.map((name) => ({
      name,
      weight: options.weights?.[name] ?? 1,
      limits: settings.limits.get(name) ?? '',
    })),
    strategy: options.strategy ?? settings.dequeueStrategy,
    concurrency: options.concurrency ?? settings.concurrency,
    claimAhead: options.claimAhead ?? settings.claimAhead,
    isolation,
    sources: {
      jobFiles: paths(options.jobs ?? settings.jobs),
      roots: paths(options.path ?? settings.path),
      onlyRegistered: options.onlyRegistered ?? settings.onlyRegistered,
    },
    ...(handlers ? { handlers } : {}),
    ...(performer ? { performer } : {}),
    jobsPerHorse: options.jobsPerHorse ?? settings.jobsPerHorse,
    maxJobsPerHorse: given(options.maxJobsPerHorse, settings.maxJobsPerHorse),
    maxMemoryBytes: given(options.maxMemoryBytes, settings.maxMemoryBytes),
    durability: replicas === null ? null : durability(replicas),
    burst,
    maxJobs: given(options.maxJobs, settings.maxJobs),
    maxIdleSeconds: burst ? null : maxIdleSeconds,
    defaultTimeoutSeconds: orElse(options.defaultTimeout, settings.defaultTimeoutSeconds),
    resultTtlSeconds: orElse(options.resultTtl, settings.resultTtlSeconds),
    workerTtlSeconds: orElse(options.workerTtl, settings.workerTtlSeconds),
    monitoringIntervalSeconds: orElse(options.monitoringInterval, settings.monitoringIntervalSeconds),
    maintenanceIntervalSeconds: orElse(options.maintenanceInterval, settings.maintenanceIntervalSeconds),
    shutdownTimeoutSeconds: orNull(options.shutdownTimeout, settings.shutdownTimeoutSeconds),
    connectTimeoutSeconds: orElse(options.connectTimeout, settings.connectTimeoutSeconds),
    withScheduler: options.withScheduler ?? settings.withScheduler,
    onEvent: tell,
    onStderr: options.onStderr ?? ((chunk) => process.stderr.write(chunk)),
  };
}

const COUNTS = ['concurrency', 'jobsPerHorse', 'maxJobsPerHorse', 'maxMemoryBytes', 'maxJobs', 'durable'] as const;
const SPANS = [
  'maxIdle',
  'defaultTimeout',
  'workerTtl',
  'monitoringInterval',
  'maintenanceInterval',
  'shutdownTimeout',
  'connectTimeout',
] as const;

function check(options: WorkerOptions): void {
  for (const name of COUNTS) integer(name, options[name] ?? undefined, (value) => value > 0, 'a whole number above 0');
  for (const name of SPANS) {
    const span = options[name];
    if (span != null && !(seconds(span) > 0)) throw usage(`${name} is ${span}: a time above 0 is needed`);
  }
  const resultTtl = options.resultTtl === undefined ? undefined : seconds(options.resultTtl);
  integer('resultTtl', resultTtl, (value) => value >= -1, 'a whole number of seconds, 0 or -1');
  for (const [queue, weight] of Object.entries(options.weights ?? {}))
    if (!(weight > 0)) throw usage(`the weight of queue '${queue}' is ${weight}: a number above 0 is needed`);
}

const paths = (given: string | readonly string[]): string[] => [given].flat().map((path) => resolve(path));
const given = <T>(value: T | null | undefined, otherwise: T | null): T | null =>
  value === undefined ? otherwise : value;
const orElse = (value: Duration | undefined, otherwise: number): number =>
  value === undefined ? otherwise : seconds(value);
const orNull = (value: Duration | null | undefined, otherwise: number | null): number | null =>
  value === undefined ? otherwise : value === null ? null : seconds(value);

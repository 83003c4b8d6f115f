import type { RedisTarget } from '../redis/target.js';
import type { FileConfig } from './schema.js';

/** Every option of a worker; null where there is no limit. */
export interface WorkerSettings {
  readonly concurrency: number;
  readonly isolation: 'process' | 'none';
  readonly jobsPerHorse: number;
  readonly maxJobsPerHorse: number | null;
  readonly maxMemoryBytes: number | null;
  readonly dequeueStrategy: 'ordered' | 'round_robin' | 'random' | 'weighted';
  readonly maxJobs: number | null;
  readonly maxIdleSeconds: number | null;
  readonly jobs: readonly string[];
  readonly path: readonly string[];
  readonly onlyRegistered: boolean;
  /** Names of functions that are told of jobs that did not succeed. */
  readonly exceptionHandlers: readonly string[];
  readonly name: string | null;
  readonly withScheduler: boolean;
  readonly defaultTimeoutSeconds: number;
  readonly resultTtlSeconds: number;
  readonly workerTtlSeconds: number;
  readonly maintenanceIntervalSeconds: number;
  readonly monitoringIntervalSeconds: number;
  readonly shutdownTimeoutSeconds: number | null;
  readonly connectTimeoutSeconds: number;
  readonly claimAhead: boolean;
  /** How many jobs of a queue may begin, by queue: `10/s`, `5` at once, several with blanks between. */
  readonly limits: ReadonlyMap<string, string>;
  /** On how many replicas the end of a job must be; null: that is not waited for. */
  readonly durable: number | null;
  readonly burst: boolean;
  /** New jobs run fresh code when files of handlers have changed. */
  readonly watch: boolean;
  readonly logJobDescription: boolean;
  readonly pidFile: string | null;
  /** `HOST:PORT` */
  readonly metricsAddress: string | null;
}

/** What the command line gives; only what was given is there. */
export interface FlagValues {
  readonly url: string;
  readonly config: string;
  readonly connection: string;
  readonly verbose: boolean;
  readonly quiet: boolean;
  readonly queues: readonly string[];
  /** Under the names of the configuration file. */
  readonly worker: NonNullable<FileConfig['worker']>;
  readonly loggingLevel: string;
  readonly logFormat: string;
}

export interface Entry {
  /** `worker.concurrency` */
  readonly path: string;
  /** Secrets are masked. */
  readonly value: unknown;
  /** 'default', the name of a variable, a flag, or the file. */
  readonly source: string;
}

/** A connection of the configuration. */
export interface NamedConnection {
  readonly name: string;
  readonly target: RedisTarget;
}

/** The effective configuration. */
export interface Settings {
  /** The default connection. */
  readonly target: RedisTarget;
  readonly connections: Readonly<Record<string, RedisTarget>>;
  readonly queues: readonly string[];
  readonly worker: WorkerSettings;
  readonly log: {
    readonly level: 'debug' | 'info' | 'warning' | 'error';
    readonly format: 'auto' | 'pretty' | 'json' | 'logfmt';
  };
  readonly configFile: string | null;
  /** Where the Redis of a queue is. */
  targetOf(queue: string): RedisTarget;
  /** The name of the connection of a queue. */
  connectionNameOf(queue: string): string;
  /** The default connection and all that queues are mapped to, each once. */
  usedConnections(): readonly NamedConnection[];
  /** Every effective value with its source, sorted by path. */
  entries(): readonly Entry[];
}

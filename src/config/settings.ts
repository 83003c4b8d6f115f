import type { RedisTarget } from '../redis/target.js';

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
  readonly name: string | null;
  readonly withScheduler: boolean;
  readonly defaultTimeoutSeconds: number;
  readonly resultTtlSeconds: number;
  readonly workerTtlSeconds: number;
  readonly maintenanceIntervalSeconds: number;
  readonly monitoringIntervalSeconds: number;
  readonly shutdownTimeoutSeconds: number | null;
  readonly connectTimeoutSeconds: number;
  readonly serializer: 'json' | 'pickle';
  readonly burst: boolean;
  readonly logJobDescription: boolean;
  readonly pidFile: string | null;
  readonly watch: boolean;
}

/** What the command line gives; only what was given is there. */
export interface FlagValues {
  readonly url: string;
  readonly config: string;
  readonly connection: string;
  readonly verbose: boolean;
  readonly quiet: boolean;
  readonly queues: readonly string[];
  readonly worker: Partial<WorkerSettings>;
  readonly loggingLevel: string;
  readonly logFormat: string;
}

/** The effective configuration. */
export interface Settings {
  readonly target: RedisTarget;
  readonly connections: Readonly<Record<string, RedisTarget>>;
  readonly queues: readonly string[];
  readonly worker: WorkerSettings;
  readonly log: { readonly level: 'debug' | 'info' | 'warning' | 'error'; readonly format: 'auto' | 'pretty' | 'json' | 'logfmt' };
  readonly configFile: string | null;
  targetOf(queue: string): RedisTarget;
  connectionNameOf(queue: string): string;
  usedConnections(): readonly { readonly name: string; readonly target: RedisTarget }[];
  entries(): readonly { readonly path: string; readonly value: unknown; readonly source: string }[];
}

import { limitsByQueue } from './limits.js';
import type { FileConfig } from './schema.js';
import type { WorkerSettings } from './settings.js';

type WorkerConfig = NonNullable<FileConfig['worker']>;
type CompleteWorkerConfig = { readonly [K in keyof WorkerConfig]-?: Exclude<WorkerConfig[K], undefined> };

/** What holds where no source says anything. */
export const DEFAULTS = {
  queues: ['default'],
  worker: {
    concurrency: 1,
    isolation: 'process',
    jobsPerHorse: 1,
    maxJobsPerHorse: null,
    maxMemory: null,
    dequeueStrategy: 'ordered',
    maxJobs: null,
    maxIdleTime: null,
    jobs: [],
    path: ['.'],
    onlyRegistered: false,
    exceptionHandler: [],
    name: null,
    withScheduler: false,
    defaultTimeout: 180,
    resultsTtl: 500,
    workerTtl: 420,
    maintenanceInterval: 600,
    jobMonitoringInterval: 30,
    shutdownTimeout: null,
    connectTimeout: 10,
    serializer: 'json',
    claimAhead: true,
    limit: [],
    durable: null,
    burst: false,
    watch: false,
    disableJobDescLogging: false,
    pid: null,
    metrics: null,
  },
  log: { level: 'info', format: 'auto' },
} as const satisfies { readonly [K in keyof FileConfig]?: unknown };

/** The worker's section in the form the worker takes it. */
export function workerSettings(given: WorkerConfig): WorkerSettings {
  const config = { ...DEFAULTS.worker, ...given } as CompleteWorkerConfig;
  return {
    concurrency: config.concurrency,
    isolation: config.isolation,
    jobsPerHorse: config.jobsPerHorse,
    maxJobsPerHorse: config.maxJobsPerHorse,
    maxMemoryBytes: config.maxMemory === null ? null : parseSize(config.maxMemory),
    dequeueStrategy: strategy(config.dequeueStrategy),
    maxJobs: config.maxJobs,
    maxIdleSeconds: config.maxIdleTime,
    jobs: config.jobs,
    path: config.path,
    onlyRegistered: config.onlyRegistered,
    exceptionHandlers: config.exceptionHandler,
    name: config.name,
    withScheduler: config.withScheduler,
    defaultTimeoutSeconds: config.defaultTimeout,
    resultTtlSeconds: config.resultsTtl,
    workerTtlSeconds: config.workerTtl,
    maintenanceIntervalSeconds: config.maintenanceInterval,
    monitoringIntervalSeconds: config.jobMonitoringInterval,
    shutdownTimeoutSeconds: config.shutdownTimeout,
    connectTimeoutSeconds: config.connectTimeout,
    claimAhead: config.claimAhead,
    limits: limitsByQueue(config.limit),
    durable: config.durable,
    burst: config.burst,
    watch: config.watch,
    logJobDescription: !config.disableJobDescLogging,
    pidFile: config.pid,
    metricsAddress: config.metrics,
  };
}

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** Bytes of `512M`, `1.5G`, `1048576`; NaN for anything else. */
export function parseSize(size: string | number): number {
  const match = /^(\d+(?:\.\d+)?)\s*([KMG]?)(?:i?B)?$/i.exec(String(size));
  return match ? Math.round(Number(match[1]) * (UNITS[(match[2] ?? '').toUpperCase()] ?? NaN)) : NaN;
}

function strategy(name: CompleteWorkerConfig['dequeueStrategy']): WorkerSettings['dequeueStrategy'] {
  if (name === 'default') return 'ordered';
  return name === 'round-robin' ? 'round_robin' : name;
}

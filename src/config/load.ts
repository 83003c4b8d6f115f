import type { FlagValues, Settings, WorkerSettings } from './settings.js';
/** Stand-in until the config layer lands. */
export async function loadSettings({ flags, env }: { flags: Partial<FlagValues>; env: NodeJS.ProcessEnv; cwd: string }): Promise<Settings> {
  const u = new URL(flags.url ?? env['TSRQ_REDIS_URL'] ?? env['REDIS_URL'] ?? 'redis://127.0.0.1:6379/0');
  const target = { kind: 'tcp' as const, host: u.hostname, port: Number(u.port || 6379), db: Number(u.pathname.slice(1) || 0), ...(u.password ? { password: u.password } : {}) };
  const worker: WorkerSettings = { concurrency: 1, isolation: 'process', jobsPerHorse: 1, maxJobsPerHorse: null, maxMemoryBytes: null, dequeueStrategy: 'ordered', maxJobs: null, maxIdleSeconds: null, jobs: [], path: ['.'], onlyRegistered: false, name: null, withScheduler: false, defaultTimeoutSeconds: 180, resultTtlSeconds: 500, workerTtlSeconds: 420, maintenanceIntervalSeconds: 600, monitoringIntervalSeconds: 30, shutdownTimeoutSeconds: null, connectTimeoutSeconds: 10, serializer: 'json', burst: false, logJobDescription: true, pidFile: null, watch: false, ...flags.worker };
  return { target, connections: {}, queues: flags.queues ?? ['default'], worker, log: { level: flags.verbose ? 'debug' : 'info', format: 'auto' }, configFile: null, targetOf: () => target, connectionNameOf: () => 'default', usedConnections: () => [{ name: 'default', target }], entries: () => [] };
}

/**
 * Every key name of RQ, in one place (RQ 2.x; fixed strings, there is no configurable prefix).
 * The Lua scripts build the same names; `test/unit/protocol/keys.test.ts` holds both against real RQ's keys.
 */
export const QUEUES_KEY = 'rq:queues';
export const WORKERS_KEY = 'rq:workers';
export const SUSPENDED_KEY = 'rq:suspended';
/** RQ 3's: the names of all rate limits. */
export const RATE_LIMITS_KEY = 'rq:rl-keys';
export const GROUPS_KEY = 'rq:groups';

/** The ids of the jobs of a group. */
export const groupKey = (group: string): string => `rq:group:${group}`;
export const CRON_SCHEDULERS_KEY = 'rq:cron_schedulers';
/** RQ 2.12: the names of cron jobs. */
export const CRON_JOBS_KEY = 'rq:cron_jobs';

export const queueKey = (queue: string): string => `rq:queue:${queue}`;
export const intermediateKey = (queue: string): string => `rq:queue:${queue}:intermediate`;
export const jobKey = (id: string): string => `rq:job:${id}`;
export const dependentsKey = (id: string): string => `rq:job:${id}:dependents`;
/** Two colons after `job`: RQ's own spelling. */
export const dependenciesKey = (id: string): string => `rq:job::${id}:dependencies`;
export const resultsKey = (id: string): string => `rq:results:${id}`;
/** When maintenance first saw the job in the intermediate list; it expires by itself. */
export const firstSeenKey = (queue: string, id: string): string => `rq:queue:${queue}:intermediate:first_seen:${id}`;
export const executionsKey = (id: string): string => `rq:executions:${id}`;
export const executionKey = (id: string, execution: string): string => `rq:execution:${id}:${execution}`;
export const workerKey = (name: string): string => `rq:worker:${name}`;
export const queueWorkersKey = (queue: string): string => `rq:workers:${queue}`;
export const pubsubKey = (worker: string): string => `rq:pubsub:${worker}`;
export const maintenanceLockKey = (queue: string): string => `rq:clean_registries:${queue}`;
export const schedulerLockKey = (queue: string): string => `rq:scheduler-lock:${queue}`;
export const schedulerKey = (name: string): string => `rq:scheduler:${name}`;
export const cronSchedulerKey = (name: string): string => `rq:cron_scheduler:${name}`;
/** RQ 2.12: the ids of the jobs of a cron job. */
export const cronJobsKey = (name: string): string => `rq:cron_job:${name}:jobs`;

/** The registries, by the name RQ uses for them in keys; `wip` is the registry of started jobs. */
export const REGISTRIES = ['wip', 'finished', 'failed', 'deferred', 'scheduled', 'canceled'] as const;
export type RegistryName = (typeof REGISTRIES)[number];
export const registryKey = (registry: RegistryName, queue: string): string => `rq:${registry}:${queue}`;

/** RQ 3's: how many jobs of a rate limit may be queued or run; those that may; those that wait. */
export const rateLimitKey = (name: string): string => `rq:rl:${name}`;
export const allowedKey = (name: string): string => `rq:rl:${name}:allowed`;
export const rateLimitedKey = (name: string): string => `rq:rl:${name}:rate_limited`;

/** tsrq's own: when jobs of a queue with a limit in a second, minute or hour (`s`, `m`, `h`) began. */
export const startsKey = (unit: string, queue: string): string => `rq:tsrq:limit:${unit}:${queue}`;
/** tsrq's own: paused queues, each until a moment in seconds since the epoch, or +inf. */
export const PAUSED_KEY = 'rq:tsrq:paused';

/** tsrq's own: ids that a wait has moved off the queue, for the moment until the script behind it begins them. */
export const movedKey = (queue: string): string => `rq:queue:${queue}:intermediate:tsrq`;
/** Where the ids of a queue are between the queue and their start. */
export const betweenKeys = (queue: string): readonly string[] => [intermediateKey(queue), movedKey(queue)];

/** tsrq's own: the last execution that a process which claims ahead has begun. */
export const begunKey = (processPrefix: string): string => `rq:tsrq:begun:${processPrefix}`;

/** tsrq's own: what the job has written with `getCurrentJob().log()`. */
export const logKey = (id: string): string => `rq:tsrq:log:${id}`;
/** tsrq's own: up to when the occurrences of a cron entry have been dealt with. */
export const cronEntryKey = (entry: string): string => `rq:tsrq:cron:${entry}`;

const QUEUE_PREFIX = 'rq:queue:';
const WORKER_PREFIX = 'rq:worker:';

/** The queue's name of a member of `rq:queues`, or null for an alien member. */
export const queueOfKey = (key: string): string | null =>
  key.startsWith(QUEUE_PREFIX) && key.length > QUEUE_PREFIX.length ? key.slice(QUEUE_PREFIX.length) : null;

/** The worker's name of a member of `rq:workers`, or null for an alien member. */
export const workerOfKey = (key: string): string | null =>
  key.startsWith(WORKER_PREFIX) && key.length > WORKER_PREFIX.length ? key.slice(WORKER_PREFIX.length) : null;

/** RQ >= 2.8 refuses every other id, also when it reads one (protocol rule 1). */
export const isJobId = (id: string): boolean => /^[A-Za-z0-9_-]+$/.test(id);

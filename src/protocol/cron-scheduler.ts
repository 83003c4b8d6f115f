import { dumps } from './json-writer.js';
import { formatDate } from './time.js';

/** What RQ's `CronScheduler` shows of one of its jobs. */
export interface CronJobView {
  /** RQ 2.12. */
  readonly name: string;
  readonly functionName: string;
  readonly queue: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly intervalSeconds: number | null;
  readonly cron: string | null;
  /** Milliseconds since the epoch. */
  readonly latestMs: number | null;
  readonly nextMs: number | null;
  readonly timeoutSeconds?: number | undefined;
  readonly resultTtlSeconds?: number | undefined;
  readonly ttlSeconds?: number | undefined;
  readonly failureTtlSeconds?: number | undefined;
  readonly meta?: Readonly<Record<string, unknown>> | undefined;
}

export interface CronSchedulerView {
  readonly hostname: string;
  readonly pid: number;
  readonly name: string;
  readonly createdAtMs: number;
  readonly configFile: string;
  readonly jobs: readonly CronJobView[];
}

/** The fields of `rq:cron_scheduler:<name>` as RQ writes them. */
export function cronSchedulerFields(view: CronSchedulerView): [field: string, value: string][] {
  return [
    ['hostname', view.hostname],
    ['pid', String(view.pid)],
    ['name', view.name],
    ['created_at', formatDate(view.createdAtMs)],
    ['config_file', view.configFile],
    ['cron_jobs', dumps(view.jobs.map(jobFields))],
  ];
}

/** Arguments and meta are JSON within JSON; an option that is not set is not there. */
function jobFields(job: CronJobView): Record<string, unknown> {
  const { args, kwargs, meta } = job;
  return {
    name: job.name,
    func_name: job.functionName,
    queue_name: job.queue,
    args: args.length > 0 ? dumpsOrNot(args) : null,
    kwargs: Object.keys(kwargs).length > 0 ? dumpsOrNot(kwargs) : null,
    interval: job.intervalSeconds,
    cron: job.cron,
    latest_enqueue_time: job.latestMs === null ? null : formatDate(job.latestMs),
    next_enqueue_time: job.nextMs === null ? null : formatDate(job.nextMs),
    job_timeout: job.timeoutSeconds,
    result_ttl: job.resultTtlSeconds,
    ttl: job.ttlSeconds,
    failure_ttl: job.failureTtlSeconds,
    meta: meta === undefined ? undefined : dumpsOrNot(meta),
  };
}

/** RQ's word for what JSON does not hold. */
function dumpsOrNot(value: unknown): string {
  try {
    return dumps(value);
  } catch {
    return '<not JSON serializable>';
  }
}

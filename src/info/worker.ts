import type { Progress } from '../protocol/progress.js';
import { parseDate } from '../protocol/time.js';
import { errorOf, finite, listOf, secondsSince, type Answer } from './answer.js';

/** A job that a worker runs now. */
export interface RunningJob {
  readonly id: string;
  /** Null where it is not known. */
  readonly queue: string | null;
  readonly seconds: number | null;
  /** How far it is, where it tells (`getCurrentJob().progress()`). */
  readonly progress: Progress | null;
}

/** A registered worker, or one that is gone and not forgotten yet. */
export interface WorkerInfo {
  readonly name: string;
  /** Its key is none of RQ's; nothing else is known then. */
  readonly error: string | null;
  /** It is registered, and its hash has expired: it died without saying so. */
  readonly gone: boolean;
  /** Gone, or no sign of life for longer than any live worker leaves between two. */
  readonly stale: boolean;
  readonly hostname: string | null;
  readonly ipAddress: string | null;
  readonly pid: number | null;
  /** `?` where the hash does not tell. */
  readonly state: string;
  readonly queues: readonly string[];
  /** Jobs at once; null for a worker of Python, or of a tsrq that does not tell. */
  readonly concurrency: number | null;
  /** Told to take no new jobs. */
  readonly quiet: boolean;
  /** Told to stop: it ends when its jobs have ended. */
  readonly stopping: boolean;
  readonly currentJob: string | null;
  readonly currentJobSeconds: number | null;
  /** The current job and, of a worker that runs several, the others. */
  readonly running: readonly RunningJob[];
  readonly successful: number;
  readonly failed: number;
  readonly workingSeconds: number;
  /** Of tsrq or RQ. */
  readonly version: string | null;
  /** `Node.js 20.19.0`, or the version of Python. */
  readonly runtime: string | null;
  readonly birthMs: number | null;
  readonly heartbeatAgeSeconds: number | null;
}

/** RQ's idle workers give a sign of life every 405 s; their keys live 480. */
const STALE_AFTER_SECONDS = 480;

/** A running job, as its execution tells it. */
export interface Execution extends RunningJob {
  /** Null where Python wrote it: RQ 2.10 keeps only the worker's current job. */
  readonly worker: string | null;
}

export function readExecution(
  of: { readonly id: string; readonly queue: string },
  answers: readonly Answer[] | undefined,
  progress: Progress | null,
  timeMs: number,
): Execution {
  const reply = answers?.[0]?.reply;
  const [worker, createdAt] = Array.isArray(reply) ? reply : [];
  const created = typeof createdAt === 'string' ? finite(createdAt) : null;
  return {
    id: of.id,
    queue: of.queue,
    seconds: secondsSince(created === null ? null : created * 1_000, timeMs),
    worker: typeof worker === 'string' ? worker : null,
    progress,
  };
}

/** What runs, to be looked up: a thousand workers with a job each are not to be compared with a thousand jobs each. */
export interface Running {
  readonly byWorker: ReadonlyMap<string, readonly RunningJob[]>;
  /** Those whose worker is not known. */
  readonly byId: ReadonlyMap<string, RunningJob>;
}

export const NOTHING_RUNS: Running = { byWorker: new Map(), byId: new Map() };

/** Of each worker the longest first. */
export function sortRunning(executions: readonly Execution[]): Running {
  const byWorker = new Map<string, RunningJob[]>();
  const byId = new Map<string, RunningJob>();
  for (const { worker, id, queue, seconds, progress } of executions) {
    const job = { id, queue, seconds, progress };
    const own = worker === null ? null : byWorker.get(worker);
    if (worker === null) byId.set(id, byId.get(id) ?? job);
    else if (own) own.push(job);
    else byWorker.set(worker, [job]);
  }
  for (const jobs of byWorker.values()) jobs.sort((a, b) => (b.seconds ?? 0) - (a.seconds ?? 0));
  return { byWorker, byId };
}

export function readWorker(name: string, [answer]: readonly Answer[] = [], all: Running, timeMs: number): WorkerInfo {
  const items = listOf(answer?.reply);
  const fields = new Map<string, string>();
  for (let i = 0; i + 1 < items.length; i += 2) fields.set(items[i] ?? '', items[i + 1] ?? '');
  const text = (field: string): string | null => fields.get(field) || null;
  const number = (field: string): number => finite(text(field)) ?? 0;
  const currentJob = text('current_job');
  const currentJobSeconds = currentJob === null ? null : number('current_job_working_time');
  const heartbeatAgeSeconds = secondsSince(parseDate(text('last_heartbeat') ?? ''), timeMs);
  const error = answer ? errorOf(answer) : null;
  const gone = error === null && fields.size === 0;
  const running = runningJobs(name, all, currentJob, currentJobSeconds);
  return {
    name,
    error,
    gone,
    stale: gone || (heartbeatAgeSeconds !== null && heartbeatAgeSeconds > STALE_AFTER_SECONDS),
    hostname: text('hostname'),
    ipAddress: text('ip_address'),
    pid: finite(text('pid')),
    state: fields.get('state') ?? '?',
    queues: (text('queues') ?? '').split(',').filter((queue) => queue !== ''),
    concurrency: finite(text('tsrq_concurrency')),
    quiet: text('tsrq_quiet') !== null,
    stopping: text('shutdown_requested_date') !== null,
    currentJob,
    currentJobSeconds: running.find((job) => job.id === currentJob)?.seconds ?? currentJobSeconds,
    running,
    successful: number('successful_job_count'),
    failed: number('failed_job_count'),
    workingSeconds: number('total_working_time'),
    version: text('version'),
    runtime: text('python_version'),
    birthMs: parseDate(text('birth') ?? ''),
    heartbeatAgeSeconds,
  };
}

/** RQ writes the working time only once per monitoring interval; the execution tells it better, where there is one. */
function runningJobs(
  name: string,
  { byWorker, byId }: Running,
  current: string | null,
  seconds: number | null,
): readonly RunningJob[] {
  const own = byWorker.get(name) ?? [];
  if (current === null || own.some((job) => job.id === current)) return own;
  return [byId.get(current) ?? { id: current, queue: null, seconds, progress: null }, ...own];
}

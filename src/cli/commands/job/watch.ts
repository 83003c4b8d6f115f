import { TsrqError } from '../../../errors.js';
import { progressOf } from '../../../protocol/progress.js';
import { fetchLog, type LogLine } from '../../../queue/job-log.js';
import { fetchJob, fetchResults, type FetchedJob } from '../../../queue/job-store.js';
import { isEnd, JobWatch, type JobEnd } from '../../../queue/wait-for-job.js';
import type { Redis } from '../../../redis/redis.js';
import type { Cli } from '../../context.js';
import { lastLine, logText, progressText, renderJob } from '../../render/job.js';
import { bar, cut, printable } from '../../render/words.js';
import { repeat, showLive } from '../../screen.js';
import { Everywhere } from './anywhere.js';

/** Lines of the log that are kept for the screen. */
const MOST_SHOWN = 200;
const SECONDS = 0.5;

/**
 * Shows a job until it has ended: in place on a terminal, else what changes, line by line. Exit code as `job wait`'s: 0 if it finished.
 * A Redis that goes away meanwhile is waited for.
 */
export async function watch(cli: Cli, id: string): Promise<void> {
  const found = await new Everywhere(cli).find((redis) => fetchJob(redis, id));
  if (!found) {
    cli.exitCode = 1;
    cli.stderr.write(`tsrq: there is no job ${printable(id)}\n`);
    return;
  }
  const view = new JobView(found.redis, found.value);
  const isOver = (): boolean => view.isOver;
  if (cli.stdout.isTTY) {
    const draw = (columns: number, rows: number): string[] => picture(view, columns, rows);
    const refresh = async (): Promise<void> => {
      await view.refresh();
    };
    await showLive(cli, SECONDS, { refresh, draw, isOver });
    const results = await fetchResults(found.redis, id).catch(() => []);
    const log = view.log.slice(-10);
    if (view.isOver) cli.stdout.write(`${renderJob({ job: view.job, results, log }).join('\n')}\n`);
  } else {
    const teller = new Teller(cli);
    await repeat(cli, SECONDS, async () => teller.tell(view, await view.refresh()), isOver);
  }
  const { end } = view;
  if (end === null) cli.exitCode = cli.interruption().reason === 'SIGTERM' ? 143 : 130;
  else if (end.status !== 'finished') cli.exitCode = 1;
  if (end?.status === 'gone') cli.stderr.write(`tsrq: ${id} is gone: it was deleted, or nothing is kept of it\n`);
  else if (end?.kept === false) cli.stderr.write(`tsrq: ${id} ${end.status}; nothing was kept of it\n`);
}

/** A job as it was seen last. */
class JobView {
  readonly #redis: Redis;
  readonly #watch: JobWatch;
  #after: string | null = null;
  job: FetchedJob;
  log: LogLine[] = [];
  /** How it has ended; null before that. */
  end: JobEnd | null = null;
  outage: string | null = null;

  constructor(redis: Redis, job: FetchedJob) {
    this.#redis = redis;
    this.#watch = new JobWatch(redis, job.id);
    this.job = job;
  }

  get isOver(): boolean {
    return this.end !== null;
  }

  /** Looks again; returns the lines of the log that are new. */
  async refresh(): Promise<LogLine[]> {
    try {
      const end = (await this.#watch.look()) ?? null;
      const job = await fetchJob(this.#redis, this.job.id);
      // Behind the job: of one that has ended, the log is complete.
      const lines = await fetchLog(this.#redis, this.job.id, this.#after === null ? {} : { after: this.#after });
      this.outage = null;
      this.end = end;
      this.job = job ?? this.job;
      this.#after = lines.at(-1)?.entryId ?? this.#after;
      this.log = [...this.log, ...lines].slice(-MOST_SHOWN);
      return lines;
    } catch (error) {
      if (!(error instanceof TsrqError) || error.code !== 'REDIS_UNREACHABLE') throw error;
      this.outage = error.message;
      return [];
    }
  }
}

function picture({ job, log, outage }: JobView, columns: number, rows: number): string[] {
  const progress = progressOf(job.meta);
  const done = progress === null ? 0 : Math.round((progress.percent * 20) / 100);
  const bars = progress === null ? [] : [`${bar(20, 20, done).padEnd(20, '·')} ${progressText(progress)}`];
  const head = [
    ...(outage === null ? [] : [`! ${outage}`]),
    ...renderJob({ job, results: [], log: [] }).flatMap((line) => line.split('\n')),
    ...bars,
    '',
  ].slice(0, rows);
  const tail = log.slice(Math.max(0, log.length - (rows - head.length)));
  return [...head, ...tail.map(logText)].map((line) => cut(printable(line), columns));
}

/** Tells what has changed, a line each. */
class Teller {
  readonly #cli: Cli;
  #status: string | null = null;
  #progress: string | null = null;
  #away = false;

  constructor(cli: Cli) {
    this.#cli = cli;
  }

  tell({ job, outage }: JobView, lines: readonly LogLine[]): void {
    if ((outage !== null) !== this.#away) {
      this.#cli.stderr.write(outage === null ? 'tsrq: Redis is back\n' : `tsrq: ${outage}; trying until it is back\n`);
    }
    this.#away = outage !== null;
    const ended = isEnd(job.status);
    if (!ended) this.#tellStatus(job);
    const progress = progressOf(job.meta);
    const text = progress === null ? null : progressText(progress);
    if (text !== null && text !== this.#progress) this.#cli.stdout.write(`progress: ${text}\n`);
    this.#progress = text;
    for (const line of lines) this.#cli.stdout.write(`${logText(line)}\n`);
    if (ended) this.#tellStatus(job);
  }

  #tellStatus({ status, error }: FetchedJob): void {
    if (status === this.#status) return;
    this.#status = status;
    const why = error !== null && status !== 'finished' && isEnd(status) ? `: ${lastLine(error)}` : '';
    this.#cli.stdout.write(`status: ${printable(`${status ?? '?'}${why}`)}\n`);
  }
}

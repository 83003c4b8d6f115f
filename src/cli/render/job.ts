import { progressOf, type Progress } from '../../protocol/progress.js';
import type { Dependency } from '../../queue/dependents.js';
import type { LogLine } from '../../queue/job-log.js';
import type { FetchedJob, FetchedResult } from '../../queue/job-store.js';
import { printable, printableLines } from './words.js';

/** All that is known of a job. */
export interface Shown {
  readonly job: FetchedJob;
  /** Newest first. */
  readonly results: readonly FetchedResult[];
  /** The last lines of its log, oldest first. */
  readonly log: readonly LogLine[];
  /** What a deferred job waits for. */
  readonly waitsFor?: readonly Dependency[];
}

/** A job as lines: what is known of it, the newest result, and the others that are kept. */
export function renderJob({ job, results, log, waitsFor = [] }: Shown): string[] {
  const progress = progressOf(job.meta);
  const rows: [string, unknown][] = [
    ['id', job.id],
    ['status', job.status],
    ['queue', job.origin],
    ['waits for', waitsFor.map(({ id, status }) => `${id} (${status ?? 'gone'})`).join(', ')],
    ['description', job.description === null ? null : printable(job.description)],
    ['created', job.createdAt?.toISOString()],
    ['enqueued', job.enqueuedAt?.toISOString()],
    ['started', job.startedAt?.toISOString()],
    ['ended', job.endedAt?.toISOString()],
    ['worker', job.workerName],
    ['timeout', job.timeoutSeconds === null ? null : `${job.timeoutSeconds} s`],
    ['retries left', job.retriesLeft],
    ['repeats left', job.repeatsLeft],
    ['progress', progress === null ? null : progressText(progress)],
    ['meta', job.meta === null ? null : shownJson(job.meta)],
    ['result', job.status === 'finished' ? resultText(job.result, job.unreadable) : null],
    ...job.retryErrors.map(({ endedAt, workerName, error }): [string, unknown] => {
      const text = error === '' ? '' : `\n${error}`;
      return ['retried', `${endedAt.toISOString()} by ${workerName || 'a dead worker'}${text}`];
    }),
    ['error', job.error === null ? null : `\n${job.error}`],
    ['results', results.length < 2 ? null : `${results.length} are kept, newest first`],
  ];
  return [
    ...rows
      .filter(([, value]) => value !== null && value !== undefined && value !== '')
      .map(([name, value]) => `${name.padEnd(12)} ${printableLines(String(value))}`),
    ...(results.length < 2 ? [] : results.map((result) => `  ${resultLine(result)}`)),
    ...(log.length === 0 ? [] : ['log', ...log.map((line) => `  ${logText(line)}`)]),
  ];
}

/** `42% half way`. */
export const progressText = ({ percent, text }: Progress): string =>
  `${Math.round(percent * 10) / 10}%${text === null ? '' : ` ${printable(text)}`}`;

export const logText = ({ at, text }: LogLine): string => `${at.toISOString()} ${printable(text)}`;

/** As JSON; what cannot be read is named. */
export const resultText = (value: unknown, unreadable: string | null): string =>
  unreadable === null ? shownJson(value) : `cannot be read here: ${printable(unreadable)}`;

function resultLine({ type, createdAt, workerName, value, unreadable, error }: FetchedResult): string {
  const by = workerName === null ? '' : ` on ${workerName}`;
  const what = error === null ? resultText(value, unreadable) : lastLine(error);
  return `${createdAt?.toISOString() ?? '?'} ${type}${printable(by)}: ${printable(what)}`;
}

/** The line of an error text that says most: a Python traceback ends with it, a JavaScript stack begins with it. */
export function lastLine(error: string): string {
  const lines = error
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '');
  const first = lines[0] ?? '';
  return first.startsWith('Traceback (most recent call last)') ? (lines.at(-1) ?? first) : first;
}

/** A job for programs; values are as JSON can hold them. */
export function jobJson({ job, results, log, waitsFor = [] }: Shown): object {
  const lines = log.map(({ at, executionId, text }) => ({ at, executionId, text }));
  return JSON.parse(shownJson({ ...job, progress: progressOf(job.meta), results, log: lines, waitsFor })) as object;
}

/** What pickled jobs may hold and JSON does not: large integers are texts, maps and sets lists. */
export const shownJson = (value: unknown): string => JSON.stringify(value, plain);

function plain(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Map) return [...value];
  return value instanceof Set ? [...value] : value;
}

import { Chalk, type ChalkInstance } from 'chalk';
import type { JobEntry } from '../../info/job-list.js';
import { lastLine } from './job.js';
import { table, type Column } from './table.js';
import { age, printable } from './words.js';

export interface ListView {
  readonly columns: number;
  readonly colour: boolean;
  /** Ages are counted to then. */
  readonly nowMs: number;
}

/** Cells of a text that somebody has written. */
const LONGEST_TEXT = 200;

/** Jobs as the lines of a table, none longer than the screen is wide; ids are whole. */
export function renderJobs(jobs: readonly JobEntry[], { columns, colour, nowMs }: ListView): string[] {
  const chalk = new Chalk({ level: colour ? 1 : 0 });
  const shown: Column<JobEntry>[] = [
    { head: 'id', rank: 0, cell: ({ id }) => printable(id), paint: (text) => chalk.bold(text) },
    { head: 'state', rank: 1, cell: stateText, paint: (text, job) => colourOf(job, chalk)(text) },
    { head: 'when', rank: 2, align: 'right', cell: ({ when }) => whenText(when, nowMs) },
    {
      head: 'job',
      rank: 3,
      least: 16,
      upTo: LONGEST_TEXT,
      cell: ({ problem, description, functionName }) => printable(problem ?? description ?? functionName ?? '?'),
      paint: (text, { problem }) => (problem === null ? text : chalk.red(text)),
    },
    { head: 'queue', rank: 4, least: 8, cell: ({ queue }) => printable(queue) },
    { head: 'took', rank: 5, align: 'right', cell: ({ seconds }) => (seconds === null ? '' : took(seconds)) },
    ...(jobs.some(({ error }) => error !== null) ? [errors(chalk)] : []),
  ];
  return table(
    jobs.map((row) => ({ row })),
    shown,
    columns,
    chalk,
  );
}

const errors = (chalk: ChalkInstance): Column<JobEntry> => ({
  head: 'error',
  rank: 3,
  least: 16,
  upTo: LONGEST_TEXT,
  cell: ({ error }) => (error === null ? '' : printable(lastLine(error))),
  paint: (text) => chalk.red(text),
});

/** Its hash tells another thing than the place where it was found: the entry is stale. */
const stateText = ({ state, status, problem }: JobEntry): string =>
  problem !== null || status === null || status === state ? state : `${state} (${printable(status)})`;

function colourOf({ state }: JobEntry, chalk: ChalkInstance): (text: string) => string {
  if (state === 'failed' || state === 'stopped') return chalk.red;
  if (state === 'started') return chalk.cyan;
  return state === 'finished' ? chalk.green : (text) => text;
}

function whenText(when: Date | null, nowMs: number): string {
  if (when === null) return '?';
  const seconds = (nowMs - when.getTime()) / 1_000;
  return seconds >= 0 ? age(seconds) : `in ${age(Math.ceil(-seconds))}`;
}

const took = (seconds: number): string => (seconds < 60 ? `${seconds.toFixed(seconds < 10 ? 2 : 1)}s` : age(seconds));

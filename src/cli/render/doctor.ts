import { Chalk, type ChalkInstance } from 'chalk';
import type { Diagnosis, Finding } from '../../doctor.js';
import { plural, printable } from './words.js';

/** What was found at one of the connections that were asked. */
export interface Diagnosed {
  readonly connection: string;
  readonly diagnosis: Diagnosis;
}

/** What `--fix` has done about a finding. */
export interface Fixed {
  readonly connection: string;
  readonly id: string;
  readonly kind: string;
  readonly done: string;
}

export interface DoctorView {
  readonly colour: boolean;
  /** On a terminal a sign tells the level, elsewhere a word that can be searched for. */
  readonly terminal: boolean;
  /** Leave out what is well. */
  readonly quiet: boolean;
}

const SIGNS = { ok: '✔', warning: '!', problem: '✘' } as const;
const WORD_WIDTH = 8;

/** Each finding with its remedy below it, under the connection's name if there are several, and the counts. */
export function renderDoctor(all: readonly Diagnosed[], view: DoctorView): string[] {
  const chalk = new Chalk({ level: view.colour ? 1 : 0 });
  const blocks = all.map(({ connection, diagnosis }) => [
    ...(all.length > 1 ? [chalk.bold(printable(`${connection} (${diagnosis.redis})`))] : []),
    ...diagnosis.findings
      .filter(({ level }) => !view.quiet || level !== 'ok')
      .flatMap((finding) => findingLines(finding, view, chalk)),
  ]);
  const { problems, warnings } = countLevels(all);
  const summary = `${plural(problems, 'problem')}, ${plural(warnings, 'warning')}`;
  const shown = [...blocks.filter((block) => block.length > 0), [summary]];
  return shown.flatMap((block, i) => (i === 0 ? block : ['', ...block]));
}

function findingLines({ level, message, remedy }: Finding, view: DoctorView, chalk: ChalkInstance): string[] {
  const paint = { ok: chalk.green, warning: chalk.yellow, problem: chalk.red }[level];
  const mark = view.terminal ? SIGNS[level] : level.padEnd(WORD_WIDTH);
  const indent = ' '.repeat(mark.length + 1);
  const lines = [`${paint(mark)} ${printable(message)}`];
  if (remedy !== null) lines.push(`${indent}${chalk.dim(`→ ${printable(remedy)}`)}`);
  return lines;
}

/**
 * One object, of the same shape for any number of connections: `time` (ISO 8601), `redis` (without secrets), `findings`
 * (connection, id, level, message, remedy, details where there are any), `problems` and `warnings` (counts). `fixed`: what was done before that look;
 * null where nothing was to be.
 */
export function renderDoctorJson(all: readonly Diagnosed[], fixed: readonly Fixed[] | null = null): string {
  const timeMs = all.reduce((latest, { diagnosis }) => Math.max(latest, diagnosis.timeMs), 0);
  return JSON.stringify({
    time: new Date(timeMs).toISOString(),
    redis: all.map(({ diagnosis }) => diagnosis.redis).join(', '),
    findings: all.flatMap(({ connection, diagnosis }) =>
      diagnosis.findings.map((finding) => ({ connection, ...finding })),
    ),
    ...countLevels(all),
    ...(fixed === null ? {} : { fixed }),
  });
}

/** How many findings are problems, and how many are warnings. */
export function countLevels(all: readonly Diagnosed[]): { readonly problems: number; readonly warnings: number } {
  const levels = all.flatMap(({ diagnosis }) => diagnosis.findings.map(({ level }) => level));
  const count = (wanted: Finding['level']): number => levels.filter((level) => level === wanted).length;
  return { problems: count('problem'), warnings: count('warning') };
}

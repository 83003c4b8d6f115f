import { Chalk } from 'chalk';
import type { FailureGroup } from '../../queue/failures.js';
import { table, type Column } from './table.js';
import { age, plural, printable } from './words.js';

export interface FailuresView {
  readonly columns: number;
  readonly colour: boolean;
  /** Whether the connections are told apart. */
  readonly several: boolean;
  readonly nowMs: number;
}

/** A line for each group, and their sum. */
export function renderFailures(
  groups: readonly (FailureGroup & { readonly connection: string })[],
  view: FailuresView,
): string[] {
  const total = groups.reduce((sum, { count }) => sum + count, 0);
  if (total === 0) return ['No failures'];
  const chalk = new Chalk({ level: view.colour ? 1 : 0 });
  const ago = (ms: number | null): string => (ms === null ? '?' : age(Math.max(0, (view.nowMs - ms) / 1_000)));
  type Group = (typeof groups)[number];
  const columns: Column<Group>[] = [
    {
      head: 'function',
      rank: 0,
      least: 12,
      cell: ({ functionName }) => printable(functionName ?? '?'),
      paint: (text) => chalk.bold(text),
    },
    { head: 'count', rank: 1, align: 'right', cell: ({ count }) => String(count), paint: (text) => chalk.red(text) },
    { head: 'newest', rank: 3, align: 'right', cell: ({ newestMs }) => ago(newestMs) },
    { head: 'oldest', rank: 5, align: 'right', cell: ({ oldestMs }) => ago(oldestMs) },
    { head: 'error', rank: 2, least: 20, upTo: 200, cell: ({ error }) => printable(error ?? 'no error recorded') },
    { head: 'queues', rank: 6, least: 8, cell: ({ queues }) => printable(queues.join(', ')) },
    ...(view.several
      ? [
          {
            head: 'connection',
            rank: 7,
            cell: ({ connection }: Group) => printable(connection),
          } satisfies Column<Group>,
        ]
      : []),
    { head: 'example', rank: 4, cell: ({ exampleId }) => printable(exampleId) },
  ];
  const rows = groups.map((row) => ({ row }));
  return [
    ...table(rows, columns, view.columns, chalk),
    `${plural(total, 'failure')} in ${plural(groups.length, 'group')}`,
  ];
}

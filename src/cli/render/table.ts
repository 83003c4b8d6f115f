import type { ChalkInstance } from 'chalk';
import { cut, widthOf } from './words.js';

export interface Column<T> {
  readonly head: string;
  /** Narrow screens lose the columns of high rank first; rank 0 always stays. */
  readonly rank: number;
  readonly align?: 'left' | 'right';
  /** The column may be cut to this; where there is room, it is as wide as its content. Default: never cut. */
  readonly least?: number;
  /** A width that does not follow from the content. */
  readonly most?: number;
  readonly cell: (row: T, width: number) => string;
  readonly paint?: (text: string, row: T) => string;
}

/** A row of a table, or of one whose cells cannot be told, what is told instead. */
export type Row<T> = { readonly row: T } | { readonly name: string; readonly error: string };

const GAP = 2;

/** A table without frame as lines, none longer than `width`. The first column names the rows. */
export function table<T>(
  rows: readonly Row<T>[],
  all: readonly Column<T>[],
  width: number,
  chalk: ChalkInstance,
): string[] {
  const fit = fitted(rows, all, width);
  const gap = ' '.repeat(GAP);
  const first = fit[0]?.width ?? 0;
  const rest = fit.slice(1).reduce((sum, { width: cells }) => sum + cells + GAP, -GAP);
  const lineOf = (row: Row<T>): string => {
    if ('row' in row) return fit.map((one) => painted(one, row.row)).join(gap);
    if (rest <= 0) return chalk.red(cut(row.name, first));
    return `${filled(cut(row.name, first), first)}${gap}${chalk.red(cut(row.error, rest))}`;
  };
  const head = fit.map(({ column, width: cells }) => filled(cut(column.head, cells), cells, column.align, chalk.dim));
  return [head.join(gap), ...rows.map(lineOf)].map((line) => line.trimEnd());
}

interface Fitted<T> {
  readonly column: Column<T>;
  readonly width: number;
}

/** As many columns as fit by rank; then those that were cut get what is left, in order. */
function fitted<T>(rows: readonly Row<T>[], all: readonly Column<T>[], width: number): Fitted<T>[] {
  const wanted = new Map(all.map((column) => [column, wantedWidth(rows, column)]));
  const want = (column: Column<T>): number => wanted.get(column) ?? 0;
  const least = (column: Column<T>): number => Math.min(want(column), column.least ?? Infinity);
  const chosen = new Set<Column<T>>();
  let left = width + GAP;
  for (const column of [...all].sort((a, b) => a.rank - b.rank)) {
    if (column.rank > 0 && least(column) + GAP > left) break;
    chosen.add(column);
    left -= least(column) + GAP;
  }
  return all
    .filter((column) => chosen.has(column))
    .map((column) => {
      const more = Math.max(-least(column) + 1, Math.min(left, want(column) - least(column)));
      left -= more;
      return { column, width: least(column) + more };
    });
}

function wantedWidth<T>(rows: readonly Row<T>[], column: Column<T>): number {
  if (column.most !== undefined) return column.most;
  let widest = widthOf(column.head);
  for (const row of rows) {
    if ('row' in row) widest = Math.max(widest, widthOf(column.cell(row.row, Infinity)));
    else if (column.rank === 0) widest = Math.max(widest, widthOf(row.name));
  }
  return widest;
}

function painted<T>({ column, width }: Fitted<T>, row: T): string {
  const paint = (text: string): string => column.paint?.(text, row) ?? text;
  return filled(cut(column.cell(row, width), width), width, column.align, paint);
}

/** A text of at most `width` cells as one of exactly so many. */
function filled(
  text: string,
  width: number,
  align: 'left' | 'right' = 'left',
  paint: (text: string) => string = String,
): string {
  const space = ' '.repeat(width - widthOf(text));
  return align === 'right' ? space + paint(text) : paint(text) + space;
}

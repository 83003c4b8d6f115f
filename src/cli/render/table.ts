import type { ChalkInstance } from 'chalk';
import Table from 'cli-table3';
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
  const lines = drawn(fit, [], chalk);
  for (let i = 0; i < rows.length; i += PIECE) lines.push(...drawn(fit, rows.slice(i, i + PIECE), chalk).slice(1));
  return lines;
}

/** cli-table3 compares each cell with all others; the widths being given, a long table is its pieces, one below the other. */
const PIECE = 20;

/** The head, and these rows. */
function drawn<T>(fit: readonly Fitted<T>[], rows: readonly Row<T>[], chalk: ChalkInstance): string[] {
  const grid = new Table({
    head: fit.map(({ column, width: cells }) => chalk.dim(cut(column.head, cells))),
    colAligns: fit.map(({ column }) => column.align ?? 'left'),
    colWidths: fit.map(({ width: cells }) => cells + GAP - 1),
    chars: NO_FRAME,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': GAP - 1 },
  });
  const first = fit[0]?.width ?? 0;
  const rest = fit.slice(1).reduce((sum, { width: cells }) => sum + cells + GAP, -GAP);
  for (const row of rows) {
    if ('row' in row) {
      grid.push(fit.map(({ column, width: cells }) => painted(column, row.row, cells)));
    } else if (rest <= 0) {
      grid.push([chalk.red(cut(row.name, first))]);
    } else {
      grid.push([
        cut(row.name, first),
        { content: chalk.red(cut(row.error, rest)), colSpan: fit.length - 1, hAlign: 'left' },
      ]);
    }
  }
  return grid
    .toString()
    .split('\n')
    .map((line) => line.trimEnd());
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

function painted<T>(column: Column<T>, row: T, width: number): string {
  const text = cut(column.cell(row, width), width);
  return column.paint ? column.paint(text, row) : text;
}

const NO_FRAME = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: ' ',
};

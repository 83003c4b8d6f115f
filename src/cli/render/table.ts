import type { ChalkInstance } from 'chalk';
import { cut, widthOf } from './words.js';

export interface Column<T> {
  readonly head: string;
  /** Narrow screens lose the columns of high rank first; rank 0 always stays. */
  readonly rank: number;
  readonly align?: 'left' | 'right';
  /** The column may be cut to this; where there is room, it is as wide as its content. Default: never cut. */
  readonly least?: number;
  /** Where there is room for all its content, it is not wider than this. */
  readonly upTo?: number;
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
  const rest = width - first - GAP;
  const lineOf = (row: Row<T>, i: number): string => {
    if ('row' in row) return fit.map((one) => painted(one, row.row, one.cells[i])).join(gap);
    if (rest <= 0) return chalk.red(cut(row.name, first));
    return `${filled(cellOf(cut(row.name, first)), first)}${gap}${chalk.red(cut(row.error, rest))}`;
  };
  const head = fit.map(({ column, width: cells }) => {
    const cell = cellOf(cut(column.head, cells));
    return filled(cell, cells, column.align, chalk.dim(cell.text));
  });
  return [head.join(gap), ...rows.map(lineOf)].map((line) => line.trimEnd());
}

/** A text, and how many cells of the terminal it takes. */
interface Cell {
  readonly text: string;
  readonly width: number;
}

const cellOf = (text: string): Cell => ({ text, width: widthOf(text) });

interface Fitted<T> {
  readonly column: Column<T>;
  readonly width: number;
  /** What each row has to say here, uncut; undefined where that is not known. */
  readonly cells: readonly (Cell | undefined)[];
}

/** As many columns as fit by rank; then those that were cut get what is left, in order. */
function fitted<T>(rows: readonly Row<T>[], all: readonly Column<T>[], width: number): Fitted<T>[] {
  const chosen = new Map<Column<T>, Wanted & { readonly least: number }>();
  let left = width + GAP;
  for (const column of [...all].sort((a, b) => a.rank - b.rank)) {
    // What has no room is not even measured.
    if (column.rank > 0 && left <= GAP) break;
    const wanted = wantedBy(rows, column);
    const least = Math.min(wanted.width, column.least ?? Infinity);
    if (column.rank > 0 && least + GAP > left) break;
    chosen.set(column, { ...wanted, least });
    left -= least + GAP;
  }
  return all.flatMap((column) => {
    const found = chosen.get(column);
    if (!found) return [];
    const { least, cells } = found;
    const more = Math.max(1 - least, Math.min(left, found.width - least));
    left -= more;
    return [{ column, width: least + more, cells }];
  });
}

type Wanted = Pick<Fitted<never>, 'width' | 'cells'>;

function wantedBy<T>(rows: readonly Row<T>[], column: Column<T>): Wanted {
  if (column.most !== undefined) return { width: column.most, cells: [] };
  let width = widthOf(column.head);
  const cells = rows.map((row) => {
    if ('row' in row) {
      const cell = cellOf(column.cell(row.row, Infinity));
      width = Math.max(width, cell.width);
      return cell;
    }
    if (column.rank === 0) width = Math.max(width, widthOf(row.name));
    return undefined;
  });
  return { width: Math.min(width, column.upTo ?? Infinity), cells };
}

function painted<T>({ column, width }: Fitted<T>, row: T, whole: Cell | undefined): string {
  const cell = whole && whole.width <= width ? whole : cellOf(cut(column.cell(row, width), width));
  return filled(cell, width, column.align, column.paint && column.paint(cell.text, row));
}

/** A text of at most `width` cells as one of exactly so many; `text`: it, in colour. */
function filled(cell: Cell, width: number, align: 'left' | 'right' = 'left', text = cell.text): string {
  const space = ' '.repeat(width - cell.width);
  return align === 'right' ? space + text : text + space;
}

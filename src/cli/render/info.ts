import { Chalk, type ChalkInstance } from 'chalk';
import Table from 'cli-table3';
import type { QueueInfo, Snapshot, WorkerInfo } from '../../info.js';
import { age, bar, cut, plural } from './words.js';

export interface InfoView {
  readonly columns: number;
  readonly colour: boolean;
  readonly queues: boolean;
  readonly workers: boolean;
  readonly byQueue: boolean;
  /** Shown as a heading, when there are several connections. */
  readonly connection: string | null;
}

/** A column of a table: narrow screens lose those of high `rank` first. */
interface Column<T> {
  readonly head: string;
  readonly rank: number;
  readonly align?: 'left' | 'right';
  readonly cell: (row: T, chalk: ChalkInstance) => string;
}

/** Queues and workers as lines, none longer than the screen is wide. `previous`: what throughput is counted from. */
export function renderInfo(now: Snapshot, previous: Snapshot | null, view: InfoView): string[] {
  const chalk = new Chalk({ level: view.colour ? 1 : 0 });
  const lines: string[] = [];
  if (view.connection !== null) lines.push(chalk.bold(cut(`connection ${view.connection}`, view.columns)), '');
  if (now.suspended) lines.push(chalk.yellow(cut(suspendedText(now), view.columns)), '');
  if (view.queues) lines.push(...queueLines(now, previous, view, chalk), '');
  if (view.workers) lines.push(...(view.byQueue ? byQueueLines(now, view) : workerLines(now, view, chalk)), '');
  for (const member of now.alien)
    lines.push(chalk.red(cut(`! '${member}' is in RQ's sets and is none of its keys`, view.columns)));
  while (lines.at(-1) === '') lines.pop();
  return lines;
}

function suspendedText({ suspendedForSeconds }: Snapshot): string {
  const until = suspendedForSeconds === null ? 'until `tsrq resume`' : `for ${age(suspendedForSeconds)} more`;
  return `SUSPENDED ${until}: no new jobs are started`;
}

function queueLines(now: Snapshot, previous: Snapshot | null, view: InfoView, chalk: ChalkInstance): string[] {
  const total = now.queues.reduce((sum, queue) => sum + queue.queued, 0);
  const summary = `${plural(now.queues.length, 'queue')}, ${plural(total, 'job')} queued${throughput(now, previous)}`;
  if (now.queues.length === 0) return [cut(summary, view.columns)];
  const longest = Math.max(...now.queues.map((queue) => queue.queued));
  const barWidth = view.columns >= 100 ? 20 : view.columns >= 60 ? 10 : 0;
  const columns: Column<QueueInfo>[] = [
    { head: 'queue', rank: 0, cell: (queue, { bold }) => bold(queue.name) },
    ...(barWidth > 0
      ? [
          {
            head: '',
            rank: 5.7,
            cell: (queue: QueueInfo, { green }: ChalkInstance) => green(bar(queue.queued, longest, barWidth)),
          },
        ]
      : []),
    count('queued', 1, (queue) => queue.queued),
    count('started', 3, (queue) => queue.started + queue.intermediate),
    count('failed', 2, (queue) => queue.failed, 'red'),
    count('finished', 4, (queue) => queue.finished),
    count('scheduled', 6, (queue) => queue.scheduled),
    count('deferred', 7, (queue) => queue.deferred),
    count('canceled', 8, (queue) => queue.canceled),
    {
      head: 'oldest',
      rank: 5,
      align: 'right',
      cell: (queue) => (queue.oldestAgeSeconds === null ? '-' : age(queue.oldestAgeSeconds)),
    },
    { head: 'workers', rank: 5.5, align: 'right', cell: (queue) => String(queue.workers.length) },
  ];
  const good = now.queues.filter((queue) => queue.error === null);
  const bad = now.queues.filter((queue) => queue.error !== null);
  return [
    ...(good.length > 0 ? table(good, columns, view, chalk) : []),
    ...bad.map((queue) => chalk.red(cut(`! queue ${queue.name}: ${queue.error ?? ''}`, view.columns))),
    cut(summary, view.columns),
  ];
}

function count(head: string, rank: number, of: (queue: QueueInfo) => number, colour?: 'red'): Column<QueueInfo> {
  return {
    head,
    rank,
    align: 'right',
    cell: (queue, chalk) => (colour !== undefined && of(queue) > 0 ? chalk[colour](of(queue)) : String(of(queue))),
  };
}

/** Jobs ended since the last look, by the workers' own counters. */
function throughput(now: Snapshot, previous: Snapshot | null): string {
  if (!previous || now.timeMs <= previous.timeMs) return '';
  const before = new Map(previous.workers.map((worker) => [worker.name, worker]));
  let done = 0;
  for (const worker of now.workers) {
    const last = before.get(worker.name);
    if (last) done += Math.max(0, worker.successful + worker.failed - last.successful - last.failed);
  }
  return `, ${((done * 1_000) / (now.timeMs - previous.timeMs)).toFixed(1)} jobs/s`;
}

function workerLines(now: Snapshot, view: InfoView, chalk: ChalkInstance): string[] {
  const busy = now.workers.filter((worker) => worker.state === 'busy').length;
  const summary = `${plural(now.workers.length, 'worker')}, ${busy} busy`;
  if (now.workers.length === 0) return [cut(summary, view.columns)];
  const columns: Column<WorkerInfo>[] = [
    { head: 'worker', rank: 0, cell: (worker, { bold }) => bold(worker.name) },
    { head: 'state', rank: 1, cell: stateCell },
    { head: 'queues', rank: 4, cell: (worker) => worker.queues.join(', ') },
    { head: 'job', rank: 3, cell: (worker) => worker.currentJob ?? '-' },
    {
      head: 'running',
      rank: 6,
      align: 'right',
      cell: (worker) => (worker.currentJobSeconds === null ? '-' : age(worker.currentJobSeconds)),
    },
    { head: 'done', rank: 2, align: 'right', cell: (worker) => String(worker.successful) },
    {
      head: 'failed',
      rank: 2.5,
      align: 'right',
      cell: (worker, { red }) => (worker.failed > 0 ? red(worker.failed) : '0'),
    },
    {
      head: 'seen',
      rank: 5,
      align: 'right',
      cell: (worker) => (worker.heartbeatAgeSeconds === null ? '?' : `${age(worker.heartbeatAgeSeconds)} ago`),
    },
    { head: 'host', rank: 7, cell: (worker) => worker.hostname ?? '?' },
    { head: 'pid', rank: 8, align: 'right', cell: (worker) => worker.pid ?? '?' },
  ];
  return [...table(now.workers, columns, view, chalk), cut(summary, view.columns)];
}

const STATE_COLOURS: Readonly<Record<string, 'green' | 'red' | 'yellow'>> = {
  idle: 'green',
  busy: 'red',
  suspended: 'yellow',
};

function stateCell(worker: WorkerInfo, chalk: ChalkInstance): string {
  if (worker.stale) return chalk.yellow(`${worker.state} (stale)`);
  const colour = Object.hasOwn(STATE_COLOURS, worker.state) ? STATE_COLOURS[worker.state] : undefined;
  return colour === undefined ? worker.state : chalk[colour](worker.state);
}

function byQueueLines(now: Snapshot, view: InfoView): string[] {
  const states = new Map(now.workers.map((worker) => [worker.name, worker.state]));
  const width = Math.max(0, ...now.queues.map((queue) => queue.name.length));
  const lines = now.queues.map((queue) => {
    const workers = queue.workers.map((name) => `${name} (${states.get(name) ?? 'gone'})`).join(', ');
    return cut(`${`${queue.name}:`.padEnd(width + 1)} ${workers === '' ? '–' : workers}`, view.columns);
  });
  return [
    ...lines,
    cut(`${plural(now.workers.length, 'worker')}, ${plural(now.queues.length, 'queue')}`, view.columns),
  ];
}

/** As many columns as fit, by rank; when even two do not, their first is cut. */
function table<T>(rows: readonly T[], columns: readonly Column<T>[], view: InfoView, chalk: ChalkInstance): string[] {
  const plain = new Chalk({ level: 0 });
  const widths = new Map(
    columns.map((column) => [
      column,
      Math.max(column.head.length, ...rows.map((row) => column.cell(row, plain).length)),
    ]),
  );
  const MAX = 36;
  const width = (chosen: readonly Column<T>[]): number =>
    chosen.reduce((sum, column) => sum + Math.min(widths.get(column) ?? 0, MAX) + GAP, -GAP);
  let chosen = [...columns];
  while (chosen.length > 2 && width(chosen) > view.columns) {
    const last = Math.max(...chosen.map((column) => column.rank));
    chosen = chosen.filter((column) => column.rank !== last);
  }
  const spare = view.columns - width(chosen);
  const first = chosen[0];
  const limit = (column: Column<T>): number => {
    const wanted = widths.get(column) ?? 0;
    // The names get what is left over; on a very narrow screen they give way.
    if (column === first) return Math.max(1, Math.min(wanted, Math.min(wanted, MAX) + spare));
    return Math.min(wanted, MAX);
  };
  const grid = new Table({
    head: chosen.map((column) => chalk.dim(cut(column.head, limit(column)))),
    colAligns: chosen.map((column) => column.align ?? 'left'),
    chars: NO_FRAME,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
  });
  for (const row of rows) {
    grid.push(
      chosen.map((column) => {
        const text = column.cell(row, plain);
        return text.length > limit(column) ? cut(text, limit(column)) : column.cell(row, chalk);
      }),
    );
  }
  return grid
    .toString()
    .split('\n')
    .map((line) => trimEnd(line));
}

const GAP = 2;
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
  middle: ' '.repeat(GAP),
};

const trimEnd = (line: string): string => line.replace(/ +$/, '');

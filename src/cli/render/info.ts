import { Chalk, type ChalkInstance } from 'chalk';
import type { QueueCounts, QueueInfo, Snapshot, WorkerInfo } from '../../info.js';
import { progressText } from './job.js';
import { table, type Column, type Row } from './table.js';
import { age, bar, cut, plural, printable, widthOf } from './words.js';

export interface InfoView {
  readonly columns: number;
  /** At most so many lines; the longer of the tables are cut, and say by how much. Default: all lines. */
  readonly rows?: number;
  readonly colour: boolean;
  readonly queues: boolean;
  readonly workers: boolean;
  readonly byQueue: boolean;
  /** Shown as a heading, when there are several connections. */
  readonly connection: string | null;
}

/** Queues and workers as lines, none longer than the screen is wide. `previous`: what throughput is counted from. */
export function renderInfo(now: Snapshot, previous: Snapshot | null, view: InfoView): string[] {
  const chalk = new Chalk({ level: view.colour ? 1 : 0 });
  const line = (text: string, paint: (text: string) => string = (plain) => plain): string =>
    paint(cut(text, view.columns));
  const top: string[] = [];
  if (view.connection !== null) top.push(line(`${view.connection} (${now.redis})`, chalk.bold));
  if (now.suspended) top.push(line(suspendedText(now), chalk.black.bgYellow));
  for (const problem of now.problems) top.push(line(`! ${printable(problem)}`, chalk.red));
  const queueSummary = view.queues ? queueSummaryLines(now, previous).map((text) => line(text)) : [];
  const workerSummary = view.workers ? [line(workerSummaryText(now, view))] : [];

  const tables = [view.queues ? now.queues.length : 0, view.workers ? workerRows(now, view) : 0] as const;
  const fixed = [top, queueSummary, workerSummary].reduce(
    (sum, part) => sum + (part.length > 0 ? part.length + 1 : 0),
    -1,
  );
  const [queues, workers] = share(tables, (view.rows ?? Infinity) - fixed);
  const blocks = [
    top,
    view.queues
      ? [...limited(tables[0], queues, 'queue', (n) => queueTable(now, previous, n, view, chalk)), ...queueSummary]
      : [],
    view.workers
      ? [
          ...limited(tables[1], workers, view.byQueue ? 'queue' : 'worker', (n) => workerTable(now, n, view, chalk)),
          ...workerSummary,
        ]
      : [],
  ];
  return blocks.filter((block) => block.length > 0).flatMap((block, i) => (i === 0 ? block : ['', ...block]));
}

function suspendedText({ suspendedForSeconds }: Snapshot): string {
  const until =
    suspendedForSeconds === null ? 'until `tsrq resume`' : `for another ${age(Math.ceil(suspendedForSeconds))}`;
  return `SUSPENDED ${until}: no new jobs are started`;
}

function queueSummaryLines(now: Snapshot, previous: Snapshot | null): string[] {
  const { totals } = now;
  const counts = [plural(totals.queues, 'queue'), `${plural(totals.queued, 'job')} queued`];
  if (totals.started > 0) counts.push(`${totals.started} started`);
  if (totals.failed > 0) counts.push(`${totals.failed} failed`);
  const rate = throughput(now, previous);
  if (rate !== null) counts.push(rate);
  const lines = [counts.join(', ')];
  if (totals.abandoned > 0) {
    lines.push(
      `${plural(totals.abandoned, 'job')} abandoned by dead workers: the next maintenance of a worker fails or retries them`,
    );
  }
  return lines;
}

/** Jobs ended since the last look, by the workers' own counters; those of a worker that is born since then count in full. */
function throughput(now: Snapshot, previous: Snapshot | null): string | null {
  if (!previous || now.timeMs <= previous.timeMs) return null;
  const before = new Map(previous.workers.map((worker) => [worker.name, worker]));
  const ended = (count: 'successful' | 'failed'): number =>
    now.workers.reduce((sum, worker) => {
      const last = before.get(worker.name);
      const same = last?.birthMs === worker.birthMs && last.gone === worker.gone;
      const born = worker.birthMs !== null && worker.birthMs >= previous.timeMs;
      return sum + Math.max(0, worker[count] - (same ? last[count] : born ? 0 : worker[count]));
    }, 0);
  const perSecond = (jobs: number): string => ((jobs * 1_000) / (now.timeMs - previous.timeMs)).toFixed(1);
  const failures = ended('failed');
  return `${perSecond(ended('successful') + failures)} jobs/s${failures > 0 ? ` (${perSecond(failures)} failing)` : ''}`;
}

function workerSummaryText({ workers, queues }: Snapshot, view: InfoView): string {
  if (view.byQueue) return `${plural(workers.length, 'worker')}, ${plural(queues.length, 'queue')}`;
  const states = new Map<string, number>();
  for (const worker of workers) states.set(stateOf(worker), (states.get(stateOf(worker)) ?? 0) + 1);
  const counts = [...states].sort().map(([state, count]) => `${count} ${state}`);
  return [plural(workers.length, 'worker'), ...counts].join(', ');
}

const workerRows = (now: Snapshot, view: InfoView): number => (view.byQueue ? now.queues.length : now.workers.length);

/** Lines for each of two tables, head included: what they need, or else half of what there is for each. */
function share([a, b]: readonly [number, number], room: number): [number, number] {
  const [needA, needB] = [a === 0 ? 0 : a + 1, b === 0 ? 0 : b + 1];
  if (needA + needB <= room) return [needA, needB];
  const forA = Math.min(needA, Math.max(room - needB, Math.floor(room / 2)));
  return [forA, Math.min(needB, room - forA)];
}

/** A table that has so many lines, the last of which tells what is missing. */
function limited(rows: number, lines: number, word: string, draw: (rows: number) => string[]): string[] {
  if (rows === 0 || lines <= 0) return [];
  if (rows < lines) return draw(rows);
  const shown = Math.max(0, lines - 2);
  const more = `… and ${plural(rows - shown, `${shown === 0 ? '' : 'more '}${word}`)}`;
  return shown === 0 ? [more] : [...draw(shown), more];
}

function queueTable(
  now: Snapshot,
  previous: Snapshot | null,
  rows: number,
  view: InfoView,
  chalk: ChalkInstance,
): string[] {
  const counted = now.queues.filter((queue) => queue.error === null);
  const longest = Math.max(0, ...counted.map((queue) => queue.queued));
  const before = new Map(previous?.queues.map((queue) => [queue.name, queue]));
  const bars: Column<QueueCounts> = {
    head: '',
    rank: 4,
    least: 8,
    most: longest === 0 ? 0 : 20,
    cell: (queue, width) => bar(queue.queued, longest, Math.min(20, width)),
    paint: (text) => chalk.green(text),
  };
  const columns: Column<QueueCounts>[] = [
    { head: 'queue', rank: 0, least: 10, cell: queueName, paint: (text) => chalk.bold(text) },
    number('queued', 1, (queue) => queue.queued),
    ...(longest > 0 ? [bars] : []),
    ...(previous
      ? [
          {
            ...number<QueueCounts>('change', 6, (queue) => queue.queued),
            cell: (queue: QueueCounts) => change(queue, before.get(queue.name)),
          },
        ]
      : []),
    number('started', 3, (queue) => queue.started + queue.intermediate, chalk.cyan),
    number('failed', 2, (queue) => queue.failed, chalk.red),
    number('finished', 5, (queue) => queue.finished),
    {
      head: 'oldest',
      rank: 5,
      align: 'right',
      cell: (queue) => (queue.oldestAgeSeconds === null ? '-' : age(queue.oldestAgeSeconds)),
    },
    {
      head: 'workers',
      rank: 5,
      align: 'right',
      cell: (queue) => String(queue.workers.length),
      paint: (text, queue) => (queue.workers.length === 0 && queue.queued > 0 ? chalk.yellow(text) : text),
    },
    number('scheduled', 7, (queue) => queue.scheduled),
    number('deferred', 8, (queue) => queue.deferred),
    number('canceled', 9, (queue) => queue.canceled),
  ];
  const shown = now.queues
    .slice(0, rows)
    .map((queue): Row<QueueCounts> =>
      queue.error === null ? { row: queue } : { name: printable(queue.name), error: printable(`! ${queue.error}`) },
    );
  return table(shown, columns, view.columns, chalk);
}

function number<T>(head: string, rank: number, of: (row: T) => number, colour?: (text: string) => string): Column<T> {
  const paint = colour ? { paint: (text: string, row: T): string => (of(row) > 0 ? colour(text) : text) } : {};
  return { head, rank, align: 'right', cell: (row) => String(of(row)), ...paint };
}

const queueName = ({ name, paused }: QueueCounts): string => `${printable(name)}${paused ? ' (paused)' : ''}`;

function change(queue: QueueCounts, before: QueueInfo | undefined): string {
  const by = before?.error === null ? queue.queued - before.queued : queue.queued;
  return by > 0 ? `+${by}` : by === 0 ? '' : String(by);
}

function workerTable(now: Snapshot, rows: number, view: InfoView, chalk: ChalkInstance): string[] {
  if (view.byQueue)
    return byQueueLines(now)
      .slice(0, rows + 1)
      .map((text) => cut(text, view.columns));
  return renderWorkers(now.workers.slice(0, rows), view.columns, chalk);
}

/** A table of workers, one in each line. */
export function renderWorkers(workers: readonly WorkerInfo[], width: number, chalk: ChalkInstance): string[] {
  const columns: Column<WorkerInfo>[] = [
    { head: 'worker', rank: 0, least: 12, cell: (worker) => printable(worker.name), paint: (text) => chalk.bold(text) },
    {
      head: 'state',
      rank: 1,
      cell: stateOf,
      paint: (text, worker) => stateColour(stateOf(worker), chalk)(text),
    },
    { head: 'job', rank: 3, least: 12, cell: jobText },
    {
      head: 'for',
      rank: 5,
      align: 'right',
      cell: (worker) => (worker.running[0]?.seconds == null ? '' : age(worker.running[0].seconds)),
    },
    ...(workers.some((worker) => (worker.concurrency ?? 1) > 1)
      ? [number<WorkerInfo>('slots', 6, (worker) => worker.concurrency ?? 1)]
      : []),
    { head: 'queues', rank: 6, least: 12, cell: (worker) => printable(worker.queues.join(', ')) },
    number('done', 4, (worker) => worker.successful),
    number('failed', 4, (worker) => worker.failed, chalk.red),
    {
      head: 'seen',
      rank: 2,
      align: 'right',
      cell: (worker) => (worker.heartbeatAgeSeconds === null ? '?' : age(worker.heartbeatAgeSeconds)),
      paint: (text, worker) => (worker.stale ? chalk.red(text) : text),
    },
    { head: 'worked', rank: 9, align: 'right', cell: (worker) => age(worker.workingSeconds) },
    { head: 'host', rank: 7, least: 8, cell: (worker) => printable(worker.hostname ?? '?') },
    { head: 'pid', rank: 8, align: 'right', cell: (worker) => String(worker.pid ?? '?') },
    { head: 'version', rank: 10, cell: (worker) => printable(worker.version ?? '?') },
  ];
  const shown = workers.map((worker): Row<WorkerInfo> =>
    worker.error === null ? { row: worker } : { name: printable(worker.name), error: printable(`! ${worker.error}`) },
  );
  return table(shown, columns, width, chalk);
}

/** What the worker says of itself, unless it cannot be true any more. */
function stateOf({ state, gone, stale, stopping, quiet }: WorkerInfo): string {
  if (gone || stale) return gone ? 'gone' : 'lost';
  return stopping ? 'stopping' : quiet ? 'quiet' : printable(state);
}

function stateColour(state: string, chalk: ChalkInstance): (text: string) => string {
  if (state === 'busy') return chalk.cyan;
  if (state === 'idle') return chalk.green;
  if (['suspended', 'stopping', 'quiet'].includes(state)) return chalk.yellow;
  return state === 'gone' || state === 'lost' ? chalk.red : (text) => text;
}

function jobText({ running }: WorkerInfo): string {
  const [first, ...others] = running;
  if (!first) return '';
  const text = first.progress === null ? printable(first.id) : `${printable(first.id)} ${progressText(first.progress)}`;
  return others.length === 0 ? text : `+${others.length} ${text}`;
}

function byQueueLines(now: Snapshot): string[] {
  const states = new Map(now.workers.map((worker) => [worker.name, stateOf(worker)]));
  const names = now.queues.map((queue) => `${printable(queue.name)}:`);
  const width = Math.max(0, ...names.map(widthOf));
  return now.queues.map((queue, i) => {
    const name = names[i] ?? '';
    const workers =
      queue.error === null ? queue.workers.map((worker) => `${printable(worker)} (${states.get(worker) ?? '?'})`) : [];
    const text =
      queue.error === null ? (workers.length === 0 ? '–' : workers.join(', ')) : printable(`! ${queue.error}`);
    return `${name}${' '.repeat(width - widthOf(name))} ${text}`;
  });
}

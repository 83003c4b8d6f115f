import { Chalk, type ChalkInstance } from 'chalk';
import type { CountedQueue, Overview } from '../../info/overview.js';
import type { WorkerInfo } from '../../info/worker.js';
import type { Top } from '../top/app.js';
import { isJobTab, sizesOf, sumOf, TABS, type Tab } from '../top/source.js';
import { renderJobs } from './job-list.js';
import { sparkline } from './spark.js';
import { table, type Column, type Row } from './table.js';
import { age, cut, plural, printable, widthOf } from './words.js';

/** The whole screen; no line is longer than it is wide. */
export function renderTop(top: Top, columns: number, rows: number, colour: boolean): string[] {
  const chalk = new Chalk({ level: colour ? 1 : 0 });
  const head = headLines(top, columns, chalk);
  const room = Math.max(1, rows - head.length - 2);
  const body = bodyLines(top, columns, room, chalk).slice(0, room);
  const filler = Array.from({ length: room - body.length }, () => '');
  const whole = [...head, ...body, ...filler, sayLine(top, columns, chalk), chalk.dim(cut(keysText(top), columns))];
  return whole.slice(-Math.max(1, rows));
}

function headLines(top: Top, columns: number, chalk: ChalkInstance): string[] {
  const { overview, place } = top;
  const name = top.places.length > 1 ? `${place?.name ?? ''}: ` : '';
  const where = `${name}${overview?.redis.description ?? ''}`;
  const title = `tsrq top  ${new Date().toTimeString().slice(0, 8)}  every ${top.seconds} s  ${where}`;
  const lines = [chalk.bold(cut(printable(title), columns))];
  if (!overview) return [...lines, '', '', ''];
  const total = (count: Parameters<Overview['total']>[0]): string => overview.total(count).toLocaleString('en');
  const sums = `${total('queued')} queued, ${total('wip')} running, ${total('failed')} failed, ${total('scheduled')} scheduled, ${total('deferred')} deferred`;
  const held = overview.suspended ? `SUSPENDED until \`tsrq resume\`  ${sums}` : sums;
  const paint = overview.suspended ? chalk.black.bgYellow : (text: string): string => text;
  return [
    ...lines,
    paint(cut(held, columns)),
    sparks(overview, columns, chalk),
    tabLine(top, overview, columns, chalk),
  ];
}

function sparks({ history }: Overview, columns: number, chalk: ChalkInstance): string {
  const now = history.at(-1) ?? { ended: 0, failed: 0, waiting: 0 };
  const share = ({ ended, failed }: typeof now): number => (ended > 0 ? (failed / ended) * 100 : 0);
  const parts = [
    ['ended', history.map(({ ended }) => ended), `${now.ended.toFixed(1)}/s`, chalk.green],
    ['failing', history.map(share), `${Math.round(share(now))}%`, chalk.red],
    ['waiting', history.map(({ waiting }) => waiting), age(now.waiting), chalk.yellow],
  ] as const;
  const cell = Math.floor((columns + 2) / parts.length) - 2;
  return parts
    .map(([label, values, text, paint]) => {
      const line = sparkline(values, cell - label.length - text.length - 2);
      const free = cell - label.length - text.length - 2 - line.length;
      return free < 0 ? cut(`${label} ${text}`, cell) : `${label} ${paint(line)} ${text}${' '.repeat(free)}`;
    })
    .join('  ')
    .trimEnd();
}

function tabLine(top: Top, overview: Overview, columns: number, chalk: ChalkInstance): string {
  const sizeOf = (tab: Tab): number => {
    if (!isJobTab(tab)) return overview[tab].length;
    return sumOf(sizesOf(overview, tab, top.scope));
  };
  const words = TABS.map((tab, i) => {
    const text = `${i + 1} ${tab} ${sizeOf(tab).toLocaleString('en')}`;
    return tab === top.tab ? `[${text}]` : ` ${text} `;
  });
  const plain = words.join('');
  // Of a narrow screen, the tab that is shown is what must be seen.
  if (widthOf(plain) > columns) return chalk.inverse(cut(words[TABS.indexOf(top.tab)] ?? '', columns));
  return words.map((word) => (word.startsWith('[') ? chalk.inverse(word) : word)).join('');
}

function bodyLines(top: Top, columns: number, room: number, chalk: ChalkInstance): string[] {
  if (top.mode.kind === 'help') return HELP.map((line) => cut(line, columns));
  const job = top.mode.kind === 'question' ? top.mode.back : top.mode;
  if (job.kind === 'job') {
    const { view } = job;
    return view
      .lines()
      .slice(view.from, view.from + room)
      .map((line) => cut(line, columns));
  }
  const { overview } = top;
  if (!overview) return [];
  const lines = listLines(top, overview, columns - 2, chalk);
  if (lines.length === 0) return [emptyText(top)].map((line) => cut(`  ${line}`, columns));
  const selected = top.cursor.at - top.cursor.from;
  return lines.map((line, i) => (i === selected + 1 ? `${chalk.inverse('>')} ${line}` : `  ${line}`));
}

function listLines(top: Top, overview: Overview, columns: number, chalk: ChalkInstance): string[] {
  if (isJobTab(top.tab)) {
    const view = { columns, colour: chalk.level > 0, nowMs: overview.timeMs };
    return top.page.length === 0 ? [] : renderJobs(top.page, view);
  }
  if (top.names.length === 0) return [];
  return top.tab === 'queues'
    ? table(queueRows(top.names, overview), queueColumns(overview, chalk), columns, chalk)
    : table(workerRows(top.names, overview), workerColumns(chalk), columns, chalk);
}

function emptyText({ tab, cursor, search, length, scope }: Top): string {
  if (search !== null && !search.isOver) return 'looking …';
  if (cursor.filter !== '') return `nothing here holds '${printable(cursor.filter)}'`;
  if (length > 0) return '…';
  if (!isJobTab(tab)) return `no ${tab}`;
  return `no ${tab} jobs${scope === null ? '' : ` of ${printable(scope)}`}`;
}

const queueRows = (names: readonly string[], { counts }: Overview): Row<CountedQueue>[] =>
  names.flatMap((name): Row<CountedQueue>[] => {
    const row = counts.get(name);
    if (!row) return [];
    return [row.error === null ? { row } : { name: printable(name), error: printable(`! ${row.error}`) }];
  });

const workerRows = (names: readonly string[], { seen }: Overview): Row<WorkerInfo>[] =>
  names.flatMap((name): Row<WorkerInfo>[] => {
    const row = seen.get(name);
    if (!row) return [];
    return [row.error === null ? { row } : { name: printable(name), error: printable(`! ${row.error}`) }];
  });

const number = <T>(
  head: string,
  rank: number,
  of: (row: T) => number,
  colour?: (text: string) => string,
): Column<T> => ({
  ...{ head, rank, align: 'right', cell: (row) => String(of(row)) },
  ...(colour ? { paint: (text, row) => (of(row) > 0 ? colour(text) : text) } : {}),
});

const queueColumns = (overview: Overview, chalk: ChalkInstance): Column<CountedQueue>[] => [
  {
    ...{ head: 'queue', rank: 0, least: 24, paint: (text) => chalk.bold(text) },
    cell: ({ name }, width) =>
      overview.isPaused(name) ? `${cut(printable(name), width - 9)} (paused)` : printable(name),
  },
  number('queued', 1, ({ queued }) => queued),
  number('running', 3, ({ wip }) => wip, chalk.cyan),
  number('failed', 2, ({ failed }) => failed, chalk.red),
  number('scheduled', 5, ({ scheduled }) => scheduled),
  number('deferred', 6, ({ deferred }) => deferred),
  number('finished', 7, ({ finished }) => finished),
  {
    ...{ head: 'waiting', rank: 4, align: 'right' },
    cell: ({ oldestSeconds }) => (oldestSeconds === null ? '-' : age(oldestSeconds)),
  },
];

const workerColumns = (chalk: ChalkInstance): Column<WorkerInfo>[] => [
  { head: 'worker', rank: 0, least: 12, cell: ({ name }) => printable(name), paint: (text) => chalk.bold(text) },
  {
    ...{
      head: 'state',
      rank: 1,
      cell: ({ state, gone, stale }) => (gone ? 'gone' : stale ? 'lost' : printable(state)),
    },
    paint: (text, { stale, state }) => (stale ? chalk.red(text) : state === 'busy' ? chalk.cyan(text) : text),
  },
  { head: 'job', rank: 3, least: 12, cell: ({ currentJob }) => printable(currentJob ?? '') },
  { head: 'queues', rank: 6, least: 12, cell: ({ queues }) => printable(queues.join(', ')) },
  number('done', 4, ({ successful }) => successful),
  number('failed', 4, ({ failed }) => failed, chalk.red),
  {
    ...{ head: 'seen', rank: 2, align: 'right' },
    cell: ({ heartbeatAgeSeconds }) => (heartbeatAgeSeconds === null ? '?' : age(heartbeatAgeSeconds)),
  },
  { head: 'host', rank: 7, least: 8, cell: ({ hostname }) => printable(hostname ?? '?') },
  { head: 'pid', rank: 8, align: 'right', cell: ({ pid }) => String(pid ?? '?') },
];

/** A question first, then what is wrong, then what was done, then where the list is. */
function sayLine(top: Top, columns: number, chalk: ChalkInstance): string {
  const { mode, outage, message, cursor, search, overview } = top;
  const say = (text: string, paint: (text: string) => string): string => paint(cut(printable(text), columns));
  if (mode.kind === 'question') return say(`${mode.text} y/n`, chalk.yellow);
  if (mode.kind === 'filter') return say(`/${cursor.filter}_`, chalk.yellow);
  if (outage !== null) return say(`! for ${age((Date.now() - outage.sinceMs) / 1_000)}: ${outage.text}`, chalk.red);
  if (message !== null) return say(message, chalk.green);
  const [problem] = overview?.problems ?? [];
  if (problem !== undefined) return say(`! ${problem}`, chalk.red);
  const parts = [
    ...(mode.kind === 'list' && top.length > 0
      ? [`${(cursor.at + 1).toLocaleString('en')} of ${top.length.toLocaleString('en')}`]
      : []),
    ...(cursor.filter === '' ? [] : [`filter '${cursor.filter}'`]),
    ...(search === null
      ? []
      : [`looked at ${Math.min(search.looked, search.total).toLocaleString('en')} of ${plural(search.total, 'job')}`]),
    ...(top.scope !== null && isJobTab(top.tab) ? [`queue ${top.scope} (esc: all)`] : []),
  ];
  return say(parts.join('  '), chalk.dim);
}

function keysText(top: Top): string {
  const { mode } = top;
  if (mode.kind === 'question') return 'y yes  any other key no';
  if (mode.kind === 'filter') return 'enter keep  esc clear';
  if (mode.kind === 'help') return 'any key: back';
  const actions = top.actions.map(({ key, word }) => `${key} ${word}`);
  const rest = mode.kind === 'job' ? ['↑↓ scroll', 'esc back'] : ['tab next', '↑↓ move', 'enter open', '/ filter'];
  const other = top.places.length > 1 && mode.kind === 'list' ? ['o other Redis'] : [];
  return ['q quit', '? help', ...actions, ...rest, ...other].join('  ');
}

const HELP = [
  'tab, 1 … 5      the tabs (shift-tab, ← and → too)',
  '↑ ↓ j k         move; page up and down, home, end',
  'enter           a queue: its failed jobs; a worker: its job; a job: all that is known of it',
  '/               show only what holds a text; esc shows all again',
  'p               pause or resume the queue',
  'r               requeue the failed job; on a queue: all its failed jobs',
  's               stop the running job',
  'c               cancel the job',
  'd               delete the job',
  'o               the next of several connections',
  'q, ctrl-c       quit',
  '',
  'ended           jobs per second, by the counters of the workers',
  'failing         how many of these have failed',
  'waiting         how long the job at the head of a queue has waited, the longest',
];

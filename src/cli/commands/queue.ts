import { Argument, Command } from 'commander';
import { TsrqError } from '../../errors.js';
import { snapshot, type QueueCounts, type QueueInfo, type Snapshot } from '../../info.js';
import { compactQueue } from '../../queue/compact.js';
import { deleteQueue } from '../../queue/delete-queue.js';
import { pauseQueue, resumeQueue } from '../../queue/pause.js';
import { queueNames } from '../../queue/registry.js';
import type { Redis } from '../../redis/redis.js';
import { confirm } from '../confirm.js';
import {
  askEach,
  chosenConnections,
  isOutage,
  queuesByConnection,
  throwOutage,
  workOnEach,
  type QueuesOfConnection,
} from '../connections.js';
import type { Cli } from '../context.js';
import { timespan } from '../values.js';
import { noteInterruption } from '../interrupted.js';
import { progressBar } from '../progress.js';
import { queueJson } from '../render/info-json.js';
import { renderInfo } from '../render/info.js';
import { describeQueue } from '../render/queue.js';
import { printable } from '../render/words.js';
import { moveAndReport } from './move.js';

interface Options {
  duration?: number;
  yes?: boolean;
  force?: boolean;
  keepJobs?: boolean;
}

const HELP = `
Actions:
  list      queues with their counts; names narrow it
  show      one queue or several, in full
  pause     tsrq's workers take nothing from them, for --duration or until
            resumed; Python's workers do not know it
  resume    they may be taken from again
  move      FROM TO: the queued jobs of FROM go to the end of TO, in order;
            \`tsrq move\` can also choose some of them
  compact   drop ids whose job is gone
  delete    remove the queued jobs and the queue; its registries stay

Examples:
  $ tsrq queue list
  $ tsrq queue pause mail --duration 10m
  $ tsrq queue resume mail
  $ tsrq queue move low default
  $ tsrq queue delete old --yes

Exits 1 if any of them could not be done. Move, compact and delete may be
interrupted and given again.
`;

const ACTIONS = ['list', 'show', 'pause', 'resume', 'move', 'compact', 'delete'] as const;
type Action = (typeof ACTIONS)[number];

/** The options that go with some actions only. */
const OPTIONS: readonly (readonly [keyof Options, Action])[] = [
  ['duration', 'pause'],
  ['yes', 'delete'],
  ['force', 'delete'],
  ['keepJobs', 'delete'],
];

export function queueCommand(cli: Cli): Command {
  return new Command('queue')
    .description('Look at queues, pause, move, compact or delete them.')
    .addArgument(new Argument('<action>', 'what to do').choices(ACTIONS))
    .argument('[queues...]', 'names of queues')
    .option('--duration <duration>', 'with pause: resume by itself after that time: 90, 10m, 2h', timespan)
    .option('-y, --yes', 'with delete: do not ask')
    .option('--force', 'with delete: also while jobs of the queue run')
    .option('--keep-jobs', 'with delete: only forget that the jobs were queued')
    .addHelpText('after', HELP)
    .action(async (action: Action, names: string[], options: Options) => {
      check(action, names, options);
      if (action === 'list' || action === 'show') await show(cli, action, names);
      else if (action === 'move') await moveAndReport(cli, names[0] ?? '', names[1] ?? '', {});
      else await change(cli, action, names, options);
    });
}

function check(action: Action, names: readonly string[], options: Options): void {
  for (const [option, wanted] of OPTIONS) {
    if (options[option] === undefined || action === wanted) continue;
    throw new TsrqError('USAGE', `--${option === 'keepJobs' ? 'keep-jobs' : option} goes with ${wanted} only`);
  }
  if (names.includes('')) throw new TsrqError('USAGE', 'a queue has a name');
  if (action === 'move' && names.length !== 2) throw new TsrqError('USAGE', 'move needs two queues: FROM and TO');
  if (action !== 'list' && names.length === 0)
    throw new TsrqError('USAGE', `${action} needs the name of a queue`, { hint: '`tsrq queue list` shows them' });
}

async function show(cli: Cli, action: 'list' | 'show', names: readonly string[]): Promise<void> {
  const settings = await cli.settings();
  const connections = names.length > 0 ? queuesByConnection(settings, names) : chosenConnections(settings);
  const answers = await askEach(connections, async ({ name, target, queues }) => {
    const redis = await cli.connect(target);
    const now = await snapshot(redis, queues === null ? {} : { queues });
    return { connection: name, now, unknown: action === 'show' ? await unknownOf(redis, now.queues) : [] };
  });
  const found = answers.flatMap((answer) => (isOutage(answer) ? [] : [answer]));
  if (found.length > 0) print(cli, action, found);
  throwOutage(answers);
}

interface Found {
  readonly connection: string;
  readonly now: Snapshot;
  readonly unknown: readonly QueueInfo[];
}

function print(cli: Cli, action: 'list' | 'show', found: readonly Found[]): void {
  const unknown = found.flatMap((each) => each.unknown);
  if (unknown.length > 0 || found.some(({ now }) => now.queues.some(({ error }) => error !== null))) cli.exitCode = 1;
  if (cli.json) {
    const queues = found.flatMap(({ connection, now, unknown: none }) =>
      now.queues.map((queue) =>
        none.includes(queue) ? { connection, name: queue.name, found: false } : { connection, ...queueJson(queue) },
      ),
    );
    cli.stdout.write(`${JSON.stringify({ queues })}\n`);
    return;
  }
  for (const { name } of unknown)
    cli.stderr.write(`${printable(`tsrq: there is no queue ${name}; \`tsrq queue list\` shows them`)}\n`);
  const { columns, colour } = cli.stdout;
  const view = { columns, colour, queues: true, workers: false, byQueue: false };
  const blocks = found.flatMap(({ connection, now }) =>
    action === 'show'
      ? now.queues.filter((queue) => !unknown.includes(queue)).map(describeQueue)
      : [renderInfo(now, null, { ...view, connection: found.length > 1 ? connection : null }).join('\n')],
  );
  if (blocks.length > 0) cli.stdout.write(`${blocks.join('\n\n')}\n`);
}

/** Those that have nothing, nobody listens on, and RQ does not know. */
async function unknownOf(redis: Redis, queues: readonly QueueInfo[]): Promise<QueueInfo[]> {
  const bare = queues.filter((queue) => queue.error === null && !queue.paused && isBare(queue));
  if (bare.length === 0) return [];
  const { names } = await queueNames(redis);
  return bare.filter(({ name }) => !names.includes(name));
}

const COUNTS = [
  ...(['queued', 'intermediate', 'started', 'abandoned', 'finished'] as const),
  ...(['failed', 'deferred', 'scheduled', 'canceled'] as const),
];
const isBare = (queue: QueueCounts): boolean => queue.workers.length === 0 && COUNTS.every((name) => queue[name] === 0);

/** What became of one queue. */
interface Done {
  readonly queue: string;
  readonly done: boolean;
  readonly text: string;
  readonly json: object;
}

async function change(cli: Cli, action: Action, names: readonly string[], options: Options): Promise<void> {
  const connections = queuesByConnection(await cli.settings(), names);
  const question = `Delete ${names.join(', ')}${options.keepJobs === true ? '' : ' and the queued jobs'}?`;
  if (action === 'delete' && !(await confirm(cli, question, options.yes))) return;
  cli.outliveReader();
  const shown: object[] = [];
  const outage = await workOnEach(connections, async (connection) => {
    for await (const { queue, done, text, json } of changeQueues(cli, action, connection, options)) {
      if (!done) cli.exitCode = 1;
      if (!cli.json) (done ? cli.stdout : cli.stderr).write(`${printable(`${done ? '' : 'tsrq: '}${text}`)}\n`);
      shown.push({ queue, done, ...json });
    }
  });
  if (cli.json && (shown.length > 0 || !outage)) cli.stdout.write(`${JSON.stringify({ queues: shown })}\n`);
  if (outage) throw outage;
  if (action === 'compact' || action === 'delete')
    noteInterruption(cli, 'nothing is half-done; the same command goes on');
}

async function* changeQueues(
  cli: Cli,
  action: Action,
  { target, queues }: QueuesOfConnection,
  options: Options,
): AsyncGenerator<Done> {
  const redis = await cli.connect(target);
  for (const queue of queues ?? []) {
    if ((action === 'compact' || action === 'delete') && cli.interruption().aborted) return;
    yield await changeQueue(cli, action, redis, queue, options).catch((error: unknown): Done => {
      // One bad key does not keep the others from being done.
      if (!(error instanceof Error) || error.name !== 'ReplyError') throw error;
      return { queue, done: false, text: `${queue}: ${error.message}`, json: { reason: error.message } };
    });
  }
}

function changeQueue(cli: Cli, action: Action, redis: Redis, queue: string, options: Options): Promise<Done> {
  if (action === 'pause') return pause(redis, queue, options.duration ?? null);
  if (action === 'resume') return resume(redis, queue);
  return action === 'compact' ? compact(cli, redis, queue) : remove(cli, redis, queue, options);
}

async function pause(redis: Redis, queue: string, seconds: number | null): Promise<Done> {
  await pauseQueue(redis, queue, seconds);
  const until = seconds === null ? `until \`tsrq queue resume ${queue}\`` : `for ${seconds} seconds`;
  const text = `Paused ${queue} ${until}: tsrq's workers take nothing from it. Python's workers do not know it, and go on.`;
  return { queue, done: true, text, json: { paused: true, durationSeconds: seconds } };
}

async function resume(redis: Redis, queue: string): Promise<Done> {
  const wasPaused = await resumeQueue(redis, queue);
  const text = wasPaused ? `Resumed ${queue}.` : `${queue} was not paused.`;
  return { queue, done: true, text, json: { paused: false, wasPaused } };
}

async function compact(cli: Cli, redis: Redis, queue: string): Promise<Done> {
  const bar = await progressBar(cli.stderr, `Compacting ${queue}`, 'ids');
  const dropped = await compactQueue(redis, queue, bar.update, cli.interruption()).finally(bar.end);
  return { queue, done: true, text: `${dropped} ids without a job dropped from ${queue}`, json: { dropped } };
}

async function remove(
  cli: Cli,
  redis: Redis,
  queue: string,
  { force = false, keepJobs = false }: Options,
): Promise<Done> {
  const bar = await progressBar(cli.stderr, `Deleting ${queue}`, 'jobs');
  const how = { force, keepJobs, onProgress: bar.update, signal: cli.interruption() };
  const result = await deleteQueue(redis, queue, how).finally(bar.end);
  const { state, removed } = result;
  if (state === 'deleted') {
    const text = keepJobs ? `Deleted ${queue}.` : `Deleted ${queue} and ${removed} queued jobs.`;
    return { queue, done: true, text, json: { removed } };
  }
  const why =
    state === 'running'
      ? `${result.count} of its jobs run or are about to (--force deletes it all the same)`
      : `${result.count} jobs are on it still`;
  const text = `${queue} was not deleted: ${why}`;
  return { queue, done: false, text, json: { removed, reason: text } };
}

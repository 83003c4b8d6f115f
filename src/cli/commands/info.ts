import { Command, InvalidArgumentError } from 'commander';
import type { Settings } from '../../config/settings.js';
import type { Snapshot } from '../../info.js';
import { snapshot } from '../../info.js';
import type { Redis } from '../../redis/redis.js';
import { chosenConnections, queuesByConnection, type QueuesOfConnection } from '../connections.js';
import type { Cli } from '../context.js';
import { repeatOnScreen } from '../screen.js';

interface Options {
  interval?: number;
  raw?: boolean;
  onlyQueues?: boolean;
  onlyWorkers?: boolean;
  byQueue?: boolean;
  prometheus?: boolean;
}

/** What is shown of one connection; `queues` null for all. */
interface Source {
  readonly name: string;
  readonly redis: Redis;
  readonly queues: readonly string[] | null;
}

export function infoCommand(cli: Cli): Command {
  return new Command('info')
    .description('Show queues and workers. Never changes anything.')
    .argument('[queues...]', 'names of queues (default: all)')
    .option('-i, --interval <seconds>', 'show it again and again, in place on a terminal', interval)
    .option('-r, --raw', "print the plain lines of RQ's `rq info --raw`")
    .option('-Q, --only-queues', 'show only queues')
    .option('-W, --only-workers', 'show only workers')
    .option('-R, --by-queue', 'show the workers of each queue')
    .option('--prometheus', "print metrics under rq-exporter's names")
    .addHelpText(
      'after',
      '\nExamples:\n  $ tsrq info\n  $ tsrq info --interval 1 high low\n  $ tsrq info --json | jq .queues',
    )
    .action(async (queues: string[], options: Options) => {
      const settings = await cli.settings();
      const sources = await open(cli, settings, queues);
      if (options.interval === undefined) {
        const texts = [];
        for (const source of sources) texts.push(await show(cli, source, sources.length > 1, options, new Map()));
        cli.stdout.write(join(cli, options, texts));
        return;
      }
      await repeat(cli, sources, options, options.interval);
    });
}

async function open(cli: Cli, settings: Settings, queues: readonly string[]): Promise<Source[]> {
  const chosen: QueuesOfConnection[] =
    queues.length > 0 ? queuesByConnection(settings, queues) : chosenConnections(settings);
  return Promise.all(
    chosen.map(async ({ name, target, queues: names }) => ({ name, redis: await cli.connect(target), queues: names })),
  );
}

async function repeat(cli: Cli, sources: readonly Source[], options: Options, seconds: number): Promise<void> {
  const previous = new Map<string, Snapshot>();
  await repeatOnScreen(cli, seconds, async () => {
    const texts = [];
    for (const source of sources) texts.push(await show(cli, source, sources.length > 1, options, previous));
    return join(cli, options, texts);
  });
}

const join = (cli: Cli, options: Options, texts: readonly string[]): string =>
  texts.join(cli.json || options.raw === true || options.prometheus === true ? '' : '\n');

async function show(
  cli: Cli,
  source: Source,
  several: boolean,
  options: Options,
  previous: Map<string, Snapshot>,
): Promise<string> {
  const now = await snapshot(source.redis, source.queues === null ? {} : { queues: source.queues });
  const before = previous.get(source.name) ?? null;
  previous.set(source.name, now);
  const view = {
    queues: options.onlyWorkers !== true || options.onlyQueues === true,
    workers: options.onlyQueues !== true || options.onlyWorkers === true,
    byQueue: options.byQueue === true,
  };
  // Workers that listen on none of the named queues are not asked for.
  const shown =
    source.queues === null
      ? now
      : { ...now, workers: now.workers.filter((worker) => listens(worker.queues, source.queues ?? [])) };
  if (cli.json) return `${JSON.stringify(several ? { connection: source.name, ...shown } : shown)}\n`;
  if (options.prometheus === true) return (await import('../render/info-prometheus.js')).renderPrometheus(shown);
  if (options.raw === true) {
    for (const queue of shown.queues)
      if (queue.error !== null) cli.stderr.write(`tsrq: queue ${queue.name}: ${queue.error}\n`);
  }
  if (options.raw === true) return lines((await import('../render/info-raw.js')).renderRaw(shown, view));
  const { columns, colour } = cli.stdout;
  const { renderInfo } = await import('../render/info.js');
  return lines(renderInfo(shown, before, { ...view, columns, colour, connection: several ? source.name : null }));
}

const listens = (own: readonly string[], asked: readonly string[]): boolean =>
  own.some((queue) => asked.includes(queue));

const lines = (list: readonly string[]): string => list.map((line) => `${line}\n`).join('');

function interval(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError(`a number of seconds above 0 is needed, not '${text}'`);
}

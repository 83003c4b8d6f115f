import { Command } from 'commander';
import { TsrqError } from '../../errors.js';
import { snapshot, type Snapshot } from '../../info.js';
import type { Redis } from '../../redis/redis.js';
import { chosenConnections, isOutage, queuesByConnection } from '../connections.js';
import type { Cli } from '../context.js';
import type { Found } from '../render/info-json.js';
import { repeat, showLive } from '../screen.js';
import { seconds } from '../values.js';

interface Options {
  interval?: number;
  raw?: boolean;
  onlyQueues?: boolean;
  onlyWorkers?: boolean;
  byQueue?: boolean;
  prometheus?: boolean;
}

export function infoCommand(cli: Cli): Command {
  return new Command('info')
    .description('Show queues and workers. Never changes anything.')
    .argument('[queues...]', 'names of queues (default: all)')
    .option('-i, --interval <seconds>', 'show it again and again, in place on a terminal', seconds)
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
      const formats = [cli.json && '--json', options.raw && '--raw', options.prometheus && '--prometheus'].filter(
        Boolean,
      );
      if (formats.length > 1) throw new TsrqError('USAGE', `${formats.join(' and ')} exclude each other`);
      const sources = await open(cli, queues);
      const draw = await renderer(cli, options);
      const view: View = {
        draw,
        spaced: formats.length === 0 && options.interval !== undefined,
        plain: options.raw === true || options.prometheus === true,
      };
      if (options.interval === undefined) await showOnce(cli, sources, view);
      else if (cli.stdout.isTTY && !cli.json && options.prometheus !== true)
        await watch(cli, sources, view, options.interval);
      else await append(cli, sources, view, options.interval);
    });
}

/** A connection, and what was seen there. */
interface Source {
  readonly name: string;
  readonly redis: Redis;
  /** Null for all. */
  readonly queues: readonly string[] | null;
  now: Snapshot | null;
  previous: Snapshot | null;
  /** Why the last look has failed, and since when. */
  outage: { readonly error: TsrqError; readonly sinceMs: number } | null;
}

async function open(cli: Cli, queues: readonly string[]): Promise<Source[]> {
  const settings = await cli.settings();
  const chosen = queues.length > 0 ? queuesByConnection(settings, queues) : chosenConnections(settings);
  return Promise.all(
    chosen.map(async ({ name, target, queues: names }) => {
      return { name, redis: await cli.connect(target), queues: names, now: null, previous: null, outage: null };
    }),
  );
}

async function lookAt(source: Source): Promise<void> {
  try {
    const now = await snapshot(source.redis, source.queues === null ? {} : { queues: source.queues });
    source.previous = source.now;
    source.now = now;
    source.outage = null;
  } catch (error) {
    if (!isOutage(error)) throw error;
    source.outage = { error, sinceMs: source.outage?.sinceMs ?? Date.now() };
  }
}

const look = (sources: readonly Source[]): Promise<unknown> => Promise.all(sources.map(lookAt));

interface Size {
  readonly columns: number;
  readonly rows?: number;
}
type Renderer = (sources: readonly Source[], size: Size) => string[];

interface View {
  readonly draw: Renderer;
  /** Each block ends with an empty line. */
  readonly spaced: boolean;
  /** The format has no place for what cannot be read. */
  readonly plain: boolean;
}

/** How the options want it shown; only that renderer is loaded. Sources that were never seen are left out. */
async function renderer(cli: Cli, options: Options): Promise<Renderer> {
  const view = {
    queues: options.onlyWorkers !== true || options.onlyQueues === true,
    workers: options.onlyQueues !== true || options.onlyWorkers === true,
    byQueue: options.byQueue === true,
  };
  if (cli.json) {
    const { renderJson } = await import('../render/info-json.js');
    return (sources) => [renderJson(found(sources))];
  }
  if (options.prometheus === true) {
    const { renderPrometheus } = await import('../render/info-prometheus.js');
    return (sources) => renderPrometheus(found(sources)).trimEnd().split('\n');
  }
  if (options.raw === true) {
    const { renderRaw } = await import('../render/info-raw.js');
    return (sources) => found(sources).flatMap(({ snapshot: now }) => renderRaw(now, view));
  }
  const { renderInfo } = await import('../render/info.js');
  return (sources, { columns, rows }) => {
    const seen = sources.filter((source) => source.now !== null);
    const room = rows === undefined ? {} : { rows: Math.floor((rows + 1) / seen.length) - 1 };
    const blocks = seen.map(({ name, now, previous }) =>
      now === null
        ? []
        : renderInfo(now, previous, {
            ...view,
            ...room,
            columns,
            colour: cli.stdout.colour,
            connection: sources.length > 1 ? name : null,
          }),
    );
    return blocks.flatMap((lines, i) => (i === 0 ? lines : ['', ...lines]));
  };
}

const found = (sources: readonly Source[]): Found[] =>
  sources.flatMap(({ name, now }) => (now === null ? [] : [{ connection: name, snapshot: now }]));

/** Shows what could be seen, and then fails if not all could. */
async function showOnce(cli: Cli, sources: readonly Source[], view: View): Promise<void> {
  await look(sources);
  print(cli, sources, view, new Set());
  const lost = sources.find((source) => source.outage !== null);
  if (lost?.outage) throw lost.outage.error;
}

/** `told`: what was said on stderr already. */
function print(cli: Cli, sources: readonly Source[], view: View, told: Set<string>): void {
  const seen = sources.filter((source) => source.outage === null);
  if (seen.length === 0) return;
  const lines = view.draw(seen, { columns: cli.stdout.columns });
  cli.stdout.write([...lines, ...(view.spaced ? [''] : [])].map((line) => `${line}\n`).join(''));
  for (const text of view.plain ? unreadable(seen) : []) {
    if (!told.has(text)) cli.stderr.write(`tsrq: ${text}\n`);
    told.add(text);
  }
}

const unreadable = (sources: readonly Source[]): string[] =>
  found(sources).flatMap(({ snapshot: { queues, workers, problems } }) => [
    ...queues.flatMap(({ name, error }) => (error === null ? [] : [`queue ${name}: ${error}`])),
    ...workers.flatMap(({ name, error }) => (error === null ? [] : [`worker ${name}: ${error}`])),
    ...problems,
  ]);

/** In place; a Redis that goes away meanwhile is shown as such over what was seen last. */
async function watch(cli: Cli, sources: readonly Source[], view: View, seconds: number): Promise<void> {
  const { cut, age, printable } = await import('../render/words.js');
  const header = (columns: number): string[] => {
    const redis = sources.map((source) => source.redis.description).join(', ');
    const outages = sources.flatMap(({ outage }) =>
      outage === null ? [] : [`! for ${age((Date.now() - outage.sinceMs) / 1_000)}: ${outage.error.message}`],
    );
    const title = `tsrq info  ${new Date().toTimeString().slice(0, 8)}  every ${seconds} s  ${redis}`;
    const broken = view.plain ? unreadable(sources).map((text) => `! ${text}`) : [];
    return [title, ...outages, ...broken, ''].map((line) => cut(printable(line), columns));
  };
  await showLive(cli, seconds, {
    refresh: async () => {
      await look(sources);
      const unseen = sources.find((source) => source.now === null);
      if (unseen?.outage) throw unseen.outage.error;
    },
    draw: (columns, rows) => {
      const top = header(columns);
      return [...top, ...view.draw(sources, { columns, rows: Math.max(1, rows - top.length) })];
    },
  });
}

/** Block after block; of a Redis that goes away meanwhile, only beginning and end are told, on stderr. */
async function append(cli: Cli, sources: readonly Source[], view: View, seconds: number): Promise<void> {
  const told = new Set<string>();
  await repeat(cli, seconds, async () => {
    const before = sources.map((source) => source.outage);
    await look(sources);
    for (const [i, { redis, now, outage }] of sources.entries()) {
      const was = before[i] ?? null;
      if (outage !== null && now === null) throw outage.error;
      if (outage !== null && was === null) cli.stderr.write(`tsrq: ${outage.error.message}; trying until it is back\n`);
      if (outage === null && was !== null) {
        const awaySeconds = Math.round((Date.now() - was.sinceMs) / 1_000);
        cli.stderr.write(`tsrq: ${redis.description} is back after ${awaySeconds} s\n`);
      }
    }
    print(cli, sources, view, told);
  });
}

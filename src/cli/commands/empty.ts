import { Command } from 'commander';
import { TsrqError } from '../../errors.js';
import { emptyRegistry } from '../../queue/empty-registry.js';
import { empty, emptyOld } from '../../queue/empty.js';
import { queueNames } from '../../queue/registry.js';
import { queueKey, type RegistryName } from '../../protocol/keys.js';
import type { Redis } from '../../redis/redis.js';
import { confirm } from '../confirm.js';
import { chosenConnections, queuesByConnection, workOnEach, type QueuesOfConnection } from '../connections.js';
import type { Cli } from '../context.js';
import { moment } from '../values.js';
import { noteInterruption } from '../interrupted.js';
import { progressBar } from '../progress.js';
import { printable } from '../render/words.js';

const REGISTRIES = ['failed', 'finished', 'canceled', 'scheduled', 'deferred'] as const;
type Place = 'queued' | Exclude<RegistryName, 'wip'>;

interface Options extends Partial<Record<Place, boolean>> {
  all?: boolean;
  yes?: boolean;
  /** Milliseconds since the epoch. */
  olderThan?: number;
  dryRun?: boolean;
}

interface Emptied {
  readonly queue: string;
  readonly place: Place;
  readonly removed: number;
  readonly error?: string;
}

const HELP = `
Running jobs are not touched, and what comes meanwhile stays. Jobs that depend
on a removed one are released. AGE is told by when a job was enqueued (queued),
ended (finished, failed), was canceled, deferred, or created (scheduled).

Examples:
  $ tsrq empty low
  $ tsrq empty --all --yes
  $ tsrq empty --failed --older-than 7d mail
  $ tsrq empty --all --finished --canceled --dry-run

May be interrupted and given again.
`;

export function emptyCommand(cli: Cli): Command {
  return new Command('empty')
    .description('Remove the queued jobs of queues, or those of their registries.')
    .argument('[queues...]', 'names of queues')
    .option('-a, --all', 'every queue')
    .option('-y, --yes', 'do not ask before --all')
    .option('--failed', 'remove failed jobs; the queued ones only with --queued')
    .option('--finished', 'remove finished jobs and their results')
    .option('--canceled', 'remove canceled jobs')
    .option('--scheduled', 'remove jobs that wait for their time')
    .option('--deferred', 'remove jobs that wait for others')
    .option('--queued', 'remove queued jobs (the default, if no registry is named)')
    .option('--older-than <age>', 'only jobs older than that: 90, 30m, 7d; or a date', (text) => moment(text))
    .option('--dry-run', 'count them, and change nothing')
    .addHelpText('after', HELP)
    .action(async (queues: string[], options: Options) => {
      if (queues.length > 0 && options.all === true)
        throw new TsrqError('USAGE', 'either --all or names of queues, not both');
      if (queues.includes('')) throw new TsrqError('USAGE', 'the name of a queue is empty');
      if (queues.length === 0 && options.all !== true) {
        show(cli, [], options);
        return;
      }
      const settings = await cli.settings();
      const work = options.all === true ? chosenConnections(settings) : queuesByConnection(settings, queues);
      const question = `Remove the ${placesOf(options).join(' and ')} jobs of ALL queues?`;
      const asks = options.all === true && options.dryRun !== true;
      if (asks && !(await confirm(cli, question, options.yes))) return;
      cli.outliveReader();
      const results: Emptied[] = [];
      const outage = await workOnEach(work, (connection) => emptyConnection(cli, connection, options, results));
      // What was done is told in full, also when a Redis is away; where nothing was, that alone is.
      if (results.length > 0 || !outage) show(cli, results, options);
      if (outage) throw outage;
      noteInterruption(cli, 'nothing is half-done; the same command goes on');
    });
}

function placesOf(options: Options): Place[] {
  const registries = REGISTRIES.filter((registry) => options[registry] === true);
  return registries.length === 0 || options.queued === true ? ['queued', ...registries] : registries;
}

/** Adds what was done to `results`, also if it throws. */
async function emptyConnection(
  cli: Cli,
  { target, queues }: QueuesOfConnection,
  options: Options,
  results: Emptied[],
): Promise<void> {
  const redis = await cli.connect(target);
  const names = queues ?? (await queueNames(redis)).names;
  for (const queue of names) {
    for (const place of placesOf(options)) {
      if (cli.interruption().aborted) return;
      const bar = await progressBar(cli.stderr, `Emptying ${queue}`, 'jobs');
      let done = 0;
      const onProgress = (count: number, total: number): void => {
        done = count;
        bar.update(count, total);
      };
      try {
        const removed = await emptyPlace(cli, redis, { queue, place }, options, onProgress);
        results.push({ queue, place, removed });
      } catch (error) {
        // One bad key does not keep the others from being emptied.
        if (!(error instanceof Error)) throw error;
        const isAnswer = error.name === 'ReplyError';
        if (isAnswer || done > 0) results.push({ queue, place, removed: done, error: error.message });
        if (!isAnswer) throw error;
      } finally {
        bar.end();
      }
    }
  }
}

async function emptyPlace(
  cli: Cli,
  redis: Redis,
  { queue, place }: Pick<Emptied, 'queue' | 'place'>,
  { olderThan: beforeMs, dryRun = false }: Options,
  onProgress: (done: number, total: number) => void,
): Promise<number> {
  const how = { dryRun, onProgress, signal: cli.interruption() };
  if (place !== 'queued')
    return emptyRegistry(redis, place, queue, beforeMs === undefined ? how : { ...how, beforeMs });
  if (beforeMs !== undefined) return emptyOld(redis, queue, { ...how, beforeMs });
  if (dryRun) return Number(await redis.call(['LLEN', queueKey(queue)]));
  return empty(redis, queue, onProgress, how.signal);
}

function show(cli: Cli, results: readonly Emptied[], { dryRun = false }: Options): void {
  if (results.some((result) => result.error !== undefined)) cli.exitCode = 1;
  if (cli.json) {
    const sum = results.reduce((total, result) => total + result.removed, 0);
    const counts = dryRun ? { removed: 0, wouldRemove: sum } : { removed: sum };
    const queues = results.map(({ removed, ...result }) =>
      dryRun ? { ...result, removed: 0, wouldRemove: removed } : { ...result, removed },
    );
    cli.stdout.write(`${JSON.stringify({ ...counts, queues })}\n`);
    return;
  }
  if (results.length === 0) cli.stdout.write('Nothing to do\n');
  for (const { queue, place, removed, error } of results) {
    const where = place === 'queued' ? 'queue' : `${place} registry`;
    if (error === undefined || removed > 0)
      cli.stdout.write(`${removed} jobs ${dryRun ? 'would be ' : ''}removed from ${printable(queue)} ${where}\n`);
    if (error !== undefined)
      cli.stderr.write(
        `${printable(`tsrq: ${place === 'queued' ? 'queue' : `${place} registry of`} ${queue} cannot be emptied: ${error}`)}\n`,
      );
  }
}

import { Command } from 'commander';
import { TsrqError } from '../../errors.js';
import { WORKERS_KEY } from '../../protocol/keys.js';
import { cleanQueue, type CleanedQueue } from '../../queue/clean-queue.js';
import { forgetWorker, goneWorkers } from '../../queue/forget-worker.js';
import { cleanGroups, groupNames, groupStatus } from '../../queue/group.js';
import { queueNames } from '../../queue/registry.js';
import type { Redis } from '../../redis/redis.js';
import { chosenConnections, queuesByConnection, workOnEach, type QueuesOfConnection } from '../connections.js';
import type { Cli } from '../context.js';
import { noteInterruption } from '../interrupted.js';
import { progressBar } from '../progress.js';
import { plural, printable } from '../render/words.js';

interface Options {
  all?: boolean;
  dryRun?: boolean;
}

const HELP = `
What workers do from time to time, at once:
  jobs of dead workers are retried or failed
  ids that a worker took and never started go back to the head of their queue,
  once they have been seen there for 30 s: give the command again for these
  entries of finished and failed jobs whose time is over are dropped
  workers that are gone are forgotten
And entries of registries are dropped whose job is gone. With --all also those
of groups. No job is removed, and nothing that runs is touched.

Examples:
  $ tsrq clean mail
  $ tsrq clean --all --dry-run
  $ tsrq clean --all --json

Exits 1 if a queue could not be cleaned. May be interrupted and given again.
`;

export function cleanCommand(cli: Cli): Command {
  return new Command('clean')
    .description('Take out of registries what should not be there any more.')
    .argument('[queues...]', 'names of queues')
    .option('-a, --all', 'every queue, every worker and every group')
    .option('--dry-run', 'count it, and change nothing')
    .addHelpText('after', HELP)
    .action(async (queues: string[], { all = false, dryRun = false }: Options) => {
      if (all && queues.length > 0) throw new TsrqError('USAGE', 'either --all or names of queues, not both');
      if (!all && queues.length === 0)
        throw new TsrqError('USAGE', 'which queues?', { hint: 'names of queues, or --all' });
      if (queues.includes('')) throw new TsrqError('USAGE', 'the name of a queue is empty');
      const settings = await cli.settings();
      const connections = all ? chosenConnections(settings) : queuesByConnection(settings, queues);
      cli.outliveReader();
      const cleaned: Cleaned = { queues: [], workers: new Set(), groupMembers: 0 };
      const outage = await workOnEach(connections, (connection) => cleanConnection(cli, connection, dryRun, cleaned));
      // What was done is told in full, also when a Redis is away; where nothing was, that alone is.
      const isSomething = cleaned.queues.length > 0 || cleaned.workers.size > 0;
      if (isSomething || !outage) show(cli, cleaned, dryRun);
      if (outage) throw outage;
      noteInterruption(cli, 'nothing is half-done; the same command goes on');
    });
}

type OfQueue = { readonly queue: string } & (CleanedQueue | { readonly error: string });

interface Cleaned {
  readonly queues: OfQueue[];
  /** All workers that are gone, by name. */
  readonly workers: Set<string>;
  /** Members of groups without a job; counted with --all alone. */
  groupMembers: number;
}

async function cleanConnection(
  cli: Cli,
  { target, queues }: QueuesOfConnection,
  dryRun: boolean,
  cleaned: Cleaned,
): Promise<void> {
  const redis = await cli.connect(target);
  const signal = cli.interruption();
  const names = queues ?? (await queueNames(redis)).names;
  for (const queue of names) {
    if (signal.aborted) return;
    const result = await cleanOne(cli, redis, queue, dryRun);
    cleaned.queues.push(result);
    for (const name of 'error' in result ? [] : result.workers) cleaned.workers.add(name);
  }
  if (queues !== null) return;
  for await (const gone of goneWorkers(redis, WORKERS_KEY)) {
    for (const name of gone) {
      if (signal.aborted) return;
      if (dryRun || (await forgetWorker(redis, name, names))) cleaned.workers.add(name);
    }
  }
  cleaned.groupMembers += dryRun ? await countGroupMembers(redis) : await cleanGroups(redis, signal);
}

async function cleanOne(cli: Cli, redis: Redis, queue: string, dryRun: boolean): Promise<OfQueue> {
  const bar = await progressBar(cli.stderr, `Cleaning ${queue}`, 'entries');
  try {
    return {
      queue,
      ...(await cleanQueue(redis, queue, { dryRun, onProgress: bar.update, signal: cli.interruption() })),
    };
  } catch (error) {
    // One bad key does not keep the others from being cleaned.
    if (!(error instanceof Error) || error.name !== 'ReplyError') throw error;
    return { queue, error: error.message };
  } finally {
    bar.end();
  }
}

async function countGroupMembers(redis: Redis): Promise<number> {
  let gone = 0;
  for (const name of await groupNames(redis)) gone += (await groupStatus(redis, name))?.gone ?? 0;
  return gone;
}

function show(cli: Cli, cleaned: Cleaned, dryRun: boolean): void {
  if (cleaned.queues.some((result) => 'error' in result)) cli.exitCode = 1;
  if (cli.json) {
    cli.stdout.write(`${JSON.stringify({ dryRun, ...cleaned, workers: [...cleaned.workers] })}\n`);
    return;
  }
  for (const result of cleaned.queues) {
    if ('error' in result)
      cli.stderr.write(printable(`tsrq: ${result.queue} cannot be cleaned: ${result.error}`) + '\n');
    else cli.stdout.write(`${printable(describe(result, dryRun))}\n`);
  }
  const { workers, groupMembers } = cleaned;
  if (workers.size > 0) cli.stdout.write(`${plural(workers.size, 'dead worker')} ${done('forgotten', dryRun)}\n`);
  if (groupMembers > 0)
    cli.stdout.write(`${plural(groupMembers, 'member')} of groups without a job ${done('dropped', dryRun)}\n`);
  if (cleaned.queues.length + workers.size + groupMembers === 0) cli.stdout.write('Nothing to do\n');
}

const done = (word: string, dryRun: boolean): string => (dryRun ? `would be ${word}` : word);

function describe(of: { readonly queue: string } & CleanedQueue, dryRun: boolean): string {
  const { queue, abandoned, retried, failed, stranded, putBack, waiting, expired, gone } = of;
  const rest = (abandoned ?? 0) - retried - failed;
  const parts: [count: number, text: (count: string) => string][] = dryRun
    ? [[abandoned ?? 0, (count) => `${count} of dead workers would be retried or failed`]]
    : [
        [retried, (count) => `${count} of dead workers retried or put back`],
        [failed, (count) => `${count} of dead workers failed`],
      ];
  const texts = parts.filter(([count]) => count > 0).map(([count, text]) => text(plural(count, 'job')));
  if (!dryRun && rest > 0) texts.push(`${rest} executions of jobs that do not run dropped`);
  if (dryRun && stranded > 0) texts.push(`${plural(stranded, 'stranded id')} would be put back`);
  if (putBack > 0) texts.push(`${plural(putBack, 'stranded id')} put back`);
  if (!dryRun && stranded > putBack) texts.push(`${stranded - putBack} stranded ids without a job that waits dropped`);
  if (expired > 0) texts.push(`${expired} expired entries ${done('dropped', dryRun)}`);
  if (gone > 0) texts.push(`${gone} entries without a job ${done('dropped', dryRun)}`);
  if (texts.length === 0) texts.push('nothing to clean');
  if (abandoned === null) texts.push('jobs of dead workers not looked for: Redis was just started');
  if (waiting > 0) texts.push(`${plural(waiting, 'id')} between queue and start for less than 30 s`);
  return `${queue}: ${texts.join('; ')}`;
}

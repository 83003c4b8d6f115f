import { Command } from 'commander';
import { empty } from '../../queue/empty.js';
import { queueNames } from '../../queue/registry.js';
import { confirm } from '../confirm.js';
import type { Cli } from '../context.js';
import { chosenConnections, queuesByConnection, type QueuesOfConnection } from '../connections.js';
import { progressBar } from '../progress.js';

interface Emptied {
  readonly queue: string;
  readonly removed: number;
  readonly error?: string;
}

export function emptyCommand(cli: Cli): Command {
  return new Command('empty')
    .description('Remove the queued jobs of queues. Running jobs and the registries are not touched.')
    .argument('[queues...]', 'names of queues')
    .option('-a, --all', 'every queue')
    .option('-y, --yes', 'do not ask before --all')
    .addHelpText('after', '\nExamples:\n  $ tsrq empty low\n  $ tsrq empty --all --yes')
    .action(async (queues: string[], options: { all?: boolean; yes?: boolean }) => {
      if (queues.length === 0 && options.all !== true) {
        show(cli, []);
        return;
      }
      const settings = await cli.settings();
      const work = options.all === true ? chosenConnections(settings) : queuesByConnection(settings, queues);
      if (options.all === true) await confirm(cli, 'Remove the queued jobs of ALL queues?', options.yes);
      const results: Emptied[] = [];
      for (const connection of work) results.push(...(await emptyConnection(cli, connection)));
      show(cli, results);
    });
}

async function emptyConnection(cli: Cli, { target, queues }: QueuesOfConnection): Promise<Emptied[]> {
  const redis = await cli.connect(target);
  const names = queues ?? (await queueNames(redis)).names;
  const results: Emptied[] = [];
  for (const queue of names) {
    const bar = await progressBar(cli.stderr, `Emptying ${queue}`, 'jobs');
    try {
      const removed = await empty(redis, queue, (done, total) => {
        bar.update(done, total);
      });
      results.push({ queue, removed });
    } catch (error) {
      // One bad key does not keep the others from being emptied.
      if (!(error instanceof Error) || error.name !== 'ReplyError') throw error;
      results.push({ queue, removed: 0, error: error.message });
    } finally {
      bar.end();
    }
  }
  return results;
}

function show(cli: Cli, results: readonly Emptied[]): void {
  if (results.some((result) => result.error !== undefined)) cli.exitCode = 1;
  if (cli.json) {
    const removed = results.reduce((sum, result) => sum + result.removed, 0);
    cli.stdout.write(`${JSON.stringify({ removed, queues: results })}\n`);
    return;
  }
  if (results.length === 0) cli.stdout.write('Nothing to do\n');
  for (const { queue, removed, error } of results) {
    if (error === undefined) cli.stdout.write(`${removed} jobs removed from ${queue} queue\n`);
    else cli.stderr.write(`tsrq: queue ${queue} cannot be emptied: ${error}\n`);
  }
}

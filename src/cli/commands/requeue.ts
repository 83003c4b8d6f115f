import { Command } from 'commander';
import { TsrqError } from '../../errors.js';
import { requeueAll, requeueIds, type Requeued } from '../../queue/requeue.js';
import type { Cli } from '../context.js';
import { chosenConnections, queuesByConnection } from '../connections.js';
import { progressBar } from '../progress.js';
import { several } from '../worker-options.js';

interface Options {
  all?: boolean;
  queue?: string[];
  atFront?: boolean;
  keepRetries?: boolean;
}

export function requeueCommand(cli: Cli): Command {
  return new Command('requeue')
    .description('Put failed jobs back on the queues they came from.')
    .argument('[job_ids...]', 'ids of failed jobs, whichever queue they failed on')
    .option('-a, --all', 'every failed job of every queue (of those named with --queue)')
    .option('--queue <name>', 'only jobs that failed on this queue; repeatable', several)
    .option('--at-front', 'put them at the head of the queue')
    .option('--keep-retries', 'keep the retries they have left, instead of giving them all of theirs again')
    .addHelpText(
      'after',
      '\nExamples:\n  $ tsrq requeue --all\n  $ tsrq requeue --all --queue mail\n  $ tsrq requeue 7a96… 11f0…\n\nExits 1 if any id was not requeued.',
    )
    .action(async (ids: string[], options: Options) => {
      if (options.all === true && ids.length > 0) {
        throw new TsrqError('USAGE', 'either --all or job ids, not both');
      }
      if (options.all !== true && ids.length === 0) {
        cli.stdout.write(cli.json ? `${JSON.stringify({ requeued: 0, total: 0, jobs: [] })}\n` : 'Nothing to do\n');
        return;
      }
      show(cli, await requeueEverywhere(cli, ids, options));
    });
}

/** Over all connections of the configuration; an id counts as missing only if no connection knows it. */
async function requeueEverywhere(cli: Cli, ids: readonly string[], options: Options): Promise<Requeued[]> {
  const settings = await cli.settings();
  const byConnection = options.queue ? queuesByConnection(settings, options.queue) : chosenConnections(settings);
  const results: Requeued[] = [];
  let missing = [...ids];
  const bar = await progressBar(cli.stderr, 'Requeueing', 'jobs');
  try {
    for (const { target, queues } of byConnection) {
      const redis = await cli.connect(target);
      const how = {
        ...(queues === null ? {} : { queues }),
        atFront: options.atFront === true,
        keepRetries: options.keepRetries === true,
        onProgress: (done: number, total: number) => {
          bar.update(done, total);
        },
      };
      if (options.all === true) {
        results.push(...(await requeueAll(redis, how)));
        continue;
      }
      const found = await requeueIds(redis, missing, how);
      const last = target === byConnection.at(-1)?.target;
      results.push(...found.filter((result) => last || result.requeued || result.registry !== null));
      missing = found.filter((result) => !result.requeued && result.registry === null).map((result) => result.id);
    }
  } finally {
    bar.end();
  }
  return results;
}

function show(cli: Cli, results: readonly Requeued[]): void {
  const requeued = results.filter((result) => result.requeued).length;
  if (requeued < results.length) cli.exitCode = 1;
  if (cli.json) {
    cli.stdout.write(`${JSON.stringify({ requeued, total: results.length, jobs: results })}\n`);
    return;
  }
  const lines = results.map((result) =>
    result.requeued ? `requeued ${result.id} on ${result.queue}` : `not requeued ${result.id}: ${result.reason}`,
  );
  if (results.length === 0) lines.push('Nothing to do');
  lines.push(`Requeued ${requeued} of ${results.length} jobs`);
  cli.stdout.write(`${lines.join('\n')}\n`);
}

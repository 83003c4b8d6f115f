import { Command } from 'commander';
import { TsrqError } from '../../errors.js';
import { requeueAll, requeueIds, type Requeued } from '../../queue/requeue.js';
import type { Cli } from '../context.js';
import { chosenConnections, queuesByConnection } from '../connections.js';
import { progressBar } from '../progress.js';
import { several } from '../worker-options.js';

export interface RequeueChoice {
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
    .action(async (ids: string[], options: RequeueChoice) => {
      if (options.all === true && ids.length > 0) {
        throw new TsrqError('USAGE', 'either --all or job ids, not both');
      }
      if (options.all !== true && ids.length === 0) {
        cli.stdout.write(cli.json ? `${JSON.stringify({ requeued: 0, total: 0, jobs: [] })}\n` : 'Nothing to do\n');
        return;
      }
      await requeueAndReport(cli, ids, options);
    });
}

/** Requeues failed jobs and prints what became of each. */
export async function requeueAndReport(cli: Cli, ids: readonly string[], options: RequeueChoice): Promise<void> {
  const report = new Report(cli);
  await requeueEverywhere(cli, ids, options, report);
  report.end();
}

/** Over all connections of the configuration; an id counts as missing only if no connection knows it. */
async function requeueEverywhere(
  cli: Cli,
  ids: readonly string[],
  options: RequeueChoice,
  report: Report,
): Promise<void> {
  const settings = await cli.settings();
  const byConnection = options.queue ? queuesByConnection(settings, options.queue) : chosenConnections(settings);
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
        await requeueAll(redis, {
          ...how,
          onResults: (results) => {
            report.add(results);
          },
        });
        continue;
      }
      const found = await requeueIds(redis, missing, how);
      const last = target === byConnection.at(-1)?.target;
      report.add(found.filter((result) => last || result.requeued || result.registry !== null));
      missing = found.filter((result) => !result.requeued && result.registry === null).map((result) => result.id);
    }
  } finally {
    bar.end();
  }
}

/** Prints what became of each id as it becomes known: a million of them are never held at once. */
class Report {
  readonly #cli: Cli;
  #requeued = 0;
  #total = 0;

  constructor(cli: Cli) {
    this.#cli = cli;
  }

  add(results: readonly Requeued[]): void {
    if (results.length === 0) return;
    const { stdout, json } = this.#cli;
    if (json)
      stdout.write(
        `${this.#total === 0 ? '{"jobs":[' : ','}${results.map((result) => JSON.stringify(result)).join(',')}`,
      );
    else stdout.write(`${results.map(line).join('\n')}\n`);
    this.#requeued += results.filter((result) => result.requeued).length;
    this.#total += results.length;
  }

  end(): void {
    const { stdout, json } = this.#cli;
    if (this.#requeued < this.#total) this.#cli.exitCode = 1;
    if (json) {
      stdout.write(`${this.#total === 0 ? '{"jobs":[' : ''}],"requeued":${this.#requeued},"total":${this.#total}}\n`);
      return;
    }
    if (this.#total === 0) stdout.write('Nothing to do\n');
    stdout.write(`Requeued ${this.#requeued} of ${this.#total} jobs\n`);
  }
}

function line(result: Requeued): string {
  return result.requeued ? `requeued ${result.id} on ${result.queue}` : `not requeued ${result.id}: ${result.reason}`;
}

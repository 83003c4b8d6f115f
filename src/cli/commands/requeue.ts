import { Command } from 'commander';
import { TsrqError } from '../../errors.js';
import type { FailureFilter } from '../../queue/failed.js';
import { DRY_RUN, requeueAll, requeueIds, type Requeued } from '../../queue/requeue.js';
import { chosenConnections, queuesByConnection, workOnEach } from '../connections.js';
import { defined, type Cli } from '../context.js';
import { moment, several, whole } from '../values.js';
import { noteInterruption } from '../interrupted.js';
import { printable } from '../render/words.js';
import { unreadable } from '../unreadable.js';
import { progressBar } from '../progress.js';

export interface RequeueChoice {
  all?: boolean;
  queue?: string[];
  atFront?: boolean;
  keepRetries?: boolean;
  match?: string;
  function?: string;
  failedSince?: number;
  failedBefore?: number;
  limit?: number;
  dryRun?: boolean;
}

const FILTERS = ['match', 'function', 'failedSince', 'failedBefore', 'limit'] as const;

const HELP = `
Jobs that were stopped are in the same registries as failed ones: --all puts
them back too, unless a filter leaves them out.

TIME is an age, as 10m or '2 hours ago', or a date, as 2030-01-02T03:04:05
(local time), or with Z or an offset.

Examples:
  $ tsrq requeue --all
  $ tsrq requeue --all --queue mail --match timeout --failed-since 2h
  $ tsrq requeue --all --function mail.send --limit 100 --dry-run
  $ tsrq requeue 7a96… 11f0…

Exits 1 if any id was not requeued. May be interrupted and given again.
`;

export function requeueCommand(cli: Cli): Command {
  return new Command('requeue')
    .description('Put failed jobs back on the queues they came from.')
    .argument('[job_ids...]', 'ids of failed jobs, whichever queue they failed on')
    .option('-a, --all', 'every failed or stopped job of every queue (of those named with --queue)')
    .option('--queue <name>', 'only jobs that failed on this queue; repeatable', several)
    .option('--at-front', 'put them at the head of the queue')
    .option('--keep-retries', 'keep the retries they have left, instead of giving them all of theirs again')
    .option('--match <text>', 'with --all: only jobs whose error contains the text')
    .option('--function <name>', 'with --all: only jobs of this function')
    .option('--failed-since <time>', 'with --all: only jobs that failed at that time or later', (text) => moment(text))
    .option('--failed-before <time>', 'with --all: only jobs that failed before that time', (text) => moment(text))
    .option('--limit <count>', 'with --all: so many at most', whole(1))
    .option('--dry-run', 'show what would be requeued, and change nothing')
    .addHelpText('after', HELP)
    .action(async (ids: string[], options: RequeueChoice) => {
      const misplaced = FILTERS.find((name) => options[name] !== undefined && options.all !== true);
      if (misplaced !== undefined) throw new TsrqError('USAGE', `${flagOf(misplaced)} goes with --all`);
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
  const report = new Report(cli, options.dryRun === true);
  cli.outliveReader();
  let outage: unknown;
  try {
    outage = await requeueEverywhere(cli, ids, options, report);
  } catch (error) {
    outage = error;
  }
  // What was done is told in full, also when a Redis goes away; where nothing was, the error alone is.
  if (report.total > 0 || outage === null) report.end();
  if (outage !== null) throw outage;
  noteInterruption(cli, 'the others are where they were; the same command goes on');
}

/** Over all connections of the configuration; an id counts as missing only if no connection knows it. Returns an outage. */
async function requeueEverywhere(
  cli: Cli,
  ids: readonly string[],
  options: RequeueChoice,
  report: Report,
): Promise<TsrqError | null> {
  const settings = await cli.settings();
  const byConnection = options.queue ? queuesByConnection(settings, options.queue) : chosenConnections(settings);
  let wanted = ids;
  let missing: readonly Missing[] = [];
  const bar = await progressBar(cli.stderr, 'Requeueing', 'jobs');
  const outage = await workOnEach(byConnection, async ({ target, queues }) => {
    const redis = await cli.connect(target);
    const how = {
      ...(queues === null ? {} : { queues }),
      atFront: options.atFront === true,
      keepRetries: options.keepRetries === true,
      dryRun: options.dryRun === true,
      signal: cli.interruption(),
      onProgress: (done: number, total: number) => {
        bar.update(done, total);
      },
    };
    if (options.all === true) {
      const left = options.limit === undefined ? {} : { limit: options.limit - report.total };
      await requeueAll(redis, {
        ...how,
        ...left,
        filter: filterOf(options),
        onProblem: (queue, error) => {
          unreadable(cli, queue, error);
        },
        onResults: (results) => {
          report.add(results);
        },
      });
      return;
    }
    const found = await requeueIds(redis, wanted, how);
    report.add(found.filter((result) => !isMissing(result)));
    missing = found.filter(isMissing);
    wanted = missing.map(({ id }) => id);
  }).finally(bar.end);
  report.add(outage ? missing.map((result) => ({ ...result, reason: NOT_EVERYWHERE })) : missing);
  return outage;
}

const NOT_EVERYWHERE = 'not found, and not every Redis could be asked';

type Missing = Extract<Requeued, { requeued: false }>;
const isMissing = (result: Requeued): result is Missing => !result.requeued && result.registry === null;

const flagOf = (name: (typeof FILTERS)[number]): string =>
  `--${name.replace(/[A-Z]/, (letter) => `-${letter.toLowerCase()}`)}`;

const filterOf = (options: RequeueChoice): FailureFilter =>
  defined({
    match: options.match,
    functionName: options.function,
    sinceMs: options.failedSince,
    beforeMs: options.failedBefore,
  });

/** Prints what became of each id as it becomes known: a million of them are never held at once. */
class Report {
  readonly #cli: Cli;
  readonly #dryRun: boolean;
  #requeued = 0;
  #total = 0;

  constructor(cli: Cli, dryRun: boolean) {
    this.#cli = cli;
    this.#dryRun = dryRun;
  }

  get total(): number {
    return this.#total;
  }

  add(results: readonly Requeued[]): void {
    if (results.length === 0) return;
    const { stdout, json } = this.#cli;
    if (json)
      stdout.write(
        `${this.#total === 0 ? '{"jobs":[' : ','}${results.map((result) => JSON.stringify(result)).join(',')}`,
      );
    else stdout.write(`${results.map(line).join('\n')}\n`);
    this.#requeued += results.filter((result) => result.requeued || isDry(result)).length;
    this.#total += results.length;
  }

  end(): void {
    const { stdout, json } = this.#cli;
    if (this.#requeued < this.#total) this.#cli.exitCode = 1;
    if (json) {
      const counts = this.#dryRun ? `"requeued":0,"wouldRequeue":${this.#requeued}` : `"requeued":${this.#requeued}`;
      stdout.write(`${this.#total === 0 ? '{"jobs":[' : ''}],${counts},"total":${this.#total}}\n`);
      return;
    }
    if (this.#total === 0) stdout.write('Nothing to do\n');
    stdout.write(`${this.#dryRun ? 'Would requeue' : 'Requeued'} ${this.#requeued} of ${this.#total} jobs\n`);
  }
}

const isDry = (result: Requeued): boolean => !result.requeued && result.reason === DRY_RUN;

function line(result: Requeued): string {
  const { id } = result;
  if (isDry(result)) return printable(`would requeue ${id}`);
  return printable(result.requeued ? `requeued ${id} on ${result.queue}` : `not requeued ${id}: ${result.reason}`);
}

import { Command } from 'commander';
import { TsrqError } from '../../errors.js';
import { MOVABLE, moveJobs, type Movable } from '../../queue/move-jobs.js';
import { queuesByConnection } from '../connections.js';
import { defined, type Cli } from '../context.js';
import { noteInterruption } from '../interrupted.js';
import { progressBar } from '../progress.js';
import { whole } from '../values.js';
import { printable } from '../render/words.js';

export interface MoveChoice extends Partial<Record<Movable, boolean>> {
  function?: string;
  match?: string;
  limit?: number;
  dryRun?: boolean;
}

const HELP = `
Jobs keep their order, behind what is there, and TO becomes their origin: a
scheduled, deferred or failed one will be queued there. Running and ended jobs
stay. A scheduler and workers must look after TO.

Examples:
  $ tsrq move low high
  $ tsrq move default mail --function mail.send --limit 100
  $ tsrq move default mail --scheduled --deferred --match invoice --dry-run
  $ tsrq move old new --queued --scheduled --deferred --failed

May be interrupted and given again.
`;

export function moveCommand(cli: Cli): Command {
  return new Command('move')
    .description('Move jobs from one queue to the end of another.')
    .argument('<from>', 'the queue that has them')
    .argument('<to>', 'the queue that gets them')
    .option('--queued', 'jobs on the queue (the default, if no other place is named)')
    .option('--scheduled', 'jobs that wait for their time')
    .option('--deferred', 'jobs that wait for others')
    .option('--failed', 'failed jobs: requeued, they go to the other queue')
    .option('--function <name>', 'only jobs of this function')
    .option('--match <text>', 'only jobs with this text in their description or error')
    .option('--limit <count>', 'so many at most, the first ones', whole(1))
    .option('--dry-run', 'count them, and change nothing')
    .addHelpText('after', HELP)
    .action((from: string, to: string, options: MoveChoice) => moveAndReport(cli, from, to, options));
}

/** Moves jobs and prints how many; those on the queue if no place is chosen. */
export async function moveAndReport(cli: Cli, from: string, to: string, options: MoveChoice): Promise<void> {
  if (from === '' || to === '') throw new TsrqError('USAGE', 'a queue has a name');
  const connections = queuesByConnection(await cli.settings(), [from, to]);
  const [connection] = connections;
  if (connection === undefined || connections.length > 1)
    throw new TsrqError('USAGE', `${from} and ${to} are on different servers`);
  cli.outliveReader();
  const redis = await cli.connect(connection.target);
  const named = MOVABLE.filter((place) => options[place] === true);
  const { dryRun = false } = options;
  const total = { moved: 0, dropped: 0 };
  for (const place of named.length > 0 ? named : (['queued'] as const)) {
    const limit = options.limit === undefined ? undefined : options.limit - total.moved;
    if (cli.interruption().aborted || limit === 0) break;
    const filter = defined({ functionName: options.function, match: options.match, limit });
    const looking = await progressBar(cli.stderr, `Looking through ${from}`, 'jobs');
    const moving = await progressBar(cli.stderr, `Moving ${from}`, 'jobs');
    const onProgress = (done: number, of: number): void => {
      looking.end();
      moving.update(done, of);
    };
    const bars = { onLooked: looking.update, onProgress };
    const how = { ...filter, ...bars, dryRun, signal: cli.interruption() };
    const { moved, dropped } = await moveJobs(redis, place, from, to, how).finally(() => {
      looking.end();
      moving.end();
    });
    total.moved += moved;
    total.dropped += dropped;
    if (!cli.json) cli.stdout.write(`${printable(line(place, { from, to, moved, dropped }, dryRun))}\n`);
  }
  const { moved, dropped } = total;
  const counts = dryRun ? { moved: 0, wouldMove: moved } : { moved };
  if (cli.json) cli.stdout.write(`${JSON.stringify({ from, to, ...counts, dropped })}\n`);
  noteInterruption(cli, 'the others are where they were; the same command goes on');
}

interface MovedFrom {
  readonly from: string;
  readonly to: string;
  readonly moved: number;
  readonly dropped: number;
}

function line(place: Movable, { from, to, moved, dropped }: MovedFrom, dryRun: boolean): string {
  const which = place === 'queued' ? 'jobs' : `${place} jobs`;
  const rest = dropped === 0 ? '' : `, ${dropped} ids without a job to move dropped`;
  return `${moved} ${which} ${dryRun ? 'would be moved' : 'moved'} from ${from} to ${to}${rest}`;
}

import { Command } from 'commander';
import type { Cli } from '../../context.js';
import { requeueAndReport, type RequeueChoice } from '../requeue.js';

export function requeueCommand(cli: Cli): Command {
  return new Command('requeue')
    .description('Put failed jobs back on the queues they came from, as `tsrq requeue` does.')
    .argument('<job_ids...>', 'ids of failed jobs')
    .option('--at-front', 'put them at the head of the queue')
    .option('--keep-retries', 'keep the retries they have left, instead of giving them all of theirs again')
    .addHelpText('after', '\nExamples:\n  $ tsrq job requeue nightly\n  $ tsrq job requeue --at-front 7a96… 11f0…\n')
    .action((ids: string[], options: Pick<RequeueChoice, 'atFront' | 'keepRetries'>) =>
      requeueAndReport(cli, ids, options),
    );
}

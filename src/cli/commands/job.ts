import { Command } from 'commander';
import type { Cli } from '../context.js';
import { endCommands } from './job/end.js';
import { listCommand } from './job/list.js';
import { requeueCommand } from './job/requeue.js';
import { showCommand } from './job/show.js';
import { waitCommand } from './job/wait.js';

const EXAMPLES = `
Examples:
  $ tsrq job list --state failed --since 2h
  $ tsrq job show nightly
  $ tsrq job wait --timeout 5m nightly
  $ tsrq job requeue 7a96… 11f0…
  $ tsrq job stop nightly

\`tsrq job ACTION --help\` tells more. Exits 1 if any of the jobs could not be
dealt with.
`;

export function jobCommand(cli: Cli): Command {
  const command = new Command('job')
    .description('List jobs, look at them, wait for them, requeue, cancel, stop or delete them.')
    .addHelpText('after', EXAMPLES);
  for (const action of [listCommand(cli), showCommand(cli), waitCommand(cli), requeueCommand(cli), ...endCommands(cli)])
    command.addCommand(action);
  return command;
}

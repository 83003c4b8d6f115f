import { Command, Option } from 'commander';
import { TsrqError } from '../../errors.js';
import { chosenConnections } from '../connections.js';
import type { Cli } from '../context.js';
import { renderTop } from '../render/top.js';
import { showLive } from '../screen.js';
import { Top } from '../top/app.js';
import { TABS, type Tab } from '../top/source.js';
import { seconds } from '../values.js';

const EXAMPLES = `
Examples:
  $ tsrq top
  $ tsrq top --tab failed --interval 1
  $ tsrq top -u redis://10.0.0.5:6379/0

Keys are shown in the last line, and all of them with ?. What removes or ends
something is asked first.
`;

export function topCommand(cli: Cli): Command {
  return new Command('top')
    .description('Watch queues, workers and jobs on the whole terminal, and act on them.')
    .option('-i, --interval <seconds>', 'look again so often', seconds, 2)
    .addOption(new Option('--tab <name>', 'what is shown first').choices(TABS).default('queues'))
    .addHelpText('after', EXAMPLES)
    .action(async ({ interval, tab }: { interval: number; tab: Tab }) => {
      if (cli.json || !cli.stdout.isTTY || !process.stdin.isTTY || cli.env['TERM'] === 'dumb')
        throw new TsrqError('USAGE', 'tsrq top needs a terminal', {
          hint: '`tsrq info` prints the same once, and with --interval again and again; --json is for programs',
        });
      const places = chosenConnections(await cli.settings()).map(({ name, target }) => ({
        name,
        connect: () => cli.connect(target),
      }));
      const draw = (top: Top, columns: number, rows: number): string[] =>
        renderTop(top, columns, rows, cli.stdout.colour);
      await showLive(cli, interval, new Top({ places, seconds: interval, tab, rows: cli.stdout.rows, draw }));
    });
}

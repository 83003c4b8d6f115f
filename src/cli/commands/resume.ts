import { Command } from 'commander';
import { resume } from '../../queue/suspend.js';
import type { Cli } from '../context.js';

export function resumeCommand(cli: Cli): Command {
  return new Command('resume')
    .description('Let workers start jobs again after `tsrq suspend`.')
    .addHelpText('after', '\nExamples:\n  $ tsrq resume\n  $ tsrq resume --connection mail')
    .action(async () => {
      const { target } = await cli.settings();
      const wasSuspended = await resume(await cli.connect(target));
      if (cli.json) cli.stdout.write(`${JSON.stringify({ suspended: false, wasSuspended })}\n`);
      else cli.stdout.write(wasSuspended ? 'Resumed: workers start jobs again.\n' : 'Nothing was suspended.\n');
    });
}

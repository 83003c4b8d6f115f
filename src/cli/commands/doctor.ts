import { Command } from 'commander';
import { diagnose } from '../../doctor.js';
import { TsrqError } from '../../errors.js';
import { chosenConnections, type QueuesOfConnection } from '../connections.js';
import type { Cli } from '../context.js';
import { countLevels, renderDoctor, renderDoctorJson, type Diagnosed } from '../render/doctor.js';

export function doctorCommand(cli: Cli): Command {
  return new Command('doctor')
    .description(
      'Look for what is wrong with a Redis and the queues in it, and say what helps. Never changes anything.',
    )
    .option('--deep', 'look at every job and every id, not at the first and last 1,000 of each list and registry')
    .addHelpText(
      'after',
      '\nExamples:\n  $ tsrq doctor\n  $ tsrq doctor --deep\n  $ tsrq doctor --json | jq \'.findings[] | select(.level != "ok")\'\n\nExits 1 if there is a problem; warnings alone exit 0.',
    )
    .action(async ({ deep = false }: { deep?: boolean }) => {
      const connections = chosenConnections(await cli.settings());
      const results = await Promise.all(connections.map((connection) => examine(cli, connection, deep)));
      const diagnosed = results.filter((result): result is Diagnosed => !(result instanceof TsrqError));
      if (diagnosed.length > 0) print(cli, diagnosed);
      const lost = results.find((result) => result instanceof TsrqError);
      if (lost) throw lost;
    });
}

/** A Redis that cannot be reached hides nothing of the others. */
async function examine(cli: Cli, { name, target }: QueuesOfConnection, deep: boolean): Promise<Diagnosed | TsrqError> {
  try {
    return { connection: name, diagnosis: await diagnose(await cli.connect(target), { deep }) };
  } catch (error) {
    if (error instanceof TsrqError && error.code.startsWith('REDIS_')) return error;
    throw error;
  }
}

function print(cli: Cli, diagnosed: readonly Diagnosed[]): void {
  if (countLevels(diagnosed).problems > 0) cli.exitCode = 1;
  if (cli.json) {
    cli.stdout.write(`${renderDoctorJson(diagnosed)}\n`);
    return;
  }
  const { colour, isTTY: terminal } = cli.stdout;
  const lines = renderDoctor(diagnosed, { colour, terminal, quiet: cli.quiet });
  cli.stdout.write(`${lines.join('\n')}\n`);
}

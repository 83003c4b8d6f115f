import { Command } from 'commander';
import { diagnose, fixText, repair } from '../../doctor.js';
import { TsrqError } from '../../errors.js';
import type { Redis } from '../../redis/redis.js';
import type { RedisTarget } from '../../redis/target.js';
import { askYes, canAsk } from '../confirm.js';
import { askEach, chosenConnections, throwOutage } from '../connections.js';
import type { Cli } from '../context.js';
import { countLevels, renderDoctor, renderDoctorJson, type Diagnosed, type Fixed } from '../render/doctor.js';
import { printable } from '../render/words.js';

interface Options {
  deep?: boolean;
  fix?: boolean;
  yes?: boolean;
}

const HELP = `
Examples:
  $ tsrq doctor
  $ tsrq doctor --deep
  $ tsrq doctor --fix
  $ tsrq doctor --fix --yes --json | jq .fixed
  $ tsrq doctor --json | jq '.findings[] | select(.level != "ok")'

Without --fix nothing is changed. --fix does what tsrq can do itself, after a
question each: ids and entries without a job or over their time, ids stranded
between queue and start, deferred jobs that wait for nothing, jobs and
registrations of dead workers, members that are none, what is left of jobs that
are gone. It is safe while workers run.

Exits 1 if there is a problem (with --fix: one that is left); warnings alone
exit 0.`;

export function doctorCommand(cli: Cli): Command {
  return new Command('doctor')
    .description('Look for what is wrong with a Redis and the queues in it, and say what helps, or do it with --fix.')
    .option('--deep', 'look at every job and every id, not at the first and last 1,000 of each list and registry')
    .option('--fix', 'do what helps, where tsrq can, after a question each')
    .option('-y, --yes', 'with --fix: do not ask')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      check(cli, options);
      const deep = options.deep === true;
      const connections = chosenConnections(await cli.settings());
      const results = await askEach(connections, ({ name, target }) => examine(cli, name, target, deep));
      const examined = results.filter((result): result is Examined => !(result instanceof TsrqError));
      if (examined.length > 0) await report(cli, examined, options);
      throwOutage(results);
    });
}

function check(cli: Cli, { fix, yes }: Options): void {
  if (yes === true && fix !== true) throw new TsrqError('USAGE', '--yes goes with --fix only');
  if (fix === true && yes !== true && !canAsk(cli))
    throw new TsrqError('USAGE', 'there is no terminal to ask on', { hint: '--fix --yes does all that it can' });
}

interface Examined extends Diagnosed {
  readonly redis: Redis;
}

async function examine(cli: Cli, connection: string, target: RedisTarget, deep: boolean): Promise<Examined> {
  const redis = await cli.connect(target);
  return { connection, redis, diagnosis: await diagnose(redis, { deep }) };
}

async function report(cli: Cli, examined: readonly Examined[], options: Options): Promise<void> {
  if (!cli.json) print(cli, examined);
  const fixed = options.fix === true ? await fixAll(cli, examined, options.yes === true) : null;
  const left = fixed === null || fixed.length === 0 ? examined : await again(examined, options.deep === true);
  if (countLevels(left).problems > 0) cli.exitCode = 1;
  if (cli.json) cli.stdout.write(`${renderDoctorJson(left, fixed)}\n`);
}

function print(cli: Cli, diagnosed: readonly Diagnosed[]): void {
  const { colour, isTTY: terminal } = cli.stdout;
  const lines = renderDoctor(diagnosed, { colour, terminal, quiet: cli.quiet });
  cli.stdout.write(`${lines.join('\n')}\n`);
}

/** One after the other; what one finds wrong does not keep the others from being done. */
async function fixAll(cli: Cli, examined: readonly Examined[], yes: boolean): Promise<Fixed[]> {
  cli.outliveReader();
  const done: Fixed[] = [];
  for (const { connection, redis, diagnosis } of examined) {
    const where = examined.length > 1 ? `${connection}: ` : '';
    for (const { id, message, fix } of diagnosis.findings) {
      if (!fix) continue;
      if (!yes && !(await askYes(`${where}${printable(message)}\n${fixText(fix)}?`))) continue;
      const text = await repair(redis, fix).catch((error: unknown) => {
        cli.exitCode = 1;
        return `it could not be done: ${error instanceof Error ? error.message : String(error)}`;
      });
      if (!cli.json) cli.stdout.write(`${where}${id}: ${text}\n`);
      done.push({ connection, id, kind: fix.kind, done: text });
    }
  }
  if (done.length === 0 && !cli.json) cli.stdout.write('Nothing was changed.\n');
  return done;
}

const again = (examined: readonly Examined[], deep: boolean): Promise<Diagnosed[]> =>
  Promise.all(
    examined.map(async ({ connection, redis }) => ({ connection, diagnosis: await diagnose(redis, { deep }) })),
  );

import { Command, InvalidArgumentError, Option } from 'commander';
import { Chalk } from 'chalk';
import { TransitionWatch, TRANSITIONS, type Transition } from '../../info/transitions.js';
import { TsrqError } from '../../errors.js';
import { chosenConnections, queuesByConnection } from '../connections.js';
import type { Cli } from '../context.js';
import { printable } from '../render/words.js';
import { repeat } from '../screen.js';

interface Options {
  outcome?: string[];
  interval: number;
}

export function tailCommand(cli: Cli): Command {
  return new Command('tail')
    .description('Show what happens to jobs as it happens, of workers of tsrq and of Python. It costs workers nothing.')
    .argument('[queues...]', 'names of queues (default: all)')
    .addOption(new Option('--outcome <event>', 'only these; repeatable').choices(TRANSITIONS).argParser(outcome))
    .option('-i, --interval <seconds>', 'time between looks', interval, 0.5)
    .addHelpText(
      'after',
      `
Events:
  ${TRANSITIONS.slice(0, 6).join(', ')},
  ${TRANSITIONS.slice(6).join(', ')}

It looks at Redis again and again: of what happens to a job between two looks,
the last is shown; of more than 100 new entries of one list or registry between
two looks, the newest are. A job that keeps no result ends as 'gone'.

Examples:
  $ tsrq tail
  $ tsrq tail mail --outcome failed --outcome retried
  $ tsrq tail --json | jq -r 'select(.event == "failed") | .id'`,
    )
    .action(async (queues: string[], options: Options) => {
      await tail(cli, queues, options);
    });
}

function outcome(text: string, before: readonly string[] | undefined): string[] {
  if ((TRANSITIONS as readonly string[]).includes(text)) return [...(before ?? []), text];
  throw new InvalidArgumentError(`'${text}' is none of ${TRANSITIONS.join(', ')}`);
}

function interval(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value >= 0.05) return value;
  throw new InvalidArgumentError(`a number of seconds from 0.05 is needed, not '${text}'`);
}

async function tail(cli: Cli, queues: readonly string[], { outcome, interval: seconds }: Options): Promise<void> {
  const settings = await cli.settings();
  const connections = queues.length > 0 ? queuesByConnection(settings, queues) : chosenConnections(settings);
  const watches = await Promise.all(
    connections.map(async ({ name, target, queues: names }) => {
      return { name, watch: new TransitionWatch(await cli.connect(target), names), away: false, seen: false };
    }),
  );
  if (!cli.quiet) cli.stderr.write('tsrq: watching; Ctrl-C ends\n');
  const chalk = new Chalk({ level: cli.stdout.colour ? 1 : 0 });
  await repeat(cli, seconds, async () => {
    for (const source of watches) {
      try {
        const transitions = await source.watch.look();
        if (source.away) cli.stderr.write(`tsrq: ${source.name}: Redis is back\n`);
        source.away = false;
        source.seen = true;
        for (const transition of transitions) {
          if (outcome && !outcome.includes(transition.event)) continue;
          const text = cli.json ? json(transition, source.name) : line(transition, chalk);
          cli.stdout.write(`${text}\n`);
        }
      } catch (error) {
        const lost = error instanceof TsrqError && error.code.startsWith('REDIS_');
        if (!lost || !source.seen) throw error;
        if (!source.away) cli.stderr.write(`tsrq: ${error.message}; trying until it is back\n`);
        source.away = true;
      }
    }
  });
}

const json = ({ timeMs, ...transition }: Transition, connection: string): string =>
  JSON.stringify({ time: new Date(timeMs).toISOString(), ...transition, connection });

function line({ timeMs, event, queue, id, worker, seconds }: Transition, chalk: InstanceType<typeof Chalk>): string {
  const time = new Date(timeMs).toTimeString().slice(0, 8);
  const by = worker === null ? '' : ` by ${printable(worker)}`;
  const ran = seconds === null ? '' : ` in ${seconds.toFixed(3)} s`;
  return `${chalk.dim(time)} ${colour(event, chalk)(printable(event).padEnd(9))} ${printable(queue)}: ${printable(id)}${ran}${by}`;
}

function colour(event: string, chalk: InstanceType<typeof Chalk>): (text: string) => string {
  if (event === 'finished') return chalk.green;
  if (event === 'failed' || event === 'stopped') return chalk.red;
  return ['retried', 'requeued', 'canceled', 'gone'].includes(event) ? chalk.yellow : (text) => text;
}

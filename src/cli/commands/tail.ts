import { Command, InvalidArgumentError, Option } from 'commander';
import { Chalk } from 'chalk';
import { TransitionWatch, TRANSITIONS, type Transition } from '../../info/transitions.js';
import { askEach, chosenConnections, isOutage, queuesByConnection, throwOutage } from '../connections.js';
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
  const sources = queues.length > 0 ? queuesByConnection(settings, queues) : chosenConnections(settings);
  const watches = new Map<string, TransitionWatch>();
  for (const { name, target, queues: names } of sources) {
    watches.set(name, new TransitionWatch(await cli.connect(target), names));
  }
  const away = new Set<string>();
  let begun = false;
  const chalk = new Chalk({ level: cli.stdout.colour ? 1 : 0 });
  const show = (transition: Transition, connection: string): void => {
    if (outcome && !outcome.includes(transition.event)) return;
    cli.stdout.write(`${cli.json ? json(transition, connection) : line(transition, chalk)}\n`);
  };
  await repeat(cli, seconds, async () => {
    // A Redis that does not answer keeps the others waiting for no longer than its deadline.
    const answers = await askEach(sources, ({ name }) => watches.get(name)?.look() ?? Promise.resolve([]));
    if (!begun && answers.every(isOutage)) throwOutage(answers);
    if (!begun && !cli.quiet) cli.stderr.write('tsrq: watching; Ctrl-C ends\n');
    begun = true;
    for (const [i, answer] of answers.entries()) {
      const name = sources[i]?.name ?? '';
      if (isOutage(answer)) {
        if (!away.has(name)) cli.stderr.write(`tsrq: ${printable(answer.message)}; trying until it is back\n`);
        away.add(name);
        continue;
      }
      if (away.delete(name)) cli.stderr.write(`tsrq: ${name}: Redis is back\n`);
      for (const transition of answer) show(transition, name);
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

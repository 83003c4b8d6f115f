import { Argument, Command } from 'commander';
import { TsrqError } from '../../errors.js';
import { snapshot } from '../../info.js';
import { workerOfKey, queueWorkersKey, WORKERS_KEY } from '../../protocol/keys.js';
import { directWorker, type Directed, type WorkerOrder } from '../../queue/direct-worker.js';
import type { Redis } from '../../redis/redis.js';
import { askEach, chosenConnections, isOutage, orOutage, queuesByConnection, throwOutage } from '../connections.js';
import type { Cli } from '../context.js';
import { WORKERS_ACTIONS, type WorkersAction } from '../workers-actions.js';
import { several, whole } from '../values.js';
import { printableLines } from '../render/words.js';

interface Options {
  all?: boolean;
  queue?: string[];
  concurrency?: number;
  wait?: boolean;
}

const EXAMPLES = `
Actions:
  list      what they are and do (all of them, or those named)
  quiet     take no new jobs; running ones go on
  resume    take jobs again
  stop      end when the running jobs have ended
  kill-job  end the running jobs at once: they are retried or failed
  scale     run so many jobs at once from now on: -C

Python's workers know stop and kill-job only.

Examples:
  $ tsrq workers list --queue mail
  $ tsrq workers quiet --all
  $ tsrq workers scale web-1 web-2 -C 8
  $ tsrq workers stop web-1

Exits 1 if any of them could not be told, or does not show within 10 s that it
has done it.
`;

export function workersCommand(cli: Cli): Command {
  return new Command('workers')
    .description('List workers, and tell them by name to be quiet, resume, stop, end their jobs, or run more or fewer.')
    .addArgument(new Argument('<action>', 'what to do').choices(WORKERS_ACTIONS))
    .argument('[names...]', 'names of workers')
    .option('-a, --all', 'every worker')
    .option('--queue <name>', 'the workers that listen on this queue; repeatable', several)
    .option('-C, --concurrency <n>', 'with scale: jobs at once', whole(1))
    .option('--no-wait', 'do not wait until it shows that the worker has done it')
    .addHelpText('after', EXAMPLES)
    .action(async (action: WorkersAction, names: string[], options: Options) => {
      check(action, names, options);
      if (action === 'list') await list(cli, names, options);
      else await direct(cli, orderOf(action, options), names, options);
    });
}

function check(action: WorkersAction, names: readonly string[], { all, queue, concurrency, wait }: Options): void {
  const chosen = [names.length > 0, all === true, queue !== undefined].filter(Boolean).length;
  if (chosen > 1) throw new TsrqError('USAGE', 'either names of workers, --queue or --all');
  if (chosen === 0 && action !== 'list') {
    throw new TsrqError('USAGE', `which workers? None is named`, { hint: 'give names, --queue NAME or --all' });
  }
  if ((action === 'scale') !== (concurrency !== undefined)) {
    const problem = action === 'scale' ? 'scale needs --concurrency N' : '--concurrency goes with scale only';
    throw new TsrqError('USAGE', problem);
  }
  if (action === 'list' && wait === false) throw new TsrqError('USAGE', 'list waits for nothing: no --no-wait');
}

function orderOf(action: Exclude<WorkersAction, 'list'>, { concurrency = 1 }: Options): WorkerOrder {
  return action === 'scale' ? { action, concurrency } : { action };
}

interface Told extends Omit<Directed, 'state'> {
  readonly connection: string;
  /** `broken`: what is told of it cannot be read. */
  readonly state: Directed['state'] | 'broken';
  readonly error?: string;
}

async function direct(cli: Cli, order: WorkerOrder, names: readonly string[], options: Options): Promise<void> {
  cli.outliveReader();
  const settings = await cli.settings();
  const connections = options.queue ? queuesByConnection(settings, options.queue) : chosenConnections(settings);
  const told: Told[] = [];
  const outages: TsrqError[] = [];
  const wanted = [...new Set(names)];
  for (const { name: connection, target, queues } of connections) {
    const redis = await cli.connect(target);
    const here = names.length > 0 ? wanted : await orOutage(registered(redis, queues));
    const results = isOutage(here)
      ? [here]
      : await Promise.all(here.map((name) => orOutage(tell(redis, connection, name, order, options))));
    outages.push(...results.filter(isOutage));
    // A name that this Redis does not know may be known to another; a worker on several is told by each.
    const answers = results.filter((result): result is Told => !isOutage(result));
    told.push(...answers.filter(({ state }) => names.length === 0 || state !== 'gone'));
  }
  // Where one of them could not be asked, nobody can say that there is no such worker.
  const left = wanted.filter((name) => !told.some((result) => result.name === name));
  if (outages.length === 0) told.push(...left.map((name) => nowhere(name, connections.at(-1)?.name ?? '')));
  if (outages.length === 0 || told.length > 0) report(cli, order, told);
  throwOutage(outages);
}

const nowhere = (name: string, connection: string): Told => ({
  ...{ connection, name, state: 'gone', subscribers: 0, version: null },
});

/** What cannot be read of one worker does not keep the others from being told. */
async function tell(
  redis: Redis,
  connection: string,
  name: string,
  order: WorkerOrder,
  { wait }: Options,
): Promise<Told> {
  try {
    return { connection, ...(await directWorker(redis, name, order, wait === false ? { waitSeconds: 0 } : {})) };
  } catch (error) {
    if (!(error instanceof TsrqError) || error.code !== 'BAD_DATA') throw error;
    return { connection, name, state: 'broken', subscribers: 0, version: null, error: error.message };
  }
}

function report(cli: Cli, order: WorkerOrder, told: readonly Told[]): void {
  if (told.some(({ state }) => !FINE.has(state))) cli.exitCode = 1;
  if (cli.json) {
    cli.stdout.write(`${JSON.stringify({ action: order.action, workers: told })}\n`);
    return;
  }
  if (told.length === 0) cli.stdout.write('There are no workers.\n');
  for (const result of told) {
    (FINE.has(result.state) ? cli.stdout : cli.stderr).write(`${printableLines(sentence(order, result))}\n`);
  }
}

/** Names of the workers of these queues; null for all. */
async function registered(redis: Redis, queues: readonly string[] | null): Promise<string[]> {
  const keys = queues === null ? [WORKERS_KEY] : queues.map(queueWorkersKey);
  const names = new Set<string>();
  for (const reply of await redis.pipeline(keys.map((key) => ['SMEMBERS', key]))) {
    if (reply instanceof Error) throw reply;
    for (const member of reply as string[]) names.add(workerOfKey(member) ?? '');
  }
  names.delete('');
  return [...names].sort();
}

const FINE: ReadonlySet<Told['state']> = new Set(['done', 'already', 'sent']);

const DONE: Readonly<Record<WorkerOrder['action'], string>> = {
  quiet: 'takes no new jobs',
  resume: 'takes jobs again',
  stop: 'takes no new jobs and ends when its jobs have ended',
  'kill-job': 'has ended what it ran',
  scale: 'runs so many jobs at once',
};
const ALREADY: Readonly<Record<string, string>> = {
  stop: 'was told to stop already, and ends when its jobs have ended',
  'kill-job': 'runs nothing',
};

function sentence(order: WorkerOrder, { name, state, subscribers, version, error }: Told): string {
  const shared = subscribers > 1 ? ` (${subscribers} subscribers heard it: there are others of that name)` : '';
  switch (state) {
    case 'done':
      if (order.action === 'scale') return `${name} runs ${order.concurrency} at once${shared}`;
      return `${name} ${DONE[order.action]}${shared}`;
    case 'already':
      return `${name} ${ALREADY[order.action] ?? ''}`;
    case 'sent':
      return `${name} was told${shared}`;
    case 'unseen':
      return `tsrq: ${name} has heard it, and does not show within 10 s that it has done it${shared}`;
    case 'unheard':
      return `tsrq: ${name} does not listen: it is dead, or cut off from Redis\n  \`tsrq health --worker ${name}\` tells its last sign of life`;
    case 'unknown':
      return `tsrq: ${name} does not know this: it is a worker of ${version ?? 'an unknown kind'}`;
    case 'dead':
      return `tsrq: ${name} is registered, and dead: it left without saying so\n  the others see to its jobs; \`tsrq doctor --fix\` forgets it`;
    case 'gone':
      return strange(name);
    case 'broken':
      return `tsrq: ${name} could not be told: ${error ?? ''}\n  \`tsrq doctor\` says what is there`;
  }
}

const strange = (name: string): string =>
  `tsrq: there is no worker ${name}\n  \`tsrq workers list\` shows those there are`;

async function list(cli: Cli, names: readonly string[], options: Options): Promise<void> {
  const settings = await cli.settings();
  const connections = options.queue ? queuesByConnection(settings, options.queue) : chosenConnections(settings);
  const answers = await askEach(connections, async ({ name, target, queues }) => {
    const { workers } = await snapshot(await cli.connect(target), queues === null ? {} : { queues });
    return workers.map((worker) => ({ connection: name, ...worker }));
  });
  const found = answers.flatMap((answer) => (isOutage(answer) ? [] : answer));
  const isWhole = !answers.some(isOutage);
  const shown = found.filter(({ name }) => names.length === 0 || names.includes(name));
  const missing = isWhole ? names.filter((name) => !shown.some((worker) => worker.name === name)) : [];
  if (missing.length > 0) cli.exitCode = 1;
  if (cli.json) {
    const { workerJson } = await import('../render/info-json.js');
    const workers = shown.map((worker) => ({ connection: worker.connection, ...workerJson(worker) }));
    if (isWhole || shown.length > 0) cli.stdout.write(`${JSON.stringify({ workers, missing })}\n`);
    throwOutage(answers);
    return;
  }
  const { renderWorkers } = await import('../render/info.js');
  const { Chalk } = await import('chalk');
  const chalk = new Chalk({ level: cli.stdout.colour ? 1 : 0 });
  if (shown.length > 0) cli.stdout.write(`${renderWorkers(shown, cli.stdout.columns, chalk).join('\n')}\n`);
  else if (names.length === 0 && isWhole) cli.stdout.write('There are no workers.\n');
  for (const name of missing) cli.stderr.write(`${printableLines(strange(name))}\n`);
  throwOutage(answers);
}

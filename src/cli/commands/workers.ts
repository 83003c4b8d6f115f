import { Argument, Command } from 'commander';
import { TsrqError } from '../../errors.js';
import { snapshot } from '../../info.js';
import { workerOfKey, queueWorkersKey, WORKERS_KEY } from '../../protocol/keys.js';
import { directWorker, type Directed, type WorkerOrder } from '../../queue/direct-worker.js';
import type { Redis } from '../../redis/redis.js';
import { chosenConnections, queuesByConnection } from '../connections.js';
import type { Cli } from '../context.js';
import { WORKERS_ACTIONS, type WorkersAction } from '../workers-actions.js';
import { several, whole } from '../values.js';

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
  kill-job  end the running jobs at once: each is retried if it may be, else failed
  scale     run so many jobs at once from now on: -C

Python's workers know stop and kill-job only.

Examples:
  $ tsrq workers list --queue mail
  $ tsrq workers quiet --all
  $ tsrq workers scale web-1 web-2 -C 8
  $ tsrq workers stop web-1

Exits 1 if any of them could not be told, or does not show within 10 s that it has done it.
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

interface Told extends Directed {
  readonly connection: string;
}

async function direct(cli: Cli, order: WorkerOrder, names: readonly string[], options: Options): Promise<void> {
  cli.outliveReader();
  const waitSeconds = options.wait === false ? { waitSeconds: 0 } : {};
  const tell = (redis: Redis, name: string): Promise<Directed> => directWorker(redis, name, order, waitSeconds);
  const settings = await cli.settings();
  const connections = options.queue ? queuesByConnection(settings, options.queue) : chosenConnections(settings);
  const told: Told[] = [];
  for (const { name: connection, target, queues } of connections) {
    const redis = await cli.connect(target);
    const here = names.length > 0 ? [...new Set(names)] : await registered(redis, queues);
    const results = await Promise.all(here.map((name) => tell(redis, name)));
    // A name that this Redis does not know may be known to another; a worker on several is told by each, once.
    const last = target === connections.at(-1)?.target;
    const isTold = (name: string): boolean => told.some((other) => other.name === name);
    const known = results.filter(
      ({ name, state }) => names.length === 0 || state !== 'gone' || (last && !isTold(name)),
    );
    told.push(...known.map((result) => ({ connection, ...result })));
  }
  if (told.some(({ state }) => !FINE.has(state))) cli.exitCode = 1;
  if (cli.json) {
    cli.stdout.write(`${JSON.stringify({ action: order.action, workers: told })}\n`);
    return;
  }
  if (told.length === 0) cli.stdout.write('There are no workers.\n');
  for (const result of told) {
    (FINE.has(result.state) ? cli.stdout : cli.stderr).write(`${sentence(order, result)}\n`);
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

const FINE: ReadonlySet<Directed['state']> = new Set(['done', 'already', 'sent']);

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

function sentence(order: WorkerOrder, { name, state, subscribers, version }: Directed): string {
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
      return `tsrq: ${name} does not listen: it is dead, or cut off from Redis`;
    case 'unknown':
      return `tsrq: ${name} does not know this: it is a worker of ${version ?? 'an unknown kind'}`;
    case 'dead':
      return `tsrq: ${name} is registered, and dead: it left without saying so`;
    case 'gone':
      return `tsrq: there is no worker ${name}`;
  }
}

async function list(cli: Cli, names: readonly string[], options: Options): Promise<void> {
  const settings = await cli.settings();
  const connections = options.queue ? queuesByConnection(settings, options.queue) : chosenConnections(settings);
  const found = await Promise.all(
    connections.map(async ({ name, target, queues }) => {
      const { workers } = await snapshot(await cli.connect(target), queues === null ? {} : { queues });
      return workers.map((worker) => ({ connection: name, ...worker }));
    }),
  );
  const shown = found.flat().filter(({ name }) => names.length === 0 || names.includes(name));
  const missing = names.filter((name) => !shown.some((worker) => worker.name === name));
  if (missing.length > 0) cli.exitCode = 1;
  if (cli.json) {
    const { workerJson } = await import('../render/info-json.js');
    const workers = shown.map((worker) => ({ connection: worker.connection, ...workerJson(worker) }));
    cli.stdout.write(`${JSON.stringify({ workers, missing })}\n`);
    return;
  }
  const { renderWorkers } = await import('../render/info.js');
  const { Chalk } = await import('chalk');
  const chalk = new Chalk({ level: cli.stdout.colour ? 1 : 0 });
  if (shown.length > 0) cli.stdout.write(`${renderWorkers(shown, cli.stdout.columns, chalk).join('\n')}\n`);
  else if (names.length === 0) cli.stdout.write('There are no workers.\n');
  for (const name of missing) cli.stderr.write(`tsrq: there is no worker ${name}\n`);
}

import { type Command, InvalidArgumentError, Option } from 'commander';
import { isLimit } from '../config/limits.js';
import type { FlagValues, WorkerSettings } from '../config/settings.js';
import { DEFAULTS, parseSize } from '../config/worker-settings.js';
import { defined } from './context.js';
import { seconds, several, wholeSeconds, whole } from './values.js';

/** The options of `worker` as commander gives them. */
export type WorkerFlagValues = FlagValues['worker'] & {
  loggingLevel?: string;
  logging_level?: string;
  logFormat?: string;
};

/** Adds the options that every command which runs a worker has. */
export function addWorkerOptions(command: Command): Command {
  command
    .option('-b, --burst', 'quit when all queues are empty')
    .option('-C, --concurrency <n>', 'jobs at once (default: 1)', whole(1))
    .addOption(
      new Option('--isolation <how>', "'process': in warm child processes (default); 'none': in this process").choices([
        'process',
        'none',
      ]),
    )
    .option('--jobs-per-horse <n>', 'jobs that one child process runs at once (default: 1)', whole(1))
    .option('--max-jobs-per-horse <n>', 'replace a child process after n jobs', whole(1))
    .option('--max-memory <size>', 'end a child process above this size and fail its job: 512M, 1G', size)
    .option(
      '--dequeue-strategy <name>',
      "'ordered' (default), 'round_robin', 'random', or 'weighted' (high=5 low=1)",
      strategy,
    )
    .option(
      '--no-claim-ahead',
      'take a job only when there is a slot for it, also when jobs take less than milliseconds',
    )
    .addOption(new Option('--claim-ahead').hideHelp())
    .option(
      '--limit <queue=limit>',
      'over all workers that say so: mail=10/s (or /m, /h) jobs begin, mail=5 run at once; repeatable',
      limit,
    )
    .option('--durable <replicas>', 'wait until so many replicas have the end of each job, and warn when not', whole(1))
    .option('--max-jobs <n>', 'quit after n jobs', whole(1))
    .option('--max-idle-time <seconds>', 'quit after so long without a job', seconds)
    .option('--jobs <file>', 'a module that registers jobs by name; repeatable', several)
    .option('-P, --path <dir>', 'where modules of functions are looked for; repeatable (default: .)', several)
    .option('--only-registered', 'run only registered jobs')
    .option(
      '--exception-handler <name>',
      'a function, named as jobs are, that is told of each job that did not succeed; repeatable',
      several,
    )
    .addOption(new Option('-d, --disable-default-exception-handler').hideHelp())
    .option('--watch', 'for development: new jobs run fresh code when files of handlers have changed')
    .addOption(
      new Option('--serializer <name>', "as RQ's: each job tells its own, whatever is said here").choices([
        'json',
        'pickle',
      ]),
    )
    .option('-n, --name <name>', 'name of the worker; {host}, {pid} and {n} are replaced (default: random)', workerName)
    .option('-s, --with-scheduler', 'also move scheduled jobs and delayed retries that are due')
    .option('--default-timeout <seconds>', 'timeout of jobs that have none (default: 180)', wholeSeconds)
    .option('--results-ttl <seconds>', 'how long to keep results: 0 not at all, -1 for ever (default: 500)', ttl)
    .option(
      '--worker-ttl <seconds>',
      'how long the worker counts as alive without a heartbeat (default: 420)',
      wholeSeconds,
    )
    .option('--maintenance-interval <seconds>', 'time between cleanings of the registries (default: 600)', seconds)
    .option('--job-monitoring-interval <seconds>', 'time between heartbeats (default: 30)', seconds)
    .option('--shutdown-timeout <seconds>', 'after a first signal, end jobs that still run after so long', seconds)
    .option('--disable-job-desc-logging', 'log ids of jobs, not their calls')
    .option('--metrics <host:port>', 'serve metrics for Prometheus at http://HOST:PORT/metrics')
    .option('--pid <file>', 'write the process id to this file');
  return addLogOptions(addConnectTimeout(command));
}

export function addConnectTimeout(command: Command): Command {
  return command.option(
    '--connect-timeout <seconds>',
    'how long to try to reach Redis at the start (default: 10)',
    seconds,
  );
}

export function addLogOptions(command: Command): Command {
  return command
    .option('--logging-level <level>', 'debug, info, warning or error (default: info)', loggingLevel)
    .addOption(new Option('--logging_level <level>').argParser(loggingLevel).hideHelp())
    .option('--log-format <format>', 'pretty, json or logfmt (default: by where the log goes)', logFormat);
}

/** The flags that were given, under the names of the configuration. */
export function workerFlags(values: WorkerFlagValues): Partial<FlagValues> {
  const { loggingLevel, logging_level: spelledAsInRq, logFormat } = values;
  const worker = Object.entries(values).filter(([option]) => Object.hasOwn(DEFAULTS.worker, option));
  return {
    worker: defined(Object.fromEntries(worker)),
    ...defined({ loggingLevel: loggingLevel ?? spelledAsInRq, logFormat }),
  };
}

function limit(text: string, before: readonly string[] | undefined): string[] {
  if (isLimit(text)) return several(text, before);
  throw new InvalidArgumentError(`a queue and its limit are needed, as mail=10/s or mail=5, not '${text}'`);
}

const oneOf =
  (...words: readonly string[]) =>
  (text: string): string => {
    if (words.includes(text.toLowerCase())) return text.toLowerCase();
    throw new InvalidArgumentError(`'${text}' is none of ${words.join(', ')}`);
  };

export const loggingLevel = oneOf('debug', 'info', 'warning', 'error');
export const logFormat = oneOf('auto', 'pretty', 'json', 'logfmt');

function workerName(text: string): string {
  if (text !== '') return text;
  throw new InvalidArgumentError('a name is needed');
}

function ttl(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && value >= -1) return value;
  throw new InvalidArgumentError(`a number of seconds, 0 or -1 is needed, not '${text}'`);
}

function size(text: string): number {
  const bytes = parseSize(text);
  if (bytes > 0) return bytes;
  throw new InvalidArgumentError(`a size as 512M or 1G is needed, not '${text}'`);
}

const STRATEGIES: Readonly<Record<string, WorkerSettings['dequeueStrategy']>> = {
  ordered: 'ordered',
  default: 'ordered',
  round_robin: 'round_robin',
  'round-robin': 'round_robin',
  random: 'random',
  weighted: 'weighted',
};

function strategy(text: string): WorkerSettings['dequeueStrategy'] {
  const found = STRATEGIES[text];
  if (found !== undefined && Object.hasOwn(STRATEGIES, text)) return found;
  throw new InvalidArgumentError(`'${text}' is none of ordered, round_robin, random, weighted`);
}

import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import type { Settings } from '../../config/settings.js';
import type { CronEntry } from '../../cron/entry.js';
import { CronScheduler } from '../../cron/scheduler.js';
import { TsrqError } from '../../errors.js';
import { BootWatch } from '../../redis/boot-watch.js';
import { connect } from '../../redis/connect.js';
import type { Redis } from '../../redis/redis.js';
import { defined, type Cli } from '../context.js';
import { readCronFile } from './cron-file.js';
import { createLog, type Log } from '../log.js';
import { cronRecord, plan, renderPlan, renderPlanJson } from '../render/cron.js';
import { seconds, whole } from '../values.js';
import { logFormat, loggingLevel } from '../worker-options.js';

interface Options {
  dryRun?: boolean;
  next?: number;
  loggingLevel?: string;
  logFormat?: string;
  connectTimeout?: number;
}

const HELP = `
The file holds entries: a list, or { defaults, jobs }, as JSON, YAML, or the
default export of a module.

  - name: nightly                # unique; default: the function
    function: app.report.build
    queue: low
    cron: "0 3 * * *"            # or interval: 5m
    timezone: Europe/Berlin      # default: UTC
    missed: once                 # or skip, all: what if no tsrq cron ran then
    args: [1]                    # kwargs, timeout, resultTtl, meta, retry, …

It may run several times, for safety: each occurrence is enqueued once.

Signals:
  TERM, INT  exit 0
  HUP        read the file again

Examples:
  $ tsrq cron cron.yaml
  $ tsrq cron cron.yaml --dry-run
  $ tsrq cron cron.ts --next 5 --json
`;

export function cronCommand(cli: Cli): Command {
  return new Command('cron')
    .description('Enqueue jobs at their times, as a file says.')
    .argument('<file>', 'JSON, YAML, JavaScript or TypeScript')
    .option('--dry-run', 'check the file, print the next run of each entry, enqueue nothing')
    .option('--next <n>', 'the same with the next n runs', whole(1))
    .option('--connect-timeout <seconds>', 'how long to try to reach Redis at the start (default: 10)', seconds)
    .option('-l, --logging-level <level>', 'debug, info, warning or error (default: info)', loggingLevel)
    .option('--log-format <format>', 'pretty, json or logfmt (default: by where the log goes)', logFormat)
    .addHelpText('after', HELP)
    .action(async (file: string, options: Options) => {
      const entries = await readCronFile(file, cli.cwd);
      if (options.dryRun === true || options.next !== undefined) {
        checkConnections(await cli.settings(), entries);
        print(cli, entries, options.next ?? 1);
      } else await runCron(cli, file, entries, options);
    });
}

function print(cli: Cli, entries: readonly CronEntry[], count: number): void {
  const plans = plan(entries, count, Math.floor(Date.now() / 1_000));
  cli.stdout.write(cli.json ? `${renderPlanJson(plans)}\n` : renderPlan(plans));
}

async function runCron(cli: Cli, file: string, entries: readonly CronEntry[], options: Options): Promise<void> {
  const { loggingLevel: level, logFormat: format, connectTimeout } = options;
  const settings = await cli.settings({
    ...defined({ loggingLevel: level, logFormat: format }),
    worker: defined({ connectTimeout }),
  });
  const log = createLog(cli.stderr, { ...settings.log, env: cli.env });
  const boot = new BootWatch(settings.worker.connectTimeoutSeconds);
  const redis = connectConsumer(settings, entries, boot, log);
  const scheduler = new CronScheduler(redis, { file, onEvent: (event) => log(cronRecord(event)) });
  const signals = obey(scheduler, redis, log, () => reload(scheduler, settings, { file, cwd: cli.cwd, entries, log }));
  try {
    scheduler.load(entries);
    await boot.within(scheduler.begin(), redis.description);
    boot.end();
    await scheduler.run();
  } catch (error) {
    if (!(signals.stopping && error instanceof TsrqError)) throw error;
  } finally {
    signals.disarm();
    redis.close();
  }
}

/** A connection that tries until it is closed, and says when Redis goes and comes. */
function connectConsumer(settings: Settings, entries: readonly CronEntry[], boot: BootWatch, log: Log): Redis {
  checkConnections(settings, entries);
  return connect(settings.targetOf(entries[0]?.queue ?? 'default'), {
    role: 'consumer',
    name: 'tsrq-cron',
    onLost: (error) => {
      boot.lost(error);
      if (boot.over) log({ level: 'error', event: 'redis-lost', message: `${error.message}; trying until it is back` });
    },
    onRegained: (afterMs) => {
      const message = `Redis is back after ${(afterMs / 1_000).toFixed(1)} s`;
      if (boot.over) log({ level: 'warning', event: 'redis-regained', message });
    },
  });
}

/** Throws USAGE unless all queues are on one Redis. */
function checkConnections(settings: Settings, entries: readonly CronEntry[]): void {
  const queues = [...new Set(entries.map(({ queue }) => queue))];
  if (new Set(queues.map((queue) => settings.connectionNameOf(queue))).size < 2) return;
  const where = queues.map((queue) => `${queue}: ${settings.connectionNameOf(queue)}`).join(', ');
  throw new TsrqError('USAGE', `the queues are on different connections (${where})`, {
    hint: 'write one cron file for each connection',
  });
}

interface Loaded {
  readonly file: string;
  readonly cwd: string;
  readonly entries: readonly CronEntry[];
  readonly log: Log;
}

/** Reads the file again; a bad one changes nothing. */
async function reload(
  scheduler: CronScheduler,
  settings: Settings,
  { file, cwd, entries: former, log }: Loaded,
): Promise<void> {
  try {
    const entries = await readCronFile(file, cwd);
    // The connection stays the one of the first file.
    checkConnections(settings, [...former, ...entries]);
    scheduler.load(entries);
    log({ level: 'info', event: 'reloaded', message: `Reloaded ${file}: ${entries.length} entries` });
  } catch (error) {
    if (!(error instanceof TsrqError)) throw error;
    log({ level: 'error', event: 'not-reloaded', message: `${error.message}\nThe former entries stay` });
  }
}

/** Seconds a scheduler that may end waits for a Redis that does not answer. */
const LEAVE_SECONDS = 5;

interface Signals {
  readonly stopping: boolean;
  disarm(): void;
}

/** TERM and INT end it, after what it is about, and in any case within seconds; HUP reloads. */
function obey(scheduler: CronScheduler, redis: Redis, log: Log, again: () => Promise<void>): Signals {
  const ended = new AbortController();
  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) return;
    stopping = true;
    log({ level: 'info', event: 'stopping', message: `Stopping (${signal})` });
    scheduler.stop();
    sleep(LEAVE_SECONDS * 1_000, undefined, { signal: ended.signal }).then(
      () => redis.close(),
      () => undefined,
    );
  };
  const hangUp = (): void => void again();
  process.on('SIGTERM', stop).on('SIGINT', stop).on('SIGHUP', hangUp);
  return {
    get stopping() {
      return stopping;
    },
    disarm: () => {
      ended.abort();
      process.off('SIGTERM', stop).off('SIGINT', stop).off('SIGHUP', hangUp);
    },
  };
}

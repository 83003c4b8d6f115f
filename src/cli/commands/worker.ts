import { closeSync, openSync, writeFileSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { randomBytes } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { Command } from 'commander';
import type { Settings } from '../../config/settings.js';
import { TsrqError } from '../../errors.js';
import { VERSION } from '../../version.js';
import type { WorkerEnd } from '../../worker/events.js';
import type { WeightedQueue } from '../../worker/intake.js';
import { logRecord, placed } from '../../worker/log-record.js';
import type { RunningWorker } from '../../worker/start.js';
import type { ExceptionHandlers } from '../exception-handlers.js';
import { startSeveral, type SeveralOptions } from '../../worker/start-several.js';
import type { RedisTarget } from '../../redis/target.js';
import { placesOf } from '../connections.js';
import type { Cli } from '../context.js';
import { durability } from '../../redis/durable.js';
import { bounded, type Bounded } from '../bounded.js';
import { createLog, gathered, type Log } from '../log.js';
import type { OpenMetrics } from '../metrics/open.js';
import { WorkerStatus } from '../render/worker-status.js';
import { SIGNAL_NUMBERS, SignalRelay } from '../signal-relay.js';
import { obeySignals } from '../signals.js';
import { watchExit, watchStrayErrors } from '../unforeseen.js';
import { isRedisAway, supervisorOf } from '../systemd/supervised.js';
import type { Service, Supervisor } from '../systemd/supervisor.js';
import { WORKERS_ACTIONS } from '../workers-actions.js';
import { watchHandlers, type HandlerWatch } from '../watch.js';
import { addWorkerOptions, workerFlags, type WorkerFlagValues } from '../worker-options.js';

const HELP = `
Jobs:
  the function 'app.mail.send' is the export 'send' of app/mail.js (or .ts,
  .mjs …) under a --path directory, or whatever a --jobs module registers under
  that name

Queues may be on different connections of the configuration (queueConnections):
one worker takes jobs from all of them.

Signals:
  TERM, INT  once: finish the running jobs and exit 0
             again after a second: end them at once
  HUP        fresh code for new jobs; --watch does that by itself
  TSTP       take no jobs
  CONT       take them again
  USR2       log what is running

Examples:
  $ tsrq worker high low
  $ tsrq worker --burst --concurrency 4 --path ./dist
  $ tsrq worker --dequeue-strategy weighted high=5 low=1
  $ tsrq worker --limit mail=10/s --limit reports=2 mail reports
  $ tsrq worker --watch --jobs src/jobs.ts
`;

export function workerCommand(cli: Cli): Command {
  const command = new Command('worker')
    .description('Take jobs from queues, in the order given, and run them in warm child processes.')
    .argument('[queues...]', "names of queues, highest priority first (default: the configuration's, else 'default')")
    .addHelpText('after', HELP);
  return addWorkerOptions(command).action(async (queues: string[], values: WorkerFlagValues) => {
    warnOfSlip(cli, queues);
    await runWorker(cli, queues, values);
  });
}

/** `tsrq worker stop` takes jobs from a queue `stop`: whoever meant `tsrq workers stop` should see it. */
function warnOfSlip(cli: Cli, [first]: readonly string[]): void {
  if (first === undefined || !(WORKERS_ACTIONS as readonly string[]).includes(first)) return;
  cli.stderr.write(`tsrq: taking jobs from a queue named '${first}'; \`tsrq workers ${first}\` is about workers\n`);
}

/** Runs a worker until it ends; sets the exit code. */
export async function runWorker(cli: Cli, queues: readonly string[], values: WorkerFlagValues): Promise<void> {
  if (queues.includes('')) throw new TsrqError('USAGE', 'the name of a queue is empty');
  // Before anything else: what a signal does by default would end a worker that has begun to boot, and process 1 hears none.
  const signals = new SignalRelay();
  const disarm = obeySignals(signals);
  try {
    const flags = workerFlags(values);
    const settings = await cli.settings(queues.length === 0 ? flags : { ...flags, queues: [...queues] });
    const sink = bounded(process.stderr, (bytes) => {
      const message = `${bytes} bytes of what is written here are lost: nobody has read them in time`;
      log({ level: 'warning', event: 'output-lost', message, fields: { bytes } });
    });
    const lines = gathered({ colour: cli.stderr.colour, write: sink.write });
    const log = createLog(lines, { ...settings.log, env: cli.env });
    await runConfigured(cli, { settings, log, out: { ...sink, flush: lines.flush }, signals });
  } finally {
    disarm();
  }
}

/** Where the log goes. */
interface Out extends Bounded {
  /** Writes what was logged at once. */
  readonly flush: () => void;
}

interface Given {
  readonly settings: Settings;
  readonly log: Log;
  readonly out: Out;
  readonly signals: SignalRelay;
}

async function runConfigured(cli: Cli, { settings, log, out, signals }: Given): Promise<void> {
  warnIfProcessOne(log);
  const stray = watchStrayErrors(signals, log);
  const exit = watchExit(signals, log, out.flush);
  const supervisor = await supervisorOf(cli.env, log);
  let metrics: OpenMetrics | null = null;
  let watch: HandlerWatch | null = null;
  try {
    const configured = await workerOptions(cli, settings, log, out);
    if (settings.worker.watch) watch = await watchFor(configured, signals, log);
    const address = settings.worker.metricsAddress;
    // Loaded only for those who want it.
    if (address !== null) metrics = await (await import('../metrics/open.js')).openMetrics(cli, address, configured);
    const { exceptionHandlers: names } = settings.worker;
    const reports = names.length === 0 ? null : await reportsTo(names, configured.sources, log);
    const told = metrics === null ? configured : { ...configured, onEvent: metrics.onEvent };
    const given = reports === null ? told : reporting(told, reports);
    const { options, service } = supervisor ? supervised(supervisor, given, settings) : { options: given };
    const worker = await startNamed(options, settings);
    metrics?.lead(worker, log);
    if (service) supervisor?.ready(service(worker));
    signals.lead(worker, { log, supervisor, showDescription: settings.worker.logJobDescription });
    const end = await worker.ended;
    await reports?.settled();
    cli.exitCode = stray.seen ? 1 : exitCode(end, signals.coldSignal);
  } finally {
    stray.disarm();
    exit.disarm();
    metrics?.close();
    await watch?.close();
    await supervisor?.end();
  }
}

const reporting = (options: SeveralOptions, reports: ExceptionHandlers): SeveralOptions => ({
  ...options,
  onEvent: (event, place) => {
    options.onEvent(event, place);
    reports.tell(event);
  },
});

/** Loaded only for those who want it. */
async function reportsTo(
  names: readonly string[],
  sources: SeveralOptions['sources'],
  log: Log,
): Promise<ExceptionHandlers> {
  const { exceptionHandlers } = await import('../exception-handlers.js');
  return exceptionHandlers(names, sources, log);
}

/** Lets the worker load fresh code when that has changed. USAGE where it cannot. */
function watchFor({ isolation, sources }: SeveralOptions, signals: SignalRelay, log: Log): Promise<HandlerWatch> {
  if (isolation === 'none') {
    throw new TsrqError('USAGE', '--watch does not go with --isolation none: a process cannot load a module again', {
      hint: 'leave out --isolation none while you develop',
    });
  }
  const onChange = (what: string): void => {
    signals.reload(what);
  };
  return watchHandlers(sources, { log, onChange });
}

/** What horses need to warm up, and a socket for commands to open, milliseconds. */
const WARM_UP_MS = 60_000;

/** The options of a worker whose doings systemd is told, and what it is told of once it runs. */
function supervised(
  supervisor: Supervisor,
  options: SeveralOptions,
  settings: Settings,
): { options: SeveralOptions; service: (worker: RunningWorker) => Service } {
  const status = new WorkerStatus(options.places.flatMap(({ queues }) => queues.map(({ name }) => name)));
  let silent: readonly RedisTarget[] = [];
  supervisor.starting('connecting to Redis', options.connectTimeoutSeconds * 1_000 + WARM_UP_MS);
  return {
    options: {
      ...options,
      onEvent: (event, place) => {
        status.see(event, place);
        options.onEvent(event, place);
        if (event.type === 'stopping' || event.type === 'cold') supervisor.stopping();
      },
    },
    service: (worker) => ({
      status: () => status.line(worker.describe(settings.worker.logJobDescription)),
      hasPulse: () => {
        silent = worker.silent();
        return silent.length === 0;
      },
      isRedisAway: async () => (await Promise.all(silent.map(isRedisAway))).every(Boolean),
      remainingMs: () => worker.remainingMs(),
    }),
  };
}

/** Only the first process of a system takes care of processes whose parents are gone, and Node cannot. */
function warnIfProcessOne(log: Log): void {
  if (process.pid !== 1) return;
  const message =
    'this worker is process 1: what processes of jobs leave behind stays as zombies; start it under an init (docker run --init)';
  log({ level: 'warning', event: 'process-1', message });
}

async function workerOptions(cli: Cli, settings: Settings, log: Log, out: Out): Promise<SeveralOptions> {
  const { worker } = settings;
  const queues = parseQueues(settings.queues, worker.dequeueStrategy).map((queue) => ({
    ...queue,
    limits: worker.limits.get(queue.name) ?? '',
  }));
  const names = queues.map((queue) => queue.name);
  for (const queue of worker.limits.keys()) {
    if (names.includes(queue)) continue;
    const message = `the limit of queue ${queue} does nothing here: this worker takes no jobs from it`;
    log({ level: 'warning', event: 'limit', message });
  }
  await checkFiles(cli.cwd, worker.jobs, 'the jobs module');
  await checkFiles(cli.cwd, worker.path, 'the --path directory');
  const pidFile = worker.pidFile === null ? null : resolve(cli.cwd, worker.pidFile);
  if (pidFile !== null) checkWritable(pidFile);
  let hasWorked = false;
  return {
    name: worker.name ?? '',
    version: VERSION,
    places: placesOf(settings, queues),
    strategy: worker.dequeueStrategy,
    concurrency: worker.concurrency,
    claimAhead: worker.claimAhead,
    isolation: worker.isolation,
    sources: {
      jobFiles: worker.jobs.map((file) => resolve(cli.cwd, file)),
      roots: worker.path.map((root) => resolve(cli.cwd, root)),
      onlyRegistered: worker.onlyRegistered,
    },
    jobsPerHorse: worker.jobsPerHorse,
    maxJobsPerHorse: worker.maxJobsPerHorse,
    maxMemoryBytes: worker.maxMemoryBytes,
    durability: worker.durable === null ? null : durability(worker.durable),
    burst: worker.burst,
    maxJobs: worker.maxJobs,
    maxIdleSeconds: worker.burst ? null : worker.maxIdleSeconds,
    defaultTimeoutSeconds: worker.defaultTimeoutSeconds,
    resultTtlSeconds: worker.resultTtlSeconds,
    workerTtlSeconds: worker.workerTtlSeconds,
    monitoringIntervalSeconds: worker.monitoringIntervalSeconds,
    maintenanceIntervalSeconds: worker.maintenanceIntervalSeconds,
    shutdownTimeoutSeconds: worker.shutdownTimeoutSeconds,
    connectTimeoutSeconds: worker.connectTimeoutSeconds,
    withScheduler: worker.withScheduler,
    onEvent: (event, place) => {
      // Whoever reads that the worker is ready finds the file.
      if (event.type === 'ready' && pidFile !== null) writeFileSync(pidFile, String(process.pid));
      if (event.type === 'job-started' && !hasWorked) {
        hasWorked = true;
        // From here on as by default: bin/tsrq.js has held it back.
        for (const flag of ['--semi-space-growth-factor=2', '--opt']) setFlagsFromString(flag);
      }
      log(placed(logRecord(event, worker.logJobDescription), place));
      // Whatever the job says or does to this process comes after it.
      if (event.type === 'job-started' && worker.isolation === 'none') out.flush();
    },
    onStderr: (chunk) => {
      out.flush();
      out.write(chunk);
    },
  };
}

/** `high=5` gives a queue its weight under the strategy `weighted`; elsewhere `=` is a letter like others. */
function parseQueues(queues: readonly string[], strategy: string): WeightedQueue[] {
  const parsed = queues.map((text): WeightedQueue => {
    const match = strategy === 'weighted' ? /^(.+)=(.*)$/.exec(text) : null;
    if (!match) return { name: text, weight: 1 };
    const weight = Number(match[2]);
    if (!(weight > 0))
      throw new TsrqError('USAGE', `the weight of queue '${match[1]}' is '${match[2]}': a number above 0 is needed`);
    return { name: match[1] ?? text, weight };
  });
  if (parsed.some((queue) => queue.name === '')) throw new TsrqError('USAGE', 'the name of a queue is empty');
  return parsed.filter((queue, i) => parsed.findIndex((other) => other.name === queue.name) === i);
}

async function checkFiles(cwd: string, files: readonly string[], what: string): Promise<void> {
  for (const file of files) {
    await access(resolve(cwd, file)).catch(() => {
      throw new TsrqError('USAGE', `${what} '${file}' does not exist`, { hint: `looked for ${resolve(cwd, file)}` });
    });
  }
}

/** Now: a worker that is registered must not end because of its file. */
function checkWritable(file: string): void {
  try {
    closeSync(openSync(file, 'a'));
  } catch (error) {
    throw new TsrqError('USAGE', `the --pid file cannot be written: ${(error as Error).message}`, { cause: error });
  }
}

const MAX_NUMBER = 10_000;

/** Starts the worker under its name; `{n}` becomes the first number that no live worker has. */
async function startNamed(options: SeveralOptions, settings: Settings): Promise<RunningWorker> {
  const template = settings.worker.name ?? randomBytes(16).toString('hex');
  const base = template.replaceAll('{host}', hostname()).replaceAll('{pid}', String(process.pid));
  if (!base.includes('{n}')) return startSeveral({ ...options, name: base });
  for (let n = 1; ; n += 1) {
    try {
      return await startSeveral({ ...options, name: base.replaceAll('{n}', String(n)) });
    } catch (error) {
      const taken = error instanceof TsrqError && error.code === 'NAME_TAKEN';
      if (!taken || n >= MAX_NUMBER) throw error;
    }
  }
}

function exitCode(end: WorkerEnd, coldSignal: keyof typeof SIGNAL_NUMBERS | null): number {
  switch (end.reason) {
    case 'cold':
      return 128 + SIGNAL_NUMBERS[coldSignal ?? 'SIGTERM'];
    case 'suspended':
    case 'replaced':
      return 75;
    case 'blocked':
    case 'unable':
      return 70;
    default:
      return (end.unrecorded ?? 0) > 0 ? 1 : 0;
  }
}

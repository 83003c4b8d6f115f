import { Command } from 'commander';
import type { Settings } from '../../config/settings.js';
import { describeTarget } from '../../redis/target.js';
import { logRecord } from '../../worker/log-record.js';
import { startScheduler, type RunningScheduler } from '../../worker/start-scheduler.js';
import { chosenConnections, queuesByConnection, type QueuesOfConnection } from '../connections.js';
import type { Cli } from '../context.js';
import { createLog, type Log } from '../log.js';
import { isRedisAway, supervisorOf } from '../systemd/supervised.js';
import type { Service } from '../systemd/supervisor.js';
import { addConnectTimeout, addLogOptions, workerFlags, type WorkerFlagValues } from '../worker-options.js';

const HELP = `
It does what \`tsrq worker --with-scheduler\` does besides running jobs, under the
same locks as RQ's own scheduler: any number of schedulers may run, each queue
is looked after by one of them, and another takes over within a minute.

Signals:
  TERM, INT  give up the locks and exit 0

Examples:
  $ tsrq scheduler                 for all queues, new ones included
  $ tsrq scheduler mail reports    for these queues
`;

export function schedulerCommand(cli: Cli): Command {
  const command = new Command('scheduler')
    .description('Move scheduled jobs and delayed retries that are due to their queues.')
    .argument('[queues...]', 'names of queues (default: all there are)')
    .addHelpText('after', HELP);
  return addLogOptions(addConnectTimeout(command)).action(async (queues: string[], values: WorkerFlagValues) => {
    const interruption = cli.interruption();
    const settings = await cli.settings(workerFlags(values));
    const log = createLog(cli.stderr, { ...settings.log, env: cli.env });
    const supervisor = await supervisorOf(cli.env, log);
    supervisor?.starting('connecting to Redis', settings.worker.connectTimeoutSeconds * 1_000);
    const places = queues.length === 0 ? chosenConnections(settings) : queuesByConnection(settings, queues);
    const moving = new Moving();
    try {
      await moving.start(places, settings, log);
      supervisor?.ready(moving);
      if (!interruption.aborted)
        await new Promise((resolve) => {
          interruption.addEventListener('abort', resolve);
        });
      supervisor?.stopping();
      log({ level: 'info', event: 'stopping', message: `Stopping (${String(interruption.reason)})` });
    } finally {
      await moving.stop();
      await supervisor?.end();
    }
  });
}

/** The schedulers of all connections. */
class Moving implements Service {
  readonly #schedulers: { readonly scheduler: RunningScheduler; readonly place: QueuesOfConnection; passes: number }[] =
    [];
  #moved = 0;

  async start(places: readonly QueuesOfConnection[], settings: Settings, log: Log): Promise<void> {
    const { connectTimeoutSeconds } = settings.worker;
    for (const place of places) {
      const scheduler = await startScheduler({
        ...{ queues: place.queues, target: place.target, connectTimeoutSeconds },
        onMoved: (jobs) => {
          this.#moved += jobs;
          const what = jobs === 1 ? '1 job that was due' : `${jobs} jobs that were due`;
          log({ level: 'info', event: 'moved', message: `${what} moved`, fields: { jobs, connection: place.name } });
        },
        onEvent: (event) => {
          log(logRecord(event, true));
        },
      });
      this.#schedulers.push({ scheduler, place, passes: -1 });
      const whose = place.queues === null ? 'all queues' : place.queues.join(', ');
      const message = `Scheduler: looking after ${whose} (pid ${process.pid}, ${describeTarget(place.target)})`;
      log({ level: 'info', event: 'ready', message, fields: { pid: process.pid, connection: place.name } });
    }
  }

  readonly status = (): string => {
    const sum = (of: (scheduler: RunningScheduler) => number): number =>
      this.#schedulers.reduce((total, { scheduler }) => total + of(scheduler), 0);
    const [held, queues] = [sum((scheduler) => scheduler.held), sum((scheduler) => scheduler.queues)];
    const others = held < queues ? `, ${queues - held} by another scheduler` : '';
    return `looking after ${held} ${held === 1 ? 'queue' : 'queues'}${others}; ${this.#moved} moved`;
  };

  /** Every one of them has made a pass since. */
  readonly hasPulse = (): boolean => {
    const stuck = this.#schedulers.filter((entry) => entry.scheduler.passes === entry.passes);
    for (const entry of this.#schedulers) entry.passes = entry.scheduler.passes;
    return stuck.length === 0;
  };

  readonly isRedisAway = async (): Promise<boolean> => {
    const away = await Promise.all(this.#schedulers.map(({ place }) => isRedisAway(place.target)));
    return away.includes(true);
  };

  readonly remainingMs = (): number => 0;

  async stop(): Promise<void> {
    await Promise.all(this.#schedulers.map(({ scheduler }) => scheduler.stop()));
  }
}

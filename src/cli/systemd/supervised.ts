import { TsrqError } from '../../errors.js';
import type { RedisTarget } from '../../redis/target.js';
import type { Log } from '../log.js';
import type { Supervisor } from './supervisor.js';

/**
 * Who tells systemd how this process does; null where nobody has asked for it, and then nothing is loaded or started.
 * What asks (NOTIFY_SOCKET and the watchdog's variables) is taken out of the environment: jobs do not speak for their worker.
 */
export async function supervisorOf(env: NodeJS.ProcessEnv, log: Log): Promise<Supervisor | null> {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: usec, WATCHDOG_PID: pid } = env;
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) Reflect.deleteProperty(env, name);
  if (!socket) return null;
  const isWatched = Number(usec) > 0 && (pid === undefined || Number(pid) === process.pid);
  const { Supervisor } = await import('./supervisor.js');
  return new Supervisor({
    socket,
    path: env['PATH'] ?? '',
    watchdogMs: isWatched ? Number(usec) / 1_000 : null,
    warn: (message) => {
      log({ level: 'warning', event: 'systemd', message });
    },
  });
}

/** Milliseconds an answer may take before Redis counts as away. */
const PATIENCE_MS = 3_000;

/** Whether Redis does not answer, or refuses us, on a new connection. */
export async function isRedisAway(target: RedisTarget): Promise<boolean> {
  const { connect } = await import('../../redis/connect.js');
  const redis = connect(target, { role: 'producer', name: 'tsrq-watchdog', deadlineMs: PATIENCE_MS });
  try {
    await redis.call(['PING']);
    return false;
  } catch (error) {
    return error instanceof TsrqError;
  } finally {
    redis.close();
  }
}

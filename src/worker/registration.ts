import { hostname } from 'node:os';
import { TsrqError } from '../errors.js';
import { parseDate } from '../protocol/time.js';
import { birthFields, noteFields, type WorkerNotes } from '../protocol/worker.js';
import { asList, asText, type WorkerStamp } from '../queue/claim.js';
import type { Redis } from '../redis/redis.js';
import { script } from '../redis/scripts.js';

export interface Birth {
  readonly stamp: WorkerStamp;
  readonly queues: readonly string[];
  /** Date string; also the stamp's birth. */
  readonly date: string;
  readonly version: string;
}

/**
 * Registers a worker as RQ does, in one atomic step. A live worker of that name → TsrqError NAME_TAKEN; a dead one's
 * place is taken. Also used when Redis came back without the worker.
 */
export async function register(redis: Redis, birth: Birth, notes?: WorkerNotes): Promise<void> {
  const address = await ownAddress(redis);
  let replaced = '';
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const reply = asList(
      await redis.evaluate(script('register'), [], registerArgs(birth, notes, address, replaced)),
    ).map(asText);
    const [state, otherBirth = '', host = '', pid = '', lastHeartbeat = '', livesMs = ''] = reply;
    if (state === 'ok') return;
    if (!isDead({ host, pid: Number(pid), lastHeartbeat, expires: Number(livesMs) >= 0 })) {
      throw new TsrqError('NAME_TAKEN', `there is a live worker named '${birth.stamp.name}' (pid ${pid} on ${host})`, {
        hint: 'stop it, or choose another --name; {host}, {pid} and {n} in a name are replaced',
      });
    }
    replaced = otherBirth;
  }
  throw new TsrqError('NAME_TAKEN', `other workers compete for the name '${birth.stamp.name}'`);
}

/** Takes the worker out of the registries, unless another worker has its name by now. */
export async function unregister(redis: Redis, birth: Birth, date: string): Promise<void> {
  await redis.evaluate(script('unregister'), [], [birth.stamp.name, birth.stamp.birth, date, ...birth.queues]);
}

/** Writes down what the worker tells of itself, unless another worker has its name by now. */
export async function note(redis: Redis, { name, birth }: WorkerStamp, notes: WorkerNotes): Promise<void> {
  await redis.evaluate(script('worker_note'), [], [name, birth, ...noteFields(notes).flat()]);
}

function registerArgs(
  birth: Birth,
  notes: WorkerNotes | undefined,
  address: string,
  replaced: string,
): (string | number)[] {
  const { stamp, queues } = birth;
  const fields = birthFields({
    date: birth.date,
    queues,
    pid: process.pid,
    hostname: hostname(),
    ipAddress: address,
    version: birth.version,
    runtime: `Node.js ${process.versions.node}`,
  });
  const args = [stamp.name, stamp.birth, replaced, stamp.idleTtlSeconds, queues.length, ...queues];
  return [...args, ...fields.flat(), ...(notes ? noteFields(notes).flat() : [])];
}

/** `ip:port` of this connection as Redis sees it (RQ shows it in `rq info`). */
async function ownAddress(redis: Redis): Promise<string> {
  try {
    const info = await redis.call(['CLIENT', 'INFO']);
    return /\baddr=(\S+)/.exec(String(info))?.[1] ?? 'unknown';
  } catch (error) {
    if (error instanceof TsrqError) throw error;
    return 'unknown';
  }
}

/** RQ's workers refresh their heartbeat every 405 s at the slowest. */
const SILENT_AFTER_MS = 480_000;

/**
 * Whether a registered worker has died. On another machine only its hash can tell: it expires when nobody prolongs it.
 * The clock of that machine is asked only where a hash has been left without an expiry.
 */
function isDead(other: {
  readonly host: string;
  readonly pid: number;
  readonly lastHeartbeat: string;
  readonly expires: boolean;
}): boolean {
  if (other.host === hostname() && Number.isInteger(other.pid) && other.pid > 0) {
    return other.pid === process.pid || !isRunning(other.pid);
  }
  if (other.expires) return false;
  const heartbeat = parseDate(other.lastHeartbeat);
  return heartbeat === null || Date.now() - heartbeat > SILENT_AFTER_MS;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

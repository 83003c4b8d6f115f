import { hostname } from 'node:os';
import { Command } from 'commander';
import { TsrqError } from '../../errors.js';
import { workerKey } from '../../protocol/keys.js';
import { parseDate } from '../../protocol/time.js';
import { permissionError, refusesWrites } from '../../redis/failure.js';
import type { Redis } from '../../redis/redis.js';
import { chosenConnections } from '../connections.js';
import type { Cli } from '../context.js';
import { seconds } from '../values.js';

/** Seconds without a sign of life: tsrq's workers give one each 30 s, Python's idle ones each 405. */
const MAX_AGE = 90;
const MAX_AGE_PYTHON = 480;

export function healthCommand(cli: Cli): Command {
  return new Command('health')
    .description('Say by exit code, and in one line, whether Redis serves and a worker is alive: for probes.')
    .option('--worker <name>', 'a worker that must have given a sign of life; {host} is replaced')
    .option(
      '--max-age <seconds>',
      `how old that may be (default: ${MAX_AGE}; ${MAX_AGE_PYTHON} for a worker of Python)`,
      seconds,
    )
    .addHelpText(
      'after',
      `
Examples:
  $ tsrq health
  $ tsrq health --worker '{host}' --max-age 120

Exits 0 if all is well, 1 if the worker is not, 69 if Redis does not answer or
takes no writes: no worker can give a sign of life then.`,
    )
    .action(async ({ worker, maxAge }: { worker?: string; maxAge?: number }) => {
      const connections = chosenConnections(await cli.settings());
      const opened = await Promise.all(connections.map(({ target }) => cli.connect(target)));
      const health =
        worker === undefined
          ? await redisHealth(opened)
          : await workerHealth(opened, worker.replaceAll('{host}', hostname()), maxAge);
      if (!health.well) cli.exitCode = 1;
      const { hint, ...told } = health;
      if (cli.json) cli.stdout.write(`${JSON.stringify(told)}\n`);
      else if (health.well) cli.stdout.write(cli.quiet ? '' : `${health.text}\n`);
      else cli.stderr.write(`tsrq: ${health.text}\n${hint === undefined ? '' : `  ${hint}\n`}`);
    });
}

interface Health {
  readonly well: boolean;
  readonly text: string;
  /** The next step. */
  readonly hint?: string;
  readonly worker: string | null;
  /** Of its last sign of life; null where none is known. */
  readonly ageSeconds: number | null;
}

async function redisHealth(opened: readonly Redis[]): Promise<Health> {
  await Promise.all(opened.map(mustTakeWrites));
  return { well: true, text: 'Redis answers', worker: null, ageSeconds: null };
}

/** A command that Redis refuses when it refuses any write, and that changes nothing: the key is never there. */
const NO_WRITE = ['SET', 'rq:tsrq:health', '1', 'XX'] as const;

/** Throws if it does not; a user who may not write learns only that Redis answers. */
async function mustTakeWrites(redis: Redis): Promise<void> {
  try {
    await redis.call(NO_WRITE);
  } catch (error) {
    if (permissionError(error)) return;
    throw error instanceof TsrqError ? error : refusesWrites(redis.description, error);
  }
}

/**
 * By the connection that knows of the worker's latest sign of life. One that cannot be asked counts only if no other one knows it to
 * be alive; and a worker whose Redis takes no writes cannot give a sign: then that is what is wrong.
 */
async function workerHealth(opened: readonly Redis[], name: string, maxAge: number | undefined): Promise<Health> {
  const looks = await Promise.allSettled(opened.map((redis) => lookFor(redis, name, maxAge)));
  const found = looks.flatMap((look) => (look.status === 'fulfilled' && look.value ? [look.value] : []));
  const alive = found.find(({ well }) => well);
  if (alive) return alive;
  const lost = looks.find((look) => look.status === 'rejected');
  if (lost) throw lost.reason;
  await Promise.all(opened.map(mustTakeWrites));
  const [latest] = found.sort((a, b) => (a.ageSeconds ?? Infinity) - (b.ageSeconds ?? Infinity));
  const hint = '`tsrq workers list` shows those there are';
  return latest ?? { well: false, worker: name, ageSeconds: null, text: `there is no live worker ${name}`, hint };
}

/** Null where no such worker is known. */
async function lookFor(redis: Redis, name: string, maxAge: number | undefined): Promise<Health | null> {
  const [hash, time] = await redis.pipeline([
    ['HMGET', workerKey(name), 'last_heartbeat', 'death', 'python_version', 'birth'],
    ['TIME'],
  ]);
  if (hash instanceof Error)
    throw new TsrqError('BAD_DATA', `key ${workerKey(name)} holds no hash`, {
      hint: '`tsrq doctor` says what is there',
    });
  if (time instanceof Error) throw time;
  const [heartbeat, death, runtime, birth] = (hash as (string | null)[]).map((text) => text || null);
  const unwell = (text: string, hint: string): Health => ({
    ...{ well: false, worker: name, ageSeconds: null, text, hint },
  });
  if (death != null)
    return unwell(`worker ${name} has ended`, 'it was stopped, or had done all it should: its log says which');
  const heartbeatMs = parseDate(heartbeat ?? '');
  if (heartbeatMs === null) {
    if (heartbeat == null && birth == null) return null;
    return unwell(`worker ${name} does not tell when it was last alive`, 'its hash is damaged: restart it');
  }
  const [wholeSeconds, micros] = (time as string[]).map(Number);
  const nowSeconds = (wholeSeconds ?? 0) + (micros ?? 0) / 1e6;
  const ageSeconds = Math.max(0, Math.round((nowSeconds - heartbeatMs / 1_000) * 1_000) / 1_000);
  const limit = maxAge ?? (runtime?.startsWith('Node.js') === true ? MAX_AGE : MAX_AGE_PYTHON);
  const text = `worker ${name} gave a sign of life ${ageSeconds.toFixed(1)} s ago`;
  if (ageSeconds <= limit) return { well: true, worker: name, ageSeconds, text };
  const hint = 'it has died, hangs, or is cut off from Redis: look at its log, and restart it';
  return { ...unwell(`${text}, more than ${limit} s`, hint), ageSeconds };
}

import { hostname } from 'node:os';
import { Command } from 'commander';
import { workerKey } from '../../protocol/keys.js';
import { parseDate } from '../../protocol/time.js';
import type { Redis } from '../../redis/redis.js';
import { chosenConnections } from '../connections.js';
import type { Cli } from '../context.js';
import { seconds } from '../values.js';

/** Seconds without a sign of life: tsrq's workers give one each 30 s, Python's idle ones each 405. */
const MAX_AGE = 90;
const MAX_AGE_PYTHON = 480;

export function healthCommand(cli: Cli): Command {
  return new Command('health')
    .description('Say by exit code, and in one line, whether Redis answers and a worker is alive: for probes.')
    .option('--worker <name>', 'a worker that must have given a sign of life; {host} is replaced')
    .option(
      '--max-age <seconds>',
      `how old that may be (default: ${MAX_AGE}; ${MAX_AGE_PYTHON} for a worker of Python)`,
      seconds,
    )
    .addHelpText(
      'after',
      "\nExamples:\n  $ tsrq health\n  $ tsrq health --worker '{host}' --max-age 120\n\nExits 0 if all is well, 1 if the worker is not, 69 if Redis does not answer.",
    )
    .action(async ({ worker, maxAge }: { worker?: string; maxAge?: number }) => {
      const connections = chosenConnections(await cli.settings());
      const opened = await Promise.all(connections.map(({ target }) => cli.connect(target)));
      await Promise.all(opened.map((redis) => redis.call(['PING'])));
      const health =
        worker === undefined
          ? { well: true, text: 'Redis answers' }
          : await workerHealth(opened, worker.replaceAll('{host}', hostname()), maxAge);
      if (!health.well) cli.exitCode = 1;
      if (cli.json) cli.stdout.write(`${JSON.stringify(health)}\n`);
      else if (health.well) cli.stdout.write(cli.quiet ? '' : `${health.text}\n`);
      else cli.stderr.write(`tsrq: ${health.text}\n`);
    });
}

interface Health {
  readonly well: boolean;
  readonly text: string;
  readonly worker?: string;
  readonly ageSeconds?: number;
}

/** On the first connection that knows the worker. */
async function workerHealth(opened: readonly Redis[], name: string, maxAge: number | undefined): Promise<Health> {
  for (const redis of opened) {
    const [hash, time] = await redis.pipeline([
      ['HMGET', workerKey(name), 'last_heartbeat', 'death', 'python_version'],
      ['TIME'],
    ]);
    for (const reply of [hash, time]) if (reply instanceof Error) throw reply;
    const [heartbeat, death, runtime] = hash as (string | null)[];
    const heartbeatMs = parseDate(heartbeat ?? '');
    if (death != null && death !== '') return { well: false, worker: name, text: `worker ${name} has ended` };
    if (heartbeatMs === null) continue;
    const [wholeSeconds, micros] = (time as string[]).map(Number);
    const nowSeconds = (wholeSeconds ?? 0) + (micros ?? 0) / 1e6;
    const ageSeconds = Math.max(0, Math.round((nowSeconds - heartbeatMs / 1_000) * 1_000) / 1_000);
    const limit = maxAge ?? (runtime?.startsWith('Node.js') === true ? MAX_AGE : MAX_AGE_PYTHON);
    const well = ageSeconds <= limit;
    const text = `worker ${name} gave a sign of life ${ageSeconds.toFixed(1)} s ago${well ? '' : `, more than ${limit} s`}`;
    return { well, worker: name, ageSeconds, text };
  }
  return { well: false, worker: name, text: `there is no live worker ${name}` };
}

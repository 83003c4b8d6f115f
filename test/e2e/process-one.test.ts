import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { cleanEnv, watchProcess, type CliProcess } from '../support/cli.js';
import { freshRedis, type FreshRedis } from '../support/fresh-redis.js';
import { put, statusOf, until } from '../support/rq.js';

// As process 1 of a container: no signal has a default there, and orphans are its children. The rule for skips is that of
// test/e2e/systemd.test.ts: without Linux, root, or the right to a process namespace this is not applicable.

const NAMESPACE = ['--pid', '--fork', '--mount-proc', '--kill-child'];
const isPossible = spawnSync('unshare', [...NAMESPACE, 'true']).status === 0;
const title = `as process 1${isPossible ? '' : ' (not applicable: no right to make a process namespace)'}`;

const BIN = fileURLToPath(new URL('../../bin/tsrq.js', import.meta.url));
const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));

let fresh: FreshRedis;
let outer: CliProcess;
freshRedis((given) => {
  fresh = given;
});
afterEach(async () => {
  outer.kill('SIGKILL');
  await outer.exited;
});

async function start(...args: string[]): Promise<number> {
  const words = [process.execPath, BIN, 'worker', '-n', 'one', '--path', JOBS, ...args, 'q'];
  const env = { ...cleanEnv(), TSRQ_REDIS_URL: fresh.server.url };
  outer = watchProcess(spawn('unshare', [...NAMESPACE, ...words], { env, stdio: ['ignore', 'pipe', 'pipe'] }));
  await outer.waitFor('listening on');
  return Number(readFileSync(`/proc/${outer.pid}/task/${outer.pid}/children`, 'utf8'));
}
const add = (name: string, ...args: unknown[]): Promise<string> => put(fresh.redis, name, args, { queue: 'q' });
const is = async (id: string, status: string): Promise<boolean> => (await statusOf(fresh.client, id)) === status;

describe.skipIf(!isPossible)(title, () => {
  it('TERM lets the running job end, and nothing is left', async () => {
    const pid = await start();
    const id = await add('count.sleep', 2_000);
    await until('the job runs', () => is(id, 'started'));
    process.kill(pid, 'SIGTERM');
    expect((await outer.exited).code).toBe(0);
    expect(await is(id, 'finished')).toBe(true);
  });

  it('a second TERM ends the job at once', async () => {
    const pid = await start();
    const id = await add('count.busy', 600_000);
    await until('the job runs', () => is(id, 'started'));
    process.kill(pid, 'SIGTERM');
    await outer.waitFor('Stopping (SIGTERM)');
    await until('it is taken for a second one', async () => {
      process.kill(pid, 'SIGTERM');
      await new Promise((resolve) => setTimeout(resolve, 200));
      return outer.stderr().includes('Stopping at once');
    });
    expect((await outer.exited).code).toBe(143);
    expect(await is(id, 'failed')).toBe(true);
  });

  it('horses that die, are killed or replaced leave no zombie', async () => {
    const pid = await start('--max-jobs-per-horse', '1');
    const ids = [await add('count.exit', 3), await add('count.killed'), await add('count.words', 'a b')];
    await until('all have ended', async () =>
      (await Promise.all(ids.map((id) => is(id, 'started')))).every((on) => !on),
    );
    await until('they are the last', async () => (await fresh.client.llen('rq:queue:q')) === 0);
    await until('no zombie is left', () => zombiesOf(pid).length === 0);
  });

  it('says that it takes care of no orphans', async () => {
    await start();
    expect(outer.stderr()).toContain('this worker is process 1');
  });
});

/** The children of a process that have ended and were not waited for. */
function zombiesOf(parent: number): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const [state, ppid] = readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ');
      return state === 'Z' && Number(ppid) === parent;
    } catch {
      return false;
    }
  });
}

import { beforeEach, afterEach, describe, expect, it } from 'vitest';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { enqueueMany } from '../../src/queue/enqueue-many.js';
import { BIN, cleanEnv, startTsrq, watchProcess, type CliProcess } from '../support/cli.js';
import { freshRedis, type FreshRedis } from '../support/fresh-redis.js';
import { latestResult, statusOf, until } from '../support/rq.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));

let fresh: FreshRedis;
let worker: CliProcess;
freshRedis((given) => {
  fresh = given;
});
beforeEach(async () => {
  worker = startTsrq(['worker', '--path', JOBS, '--concurrency', '8', 'q'], { url: fresh.server.url });
  await worker.waitFor('listening on');
  // It becomes known that its jobs are tiny.
  const ids = await add(tiny(300));
  await until('all have ended', () => areFinished(ids));
});
afterEach(async () => {
  worker.kill('SIGKILL');
  await worker.exited;
});

interface Given {
  readonly functionName: string;
  readonly args: unknown[];
  readonly timeoutSeconds?: number;
}
const tiny = (count: number): Given[] =>
  Array.from({ length: count }, () => ({ functionName: 'where.pid', args: [0] }));
const add = (jobs: readonly Given[]): Promise<string[]> =>
  enqueueMany(
    fresh.redis,
    jobs.map((job) => ({ ...job, queue: 'q' })),
  ).then((added) => added.map(({ id }) => id));

const statuses = (ids: readonly string[]): Promise<(string | null)[]> =>
  Promise.all(ids.map((id) => statusOf(fresh.client, id)));
const areFinished = async (ids: readonly string[]): Promise<boolean> =>
  (await statuses(ids)).every((status) => status === 'finished');
const without = (ids: readonly string[], one: string): string[] => ids.filter((id) => id !== one);

/** Adds many tiny jobs and one among them; returns the ids of the others, and its own. */
async function addAmong(one: Given): Promise<readonly [string[], string]> {
  const ids = await add([...tiny(100), one, ...tiny(200)]);
  const own = ids[100] ?? '';
  return [without(ids, own), own];
}

describe('tiny jobs that stand in line at a process', () => {
  it('do not wait for one that keeps it busy', async () => {
    const [others, busy] = await addAmong({ functionName: 'where.spin', args: [6_000] });
    await until('the others have ended', () => areFinished(others));
    expect(await statusOf(fresh.client, busy)).toBe('started');
    await until('it has ended', () => areFinished([busy]));
    const pid = (await latestResult(fresh.client, busy))?.value;
    const pids = await Promise.all(others.slice(-1).map(async (id) => (await latestResult(fresh.client, id))?.value));
    expect(pids).not.toContain(pid);
  });

  it('survive the end of that process', async () => {
    const [others, deadly] = await addAmong({ functionName: 'where.die', args: [] });
    await until('the others have ended', () => areFinished(others));
    expect(await statusOf(fresh.client, deadly)).toBe('failed');
    expect((await latestResult(fresh.client, deadly))?.error).toContain('exited with code 3');
  });

  it('survive the end of one that exceeds its time', async () => {
    const [others, long] = await addAmong({ functionName: 'where.spin', args: [60_000], timeoutSeconds: 1 });
    await until('the others have ended', () => areFinished(others));
    await until('it is failed', async () => (await statusOf(fresh.client, long)) === 'failed');
    expect((await latestResult(fresh.client, long))?.error).toContain('JobTimeoutException');
  });

  it('are each run once, and in the end there are as many results as jobs', async () => {
    const ids = await add([...tiny(500), { functionName: 'where.spin', args: [50] }, ...tiny(500)]);
    await until('all have ended', () => areFinished(ids));
    const results = await Promise.all(ids.map((id) => fresh.client.xlen(`rq:results:${id}`)));
    expect(new Set(results)).toEqual(new Set([1]));
    expect(await fresh.client.zcard('rq:wip:q')).toBe(0);
    expect(worker.stderr()).not.toContain('failed');
  });

  it('do without a line where files may not grow', async () => {
    worker.kill('SIGKILL');
    await worker.exited;
    // One block: as many tickets, and no more.
    const limited = ['-c', 'ulimit -f 1; exec "$@"', 'sh', process.execPath, BIN, 'worker', '--path', JOBS];
    worker = watchProcess(
      spawn('sh', [...limited, '--concurrency', '8', '--burst', 'q'], {
        env: { ...cleanEnv(), TSRQ_REDIS_URL: fresh.server.url },
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    );
    const ids = await add(tiny(3_000));
    await until('all have ended', () => areFinished(ids));
    expect((await worker.exited).code).toBe(0);
  });
});

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Redis as IoRedis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTsrq, type CliProcess } from '../support/cli.js';
import { startProxy, type Proxy } from '../support/proxy.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { placesOf, producerTo, put, statusOf, until } from '../support/rq.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));

let server: TestRedis;
let client: IoRedis;
let redis: ReturnType<typeof producerTo>;
let proxy: Proxy;
let dir: string;
let worker: CliProcess;

beforeEach(async () => {
  server = await startRedis();
  client = server.client();
  redis = producerTo(server.port);
  proxy = await startProxy(server.port);
  dir = mkdtempSync(join(tmpdir(), 'tsrq-test-waits-'));
});
afterEach(async () => {
  worker.kill('SIGKILL');
  await worker.exited;
  redis.close();
  await proxy.stop();
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

async function start(queues: readonly string[], ...args: string[]): Promise<void> {
  worker = startTsrq(['worker', '-n', 'w', '--isolation', 'none', '--path', JOBS, ...args, ...queues], {
    url: proxy.url,
  });
  await worker.waitFor('listening on');
  await untilWaiting(queues.length);
}

/** The connections on which the worker waits. */
async function waiting(): Promise<string[]> {
  const lines = ((await client.call('CLIENT', 'LIST')) as string).split('\n');
  const blocked = lines.filter((line) => / name=w /.test(line) && / flags=\S*b/.test(line));
  return blocked.map((line) => /^id=(\d+)/.exec(line)?.[1] ?? '');
}

const untilWaiting = (count: number): Promise<void> =>
  until('it waits on its queues', async () => (await waiting()).length === count);

const finished = async (id: string): Promise<boolean> => (await statusOf(client, id)) === 'finished';

describe('what a wait brings', () => {
  it.each([[[]], [['--no-claim-ahead']]])('goes back while the only slot is taken (%j)', async (args) => {
    await start(['a', 'b'], '-C', '1', ...args);
    const long = await put(redis, 'count.sleep', [3_000], { queue: 'a' });
    await until('it runs', async () => (await statusOf(client, long)) === 'started');
    // The wait on this queue goes on: it brings what there is no slot for.
    expect(await waiting()).toHaveLength(1);
    const other = await put(redis, 'count.sleep', [0], { queue: 'b' });
    await until('the wait is over', async () => (await waiting()).length === 0);
    await until('it is back', async () => (await placesOf(client, other, 'b')).join() === 'rq:queue:b');
    expect([await statusOf(client, other), await statusOf(client, long)]).toEqual(['queued', 'started']);
    await until('both have ended', async () => (await finished(long)) && (await finished(other)));
    expect(await client.xlen(`rq:results:${other}`)).toBe(1);
  });

  it('is looked for at once when its answer was lost, and run once', async () => {
    await start(['a'], '-C', '1');
    const file = join(dir, 'ran');
    const lost = proxy.dropReply('BLMOVE');
    // The call under way is older than that.
    const [first = ''] = await waiting();
    await client.call('CLIENT', 'UNBLOCK', first);
    await untilWaiting(1);
    const id = await put(redis, 'count.note', [file, 'x'], { queue: 'a' });
    await lost;
    await until('it has ended', () => finished(id));
    expect(readFileSync(file, 'utf8')).toBe('x\n');
  });

  it('is run once when its answer was late, and taken for lost', async () => {
    await start(['a', 'b'], '-C', '2');
    const file = join(dir, 'ran');
    const [first = ''] = await waiting();
    proxy.delay(300);
    // The worker learns of this 300 ms later, and looks for what the wait may have begun; meanwhile the other wait, or this one, brings a job,
    // whose answer is on its way when the worker looks.
    await client.call('CLIENT', 'KILL', 'ID', first);
    await sleep(100);
    const ids = [
      await put(redis, 'count.note', [file, 'a'], { queue: 'a' }),
      await put(redis, 'count.note', [file, 'b'], { queue: 'b' }),
    ];
    for (const id of ids) await until('it has ended', () => finished(id));
    proxy.delay(0);
    const last = await put(redis, 'count.note', [file, 'last'], { queue: 'a' });
    await until('the next one has ended', () => finished(last));
    const ran = readFileSync(file, 'utf8').trim().split('\n');
    expect(ran.toSorted()).toEqual(['a', 'b', 'last']);
  });

  it.each([
    ['', [], 'finished'],
    [' (what it claims counts as begun)', ['--no-claim-ahead'], 'failed'],
  ])('is run by another when the worker is frozen as it comes, and dies%s', async (_what, args, status) => {
    await start(['a'], '-C', '1', ...args);
    worker.kill('SIGSTOP');
    const id = await put(redis, 'count.note', [join(dir, 'ran'), 'x'], { queue: 'a' });
    await until('it is claimed', async () => (await statusOf(client, id)) === 'started');
    worker.kill('SIGKILL');
    await worker.exited;
    for (const member of await client.zrange('rq:wip:a', '0', '-1')) await client.zadd('rq:wip:a', 'XX', 1, member);
    worker = startTsrq(['worker', '-n', 'other', '--isolation', 'none', '--path', JOBS, 'a'], { url: proxy.url });
    await until('it has ended', async () => (await statusOf(client, id)) === status);
  });

  it('counts as begun from its beginning on', async () => {
    await start(['a'], '-C', '1');
    const id = await put(redis, 'count.sleep', [60_000], { queue: 'a' });
    await until('it has begun', async () => worker.stderr().includes(`(${id}) started`));
    worker.kill('SIGKILL');
    await worker.exited;
    for (const member of await client.zrange('rq:wip:a', '0', '-1')) await client.zadd('rq:wip:a', 'XX', 1, member);
    worker = startTsrq(['worker', '-n', 'other', '--isolation', 'none', '--path', JOBS, 'a'], { url: proxy.url });
    await until('it has failed with its worker', async () => (await statusOf(client, id)) === 'failed');
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../src/redis/connect.js';
import { parseRedisUrl } from '../../src/redis/target.js';
import type { Redis } from '../../src/redis/redis.js';
import { runTsrq, startTsrq, type CliProcess } from '../support/cli.js';
import { freePort } from '../support/redis.js';
import { put, statusOf, until } from '../support/rq.js';
import { startSentinels, type Sentinels } from '../support/sentinel.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));

let sentinels: Sentinels;
let redis: Redis;
let worker: CliProcess | null = null;
let dir: string;

beforeAll(async () => {
  sentinels = await startSentinels();
  redis = connect(parseRedisUrl(sentinels.url), { role: 'producer', deadlineMs: 20_000 });
  dir = mkdtempSync(join(tmpdir(), 'tsrq-test-sentinel-config-'));
});
afterAll(async () => {
  redis.close();
  await sentinels.stop();
  rmSync(dir, { recursive: true, force: true });
});
afterEach(async () => {
  worker?.kill('SIGKILL');
  await worker?.exited;
  worker = null;
});

const start = async (): Promise<CliProcess> => {
  worker = startTsrq(['worker', '--path', JOBS, 'high', 'low'], { url: sentinels.url });
  await worker.waitFor('listening on');
  return worker;
};
const finished = (id: string): Promise<void> =>
  until(`${id} is finished`, async () => (await statusOf(await sentinels.clientOfMaster(), id)) === 'finished', 40_000);

describe('through three sentinels', () => {
  it('one that is away is not told of by anybody', async () => {
    const url = sentinels.url.replace('://', `://127.0.0.1:${await freePort()},`);
    const { code, stderr } = await runTsrq(['enqueue', 'a.b', '--queue', 'nobodys'], { url });
    expect([code, stderr]).toEqual([0, '']);
    await runTsrq(['queue', 'delete', 'nobodys', '--yes'], { url });
  });

  it("worker, info, requeue and empty work, by URL, by config and by RQ's SENTINEL", async () => {
    const [hosts = '', name = ''] = sentinels.url.replace('redis+sentinel://', '').split('/');
    const instances = hosts.split(',');
    const own = join(dir, 'own.json');
    writeFileSync(own, JSON.stringify({ sentinel: { instances, masterName: name } }));
    const rq = join(dir, 'rq.json');
    writeFileSync(
      rq,
      JSON.stringify({ SENTINEL: { INSTANCES: instances.map((text) => text.split(':')), MASTER_NAME: name } }),
    );
    for (const options of [{ url: sentinels.url }, { env: { TSRQ_CONFIG: own } }, { env: { TSRQ_CONFIG: rq } }]) {
      const failing = await put(redis, 'count.boom', ['x'], { queue: 'q' });
      expect((await runTsrq(['worker', '-b', '--path', JOBS, 'q'], options)).code).toBe(0);
      expect((await runTsrq(['info', '--raw'], options)).stdout).toContain(
        'queue q 0, 0 executing, 0 finished, 1 failed',
      );
      expect((await runTsrq(['requeue', '--all'], options)).stdout).toContain(`requeued ${failing} on q`);
      expect((await runTsrq(['empty', 'q'], options)).stdout).toBe('1 jobs removed from q queue\n');
    }
  });

  it('a waiting worker follows when the master is failed over by hand', async () => {
    await start();
    const before = await sentinels.master();
    const [sentinel] = sentinels.url.replace('redis+sentinel://', '').split(',');
    const asking = connect(parseRedisUrl(`redis://${sentinel ?? ''}`), { role: 'producer' });
    await asking.call(['SENTINEL', 'FAILOVER', 'mymaster']);
    asking.close();
    await until('there is another master', async () => (await sentinels.master()).port !== before.port);
    // By a connection that asks the sentinels anew: what is written to the old master in this moment is lost with it.
    const { code } = await runTsrq(['enqueue', '-q', 'low', '--job-id', 'after', 'count.words', 'a b'], {
      url: sentinels.url,
    });
    expect(code).toBe(0);
    await finished('after');
  });

  it('a busy worker records its job on the new master when the old one is killed', async () => {
    const running = await start();
    const id = await put(redis, 'count.sleep', [3_000], { queue: 'high' });
    const before = await sentinels.master();
    const client = before.client();
    await until('the job runs', async () => (await statusOf(client, id)) === 'started');
    await new Promise((resolve) => setTimeout(resolve, 500));
    await before.kill('SIGKILL');
    await until('there is another master', async () => (await sentinels.master()).port !== before.port, 40_000);
    await finished(id);
    await finished(await put(redis, 'count.words', ['a b'], { queue: 'low' }));
    running.kill('SIGTERM');
    expect((await running.exited).code).toBe(0);
  });
});

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTsrq } from '../support/cli.js';
import { startProxy, type Proxy } from '../support/proxy.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { producerTo, put, until } from '../support/rq.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));

let server: TestRedis;
let proxy: Proxy;
let dir: string;

beforeEach(async () => {
  server = await startRedis();
  proxy = await startProxy(server.port);
  dir = mkdtempSync(join(tmpdir(), 'tsrq-test-lost-'));
});
afterEach(async () => {
  await proxy.stop();
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

describe.each(['process', 'none'])('replies that are lost on the way to a worker (--isolation %s)', (isolation) => {
  it('lose no job and run none twice', { timeout: 240_000 }, async () => {
    const client = server.client();
    const redis = producerTo(server.port);
    const file = join(dir, 'ran');
    const count = 300;
    const done = async (): Promise<number> =>
      (await client.zcard('rq:finished:high')) + (await client.zcard('rq:finished:low'));
    const worker = startTsrq(
      ['worker', '-n', 'w', '-C', '3', '--isolation', isolation, '--path', JOBS, 'high', 'low'],
      { url: proxy.url },
    );
    await worker.waitFor('listening on');
    for (let i = 0; i < count; i += 1) {
      await put(redis, 'count.note', [file, `${i}`], { queue: i % 3 === 0 ? 'high' : 'low' });
      // Transitions, and whole connections now and then.
      if (i % 20 === 5) void proxy.dropReply('EVALSHA');
      if (i % 50 === 15) proxy.cut();
    }
    // An id whose wait was cut off before what follows it lies there until a sweep finds it: here its time is made to be over.
    const allDone = (jobs: number) => async (): Promise<boolean> => {
      for (const key of await client.keys('rq:queue:*:first_seen:*')) await client.set(key, '1');
      return (await done()) === jobs;
    };
    await until('all jobs are finished', allDone(count), 50_000);
    // And the reply to a wait: the worker is idle now, and the next job is moved by one.
    await until('the worker is idle', async () => (await client.hget('rq:worker:w', 'state')) === 'idle');
    let lost = false;
    void proxy.dropReply('BLMOVE').then(() => {
      lost = true;
    });
    await put(redis, 'count.note', [file, `${count}`], { queue: 'high' });
    await until('the reply to a wait is lost', () => lost, 30_000);
    await until('the last job is finished', allDone(count + 1), 50_000);
    worker.kill('SIGTERM');
    expect((await worker.exited).code).toBe(0);
    const ran = readFileSync(file, 'utf8').trim().split('\n').map(Number);
    expect(ran.sort((a, b) => a - b)).toEqual(Array.from({ length: count + 1 }, (_, i) => i));
    expect(await client.keys('rq:wip:*')).toEqual([]);
    redis.close();
  });
});

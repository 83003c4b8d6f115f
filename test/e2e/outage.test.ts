import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Redis as IoRedis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Redis } from '../../src/redis/redis.js';
import { freePort, startRedis, type TestRedis } from '../support/redis.js';
import { runTsrq, startTsrq, type CliProcess } from '../support/cli.js';
import { freshDir } from '../support/fresh-dir.js';
import { latestResult, placesOf, producerTo, put, statusOf, until } from '../support/rq.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));

const dir = freshDir();
let server: TestRedis;
let client: IoRedis;
let redis: Redis;
let worker: CliProcess | null = null;

beforeEach(async () => {
  // Data survive a restart: every write is on disk before it is answered.
  server = await startRedis({ conf: { appendonly: 'yes', appendfsync: 'always' } });
  client = server.client();
  redis = producerTo(server.port);
});
afterEach(async () => {
  worker?.kill('SIGKILL');
  await worker?.exited;
  worker = null;
  redis.close();
  await server.stop();
});

const start = async (...args: string[]): Promise<CliProcess> => {
  worker = startTsrq(['worker', '-n', 'w', '--path', JOBS, ...args], { url: server.url });
  await worker.waitFor('listening on');
  return worker;
};

describe('Redis is stopped and started', () => {
  it('under a waiting worker: it takes jobs again, and says once each that Redis was lost and regained', async () => {
    const running = await start('high', 'low');
    await server.kill('SIGKILL');
    // A worker that waits asks Redis something every 5 s: until then it need not have noticed.
    await new Promise((resolve) => setTimeout(resolve, 6_500));
    await server.restart();
    const ids = [
      await put(redis, 'count.words', ['a b'], { queue: 'high' }),
      await put(redis, 'count.words', ['a b'], { queue: 'low' }),
    ];
    await until(
      'the jobs are done',
      async () =>
        (await statusOf(client, ids[0] ?? '')) === 'finished' && (await statusOf(client, ids[1] ?? '')) === 'finished',
    );
    running.kill('SIGTERM');
    const { code, stderr } = await running.exited;
    expect(code).toBe(0);
    expect(stderr.match(/cannot reach Redis/g)).toHaveLength(1);
    expect(stderr.match(/Redis is back/g)).toHaveLength(1);
  });

  it('under a busy worker: the job that ended meanwhile is recorded, once', async () => {
    const running = await start('q');
    const id = await put(redis, 'count.sleep', [1_000], { queue: 'q' });
    await until('the job runs', async () => (await statusOf(client, id)) === 'started');
    await server.kill('SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    await server.restart();
    await until('the job is recorded', async () => (await statusOf(client, id)) === 'finished');
    expect((await latestResult(client, id))?.value).toBe('slept');
    expect(await client.xlen(`rq:results:${id}`)).toBe(1);
    expect(await placesOf(client, id, 'q')).toEqual(['finished']);
    expect(running.stderr().match(/cannot reach Redis/g)).toHaveLength(1);
    expect(running.stderr().match(/Redis is back after/g)).toHaveLength(1);
  });

  it('and has lost everything: the worker registers again and takes jobs', async () => {
    const running = await start('q');
    await client.flushall();
    const id = await put(redis, 'count.words', ['a b'], { queue: 'q' });
    await until('the job is done', async () => (await statusOf(client, id)) === 'finished');
    expect(await client.smembers('rq:workers')).toEqual(['rq:worker:w']);
    expect(await client.hget('rq:worker:w', 'queues')).toBe('q');
    expect(running.stderr()).toContain('registered again');
  });
});

describe('a worker that is killed', () => {
  it('has its running job failed once by another worker when the lease is over', async () => {
    const first = await start('q');
    const id = await put(redis, 'count.busy', [60_000], { queue: 'q' });
    // Claimed and not begun it would be run by the next.
    await first.waitFor(`(${id}) started`);
    first.kill('SIGKILL');
    await first.exited;
    const [member] = await client.zrange('rq:wip:q', '0', '-1');
    await client.zadd('rq:wip:q', '1', member ?? '');
    const { code, stderr } = await runTsrq(['worker', '-b', '--path', JOBS, 'q'], { url: server.url });
    expect(code).toBe(0);
    await until('the job is failed', async () => (await statusOf(client, id)) === 'failed');
    expect(await placesOf(client, id, 'q')).toEqual(['failed']);
    expect((await latestResult(client, id))?.error).toContain('AbandonedJobError');
    expect(stderr).toContain('abandoned by worker w');
  });

  it('and was paused past its lease does not overwrite what others have recorded', async () => {
    const first = await start('q');
    const file = join(dir, 'may end');
    const id = await put(redis, 'count.waiting', [file], { queue: 'q', retry: { max: 1 } });
    await first.waitFor(`(${id}) started`);
    first.kill('SIGSTOP');
    writeFileSync(file, '');
    const [member] = await client.zrange('rq:wip:q', '0', '-1');
    await client.zadd('rq:wip:q', '1', member ?? '');
    await runTsrq(['worker', '-b', '-n', 'other', '--path', JOBS, 'q'], { url: server.url });
    await until('the other worker has run it', async () => (await statusOf(client, id)) === 'finished');
    first.kill('SIGCONT');
    await first.waitFor('nothing was recorded');
    expect(await client.hget(`rq:job:${id}`, 'worker_name')).toBe('other');
    expect(await client.xlen(`rq:results:${id}`)).toBe(1);
  });
});

describe('Redis that cannot be reached', () => {
  it('ends one-shot commands with 69, its address and no stack', async () => {
    const port = await freePort();
    for (const args of [['info'], ['empty', 'q'], ['requeue', '--all'], ['enqueue', 'a.b'], ['suspend'], ['resume']]) {
      const { code, stderr } = await runTsrq(args, { url: `redis://:secret@127.0.0.1:${port}` });
      expect(code).toBe(69);
      expect(stderr).toContain(`127.0.0.1:${port}`);
      expect(stderr).not.toContain('secret');
      expect(stderr).not.toMatch(/\n\s+at /);
    }
  });

  it('ends a worker at boot with 69 after --connect-timeout', async () => {
    const port = await freePort();
    const { code, stderr } = await runTsrq(['worker', '--connect-timeout', '1'], { url: `redis://127.0.0.1:${port}` });
    expect(code).toBe(69);
    expect(stderr).toContain('ECONNREFUSED');
  });

  it('is told from one that refuses a password', async () => {
    const guarded = await startRedis({ conf: { requirepass: 'right' } });
    const { code, stderr } = await runTsrq(['info'], { url: `redis://:wrong@127.0.0.1:${guarded.port}` });
    const boot = await runTsrq(['worker'], { url: `redis://:wrong@127.0.0.1:${guarded.port}` });
    await guarded.stop();
    expect(code).toBe(69);
    expect(stderr).toMatch(/WRONGPASS/);
    expect(stderr).not.toContain('wrong@');
    expect(boot.code).toBe(69);
  });
});

describe('what Redis cannot do just now', () => {
  it('out of memory: the end of a job waits, and is recorded when there is room again', async () => {
    const running = await start('q');
    const file = join(dir, 'may end');
    const id = await put(redis, 'count.waiting', [file], { queue: 'q' });
    await until('the job runs', async () => (await statusOf(client, id)) === 'started');
    await client.config('SET', 'maxmemory', '1');
    writeFileSync(file, '');
    await running.waitFor('cannot go on, trying again: OOM');
    await client.config('SET', 'maxmemory', '0');
    await until('the job is recorded', async () => (await statusOf(client, id)) === 'finished');
    expect(await placesOf(client, id, 'q')).toEqual(['finished']);
  });

  it('a server that may evict jobs is warned of once', async () => {
    await client.config('SET', 'maxmemory-policy', 'allkeys-lru');
    const { stderr } = await runTsrq(['worker', '-b', 'q'], { url: server.url });
    expect(stderr.match(/maxmemory-policy is allkeys-lru/g)).toHaveLength(1);
  });

  it('a script cache that was flushed is filled again', async () => {
    await start('q');
    await client.script('FLUSH');
    const id = await put(redis, 'count.words', ['a'], { queue: 'q' });
    await until('the job is done', async () => (await statusOf(client, id)) === 'finished');
  });
});

describe('suspend', () => {
  it('holds a worker that is waiting; resume lets it go on', async () => {
    const running = await start('q');
    expect((await runTsrq(['suspend'], { url: server.url })).code).toBe(0);
    const id = await put(redis, 'count.words', ['a'], { queue: 'q' });
    await running.waitFor('RQ is suspended');
    expect(await statusOf(client, id)).toBe('queued');
    expect(await placesOf(client, id, 'q')).toEqual(['rq:queue:q']);
    expect(await client.hget('rq:worker:w', 'state')).toBe('suspended');
    expect((await runTsrq(['resume'], { url: server.url })).code).toBe(0);
    await until('the job is done', async () => (await statusOf(client, id)) === 'finished');
  });

  it('makes a burst worker refuse with 75', async () => {
    await runTsrq(['suspend', '--duration', '100'], { url: server.url });
    expect(await client.ttl('rq:suspended')).toBeGreaterThan(90);
    expect((await runTsrq(['worker', '-b'], { url: server.url })).code).toBe(75);
    expect((await runTsrq(['suspend', '--duration', '0'], { url: server.url })).code).toBe(2);
  });
});

describe('a worker that is told to stop while Redis is away', () => {
  it('and has nothing running ends by itself, exit 0', async () => {
    const running = await start('high', 'low');
    await server.kill('SIGKILL');
    await running.waitFor('cannot reach Redis');
    running.kill('SIGTERM');
    expect((await running.exited).code).toBe(0);
    await server.restart();
  });

  it.each([
    ['frozen', (): unknown => process.kill(server.pid, 'SIGSTOP'), (): unknown => process.kill(server.pid, 'SIGCONT')],
    ['gone', () => server.kill('SIGKILL'), () => server.restart()],
  ])('waits for a minute for one that is %s with the end of a job, and records it', async (_, take, giveBack) => {
    const file = join(dir, 'slept');
    const id = await put(redis, 'count.sleepAndNote', [2_000, file], { queue: 'q' });
    const running = await start('q');
    await until('the job runs', async () => (await statusOf(client, id)) === 'started');
    await take();
    running.kill('SIGTERM');
    await running.waitFor('waiting for 1 running job');
    await until('its code has ended', () => existsSync(file));
    await new Promise((resolve) => setTimeout(resolve, 8_000));
    await giveBack();
    expect((await running.exited).code).toBe(0);
    expect(await statusOf(client, id)).toBe('finished');
  });

  it('ends with 1 and says so where nobody can be told of the end of a job', async () => {
    const id = await put(redis, 'count.sleepAndNote', [1_000, join(dir, 'slept-too')], { queue: 'q' });
    const running = await start('q');
    await until('the job runs', async () => (await statusOf(client, id)) === 'started');
    process.kill(server.pid, 'SIGSTOP');
    running.kill('SIGTERM');
    const { code, stderr } = await running.exited;
    process.kill(server.pid, 'SIGCONT');
    expect(code).toBe(1);
    expect(stderr).toContain(`does not know that these have ended: ${id};`);
    expect(stderr).not.toContain('a round of upkeep failed: the connection');
  }, 120_000);

  it('ends when it is told twice, with a job running', async () => {
    const id = await put(redis, 'count.busy', [60_000], { queue: 'q' });
    const running = await start('q');
    await until('the job runs', async () => (await statusOf(client, id)) === 'started');
    await server.kill('SIGKILL');
    running.kill('SIGTERM');
    await running.waitFor('waiting for 1 running job');
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    running.kill('SIGTERM');
    expect((await running.exited).code).toBe(143);
    await server.restart();
  });
});

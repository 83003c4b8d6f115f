import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Redis as IoRedis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Redis } from '../../src/redis/redis.js';
import { runTsrq, startTsrq } from '../support/cli.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { latestResult, producerTo, put, statusOf, until } from '../support/rq.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));

let server: TestRedis;
let client: IoRedis;
let redis: Redis;

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
  redis = producerTo(server.port);
});
afterAll(async () => {
  redis.close();
  await server.stop();
});
beforeEach(() => client.flushall());

describe('a password on the command line', () => {
  it('is not shown by ps once the worker runs', async () => {
    const other = await startRedis({ conf: { requirepass: 'pa55word' } });
    const url = `redis://:pa55word@127.0.0.1:${other.port}/0`;
    const worker = startTsrq(['worker', '--url', url, '--name', 'hidden', '--path', JOBS]);
    await worker.waitFor('listening on');
    const shown = readFileSync(`/proc/${worker.pid}/cmdline`, 'utf8');
    expect(shown).not.toContain('pa55word');
    expect(shown).toContain('tsrq worker --url redis://:******@');
    worker.kill('SIGTERM');
    expect((await worker.exited).code).toBe(0);
    await other.stop();
  });
});

describe('an error that nobody awaits, in the process of the worker', () => {
  it('ends the worker with 1, and its jobs are recorded with the reason', async () => {
    const id = await put(redis, 'count.stray', [], { queue: 'q' });
    const { code, stderr } = await runTsrq(['worker', '--isolation', 'none', '--path', JOBS, 'q'], { url: server.url });
    expect([code, await statusOf(client, id)]).toEqual([1, 'failed']);
    expect(stderr).toContain('nobody awaits this');
    expect((await latestResult(client, id))?.error).toContain('nobody awaits this');
    expect(await client.exists('rq:wip:q')).toBe(0);
  });
});

describe('large things', () => {
  it('a payload of 50 MB is run', async () => {
    const id = await put(redis, 'count.words', ['word '.repeat(10_000_000)], { queue: 'q', resultTtlSeconds: 60 });
    await runTsrq(['worker', '--burst', '--path', JOBS, 'q'], { url: server.url });
    expect((await latestResult(client, id))?.value).toBe(10_000_001);
  });

  it('a stored payload that is too large fails its job saying so, and the next one runs', async () => {
    const large = await put(redis, 'count.words', [''], { queue: 'q' });
    await client.hset(`rq:job:${large}`, 'data', Buffer.alloc(65 * 1_048_576));
    const next = await put(redis, 'count.words', ['a b'], { queue: 'q', resultTtlSeconds: 60 });
    await runTsrq(['worker', '--burst', '--path', JOBS, 'q'], { url: server.url });
    expect((await latestResult(client, large))?.error).toContain('more than 64 MiB');
    expect((await latestResult(client, next))?.value).toBe(2);
  });

  it('a result that is too large is not stored, and the job is finished', async () => {
    const id = await put(redis, 'count.large', [70], { queue: 'q', resultTtlSeconds: 60 });
    const { stderr } = await runTsrq(['worker', '--burst', '--path', JOBS, 'q'], { url: server.url });
    expect(await statusOf(client, id)).toBe('finished');
    expect(stderr).toContain('its result takes 71 MiB as JSON: at most 64 are stored');
  });
});

describe('--durable', () => {
  it('of enqueue exits with 75 when no replica has the job, which is stored', async () => {
    const args = ['enqueue', '--durable', '1', '--job-id', 'x', 'count.words', 'a'];
    const { code, stderr } = await runTsrq(args, { url: server.url });
    expect([code, stderr.split('\n')[0]]).toEqual([
      75,
      'tsrq: job x is stored, not replicated: 0 of 1 replicas had it within 1000 ms',
    ]);
    expect(await client.lrange('rq:queue:default', 0, -1)).toEqual(['x']);
  });

  it('of a worker warns once while no replica has the end of its jobs, and goes on', async () => {
    const worker = startTsrq(['worker', '--durable', '1', '--path', JOBS, 'q'], { url: server.url });
    for (const text of ['a', 'b']) await put(redis, 'count.words', [text], { queue: 'q' });
    await until('both are finished', async () => (await client.zcard('rq:finished:q')) === 2);
    await worker.waitFor('stored, not replicated');
    worker.kill('SIGTERM');
    const { code, stderr } = await worker.exited;
    expect([code, stderr.match(/stored, not replicated/g)?.length]).toEqual([0, 1]);
  });
});

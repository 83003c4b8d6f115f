import type { Redis as IoRedis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TsrqError } from '../../../src/errors.js';
import { enqueue } from '../../../src/queue/enqueue.js';
import { connect } from '../../../src/redis/connect.js';
import type { Redis } from '../../../src/redis/redis.js';
import { parseRedisUrl } from '../../../src/redis/target.js';
import { startProxy, type Proxy } from '../../support/proxy.js';
import { startRedis, type TestRedis } from '../../support/redis.js';
import { placesOf, producerTo } from '../../support/rq.js';

let server: TestRedis;
let client: IoRedis;
let redis: Redis;
let proxy: Proxy;

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
  redis = producerTo(server.port);
});
afterAll(async () => {
  redis.close();
  await server.stop();
});
beforeEach(async () => {
  await client.flushall();
  proxy = await startProxy(server.port);
});
afterEach(async () => {
  await proxy.stop();
});

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'no error',
    (error: unknown) => (error instanceof TsrqError ? error.code : error),
  );
const job = { functionName: 'a.b', queue: 'q' };

describe('enqueue', () => {
  it('puts the job at the end of its queue, or at the head', async () => {
    await enqueue(redis, { ...job, id: 'one' });
    await enqueue(redis, { ...job, id: 'two' });
    await enqueue(redis, { ...job, id: 'first', atFront: true });
    expect(await client.lrange('rq:queue:q', '0', '-1')).toEqual(['first', 'one', 'two']);
    expect(await client.smembers('rq:queues')).toEqual(['rq:queue:q']);
  });

  it.each([
    ['a job that is kept', {}],
    ['a job whose result is not kept', { resultTtlSeconds: 0 }],
  ])('queues once when the reply is lost and the command is sent again: %s', async (_, options) => {
    const through = connect(parseRedisUrl(proxy.url), { role: 'producer', deadlineMs: 10_000 });
    await through.call(['PING']);
    const dropped = proxy.dropReply();
    const enqueued = enqueue(through, { ...job, id: 'once', ...options });
    await dropped;
    await enqueued;
    through.close();
    expect(await client.lrange('rq:queue:q', '0', '-1')).toEqual(['once']);
  });

  it('is not carried out again when the job has run and left nothing behind meanwhile', async () => {
    const through = connect(parseRedisUrl(proxy.url), { role: 'producer', deadlineMs: 10_000 });
    await through.call(['PING']);
    const dropped = proxy.dropReply();
    const enqueued = enqueue(through, { ...job, id: 'gone', resultTtlSeconds: 0 });
    await dropped;
    await proxy.refuse();
    expect(await client.llen('rq:queue:q')).toBe(1);
    // What a worker does with such a job.
    await client.lrem('rq:queue:q', 1, 'gone');
    await client.del('rq:job:gone');
    await proxy.accept();
    await enqueued;
    through.close();
    expect(await client.llen('rq:queue:q')).toBe(0);
  });

  it('refuses a live id, lets a job that has ended give its id up, and replaces a waiting one if told', async () => {
    await enqueue(redis, { ...job, id: 'x', meta: { old: 1 } });
    expect(await codeOf(enqueue(redis, { ...job, id: 'x' }))).toBe('JOB_EXISTS');
    await enqueue(redis, { ...job, id: 'x', queue: 'other', onExistingId: 'replace' });
    expect(await placesOf(client, 'x', 'q')).toEqual([]);
    expect(await placesOf(client, 'x', 'other')).toEqual(['rq:queue:other']);
    expect(await client.hexists('rq:job:x', 'meta')).toBe(0);
    await client.hset('rq:job:x', 'status', 'failed');
    await client.lrem('rq:queue:other', 1, 'x');
    await client.zadd('rq:failed:other', '99', 'x');
    expect(await codeOf(enqueue(redis, { ...job, id: 'x', onExistingId: 'unique' }))).toBe('JOB_EXISTS');
    await enqueue(redis, { ...job, id: 'x' });
    expect(await placesOf(client, 'x', 'other')).toEqual([]);
    expect(await placesOf(client, 'x', 'q')).toEqual(['rq:queue:q']);
    await client.hset('rq:job:x', 'status', 'started');
    expect(await codeOf(enqueue(redis, { ...job, id: 'x', onExistingId: 'replace' }))).toBe('JOB_EXISTS');
  });

  it('lets only one of two with the same id through', async () => {
    const codes = await Promise.all([1, 2, 3].map(() => codeOf(enqueue(redis, { ...job, id: 'race' }))));
    expect(codes.sort()).toEqual(['JOB_EXISTS', 'JOB_EXISTS', 'no error']);
    expect(await client.llen('rq:queue:q')).toBe(1);
  });

  it.each([
    [{ id: 'a b' }, /characters that RQ refuses/],
    [{ timeoutSeconds: 0 }, /the timeout is 0/],
    [{ ttlSeconds: -1 }, /the ttl is -1/],
    [{ resultTtlSeconds: 1.5 }, /the result ttl is 1\.5/],
    [{ retry: { max: 0 } }, /number of retries is 0/],
    [{ functionName: '' }, /function name is empty/],
    [{ queue: '' }, /queue name is empty/],
  ])('refuses %j', async (options, message) => {
    await expect(enqueue(redis, { ...job, ...options })).rejects.toThrow(message);
    expect(await client.keys('*')).toEqual([]);
  });

  it('fails fast when nobody listens, and by its deadline when nobody answers', async () => {
    const through = connect(parseRedisUrl(proxy.url), { role: 'producer', deadlineMs: 500 });
    await through.call(['PING']);
    proxy.blackhole();
    expect(await codeOf(enqueue(through, job))).toBe('REDIS_UNREACHABLE');
    await proxy.stop();
    expect(await codeOf(enqueue(through, job))).toBe('REDIS_UNREACHABLE');
    through.close();
    expect(await codeOf(enqueue(through, job))).toBe('CLOSED');
  });
});

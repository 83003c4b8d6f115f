import { describe, expect, it } from 'vitest';
import { TsrqError } from '../../../src/errors.js';
import { enqueueMany } from '../../../src/queue/enqueue-many.js';
import { enqueue, type NewJob } from '../../../src/queue/enqueue.js';
import { connect } from '../../../src/redis/connect.js';
import { parseRedisUrl } from '../../../src/redis/target.js';
import { startProxy } from '../../support/proxy.js';
import { freshRedis, type FreshRedis } from '../../support/fresh-redis.js';
import { placesOf } from '../../support/rq.js';

let { server, client, redis } = {} as FreshRedis;
freshRedis((fresh) => ({ server, client, redis } = fresh));

const put = (id: string, more: Partial<NewJob> = {}) =>
  enqueue(redis, { functionName: 'a.b', queue: 'q', id, ...more });
const field = (id: string, name: string) => client.hget(`rq:job:${id}`, name);

describe('a scheduled job', () => {
  it('waits in the registry until its whole second, and is on no queue', async () => {
    const { status } = await put('j', { scheduleAt: new Date('2030-01-02T03:04:05.600Z'), atFront: true });
    expect(status).toBe('scheduled');
    expect(await placesOf(client, 'j', 'q')).toEqual(['scheduled']);
    expect(await client.zscore('rq:scheduled:q', 'j')).toBe('1893553445');
    expect(await client.hmget('rq:job:j', 'status', 'enqueued_at', 'enqueue_at_front')).toEqual([
      'scheduled',
      null,
      '1',
    ]);
    expect(await client.smembers('rq:queues')).toEqual(['rq:queue:q']);
  });

  it('in some seconds is due then, by the clock of its producer', async () => {
    const before = Date.now() / 1_000;
    await put('j', { scheduleInSeconds: 60 });
    const due = Number(await client.zscore('rq:scheduled:q', 'j'));
    expect(due).toBeGreaterThanOrEqual(Math.floor(before + 60));
    expect(due).toBeLessThanOrEqual(Date.now() / 1_000 + 60);
  });

  it('is stored once when the reply is lost', async () => {
    const proxy = await startProxy(server.port);
    const through = connect(parseRedisUrl(proxy.url), { role: 'producer', deadlineMs: 10_000 });
    await through.call(['PING']);
    const dropped = proxy.dropReply();
    const job = { functionName: 'a.b', queue: 'q', scheduleInSeconds: 60 };
    const { status } = await enqueue(through, job);
    await dropped;
    expect(status).toBe('scheduled');
    expect(await client.zcard('rq:scheduled:q')).toBe(1);
    through.close();
    await proxy.stop();
  });
});

describe('a job that depends on others', () => {
  it('is deferred while one of them is not done', async () => {
    await put('p1');
    await put('p2');
    await client.hset('rq:job:p1', 'status', 'finished');
    const { status } = await put('child', { dependsOn: ['p1', 'p2', 'p2', 'gone'] });
    expect(status).toBe('deferred');
    expect(await placesOf(client, 'child', 'q')).toEqual(['deferred']);
    expect((await client.smembers('rq:job::child:dependencies')).sort()).toEqual(['gone', 'p1', 'p2']);
    expect(await client.smembers('rq:job:p2:dependents')).toEqual(['child']);
    expect(await field('child', 'dependency_ids')).toBe('["p1", "p2", "gone"]');
    expect(await field('child', 'dependency_id')).toBe('p1');
    expect(await field('child', 'enqueued_at')).toBeNull();
  });

  it('is queued at once when all are finished, or gone', async () => {
    await put('p');
    await client.hset('rq:job:p', 'status', 'finished');
    expect((await put('child', { dependsOn: ['p', 'gone'] })).status).toBe('queued');
    expect(await placesOf(client, 'child', 'q')).toEqual([`rq:queue:q`]);
    expect(await client.exists('rq:job::child:dependencies', 'rq:job:p:dependents')).toBe(0);
  });

  it('is queued at once when one has failed and may', async () => {
    await put('p');
    await client.hset('rq:job:p', 'status', 'failed');
    expect((await put('strict', { dependsOn: 'p' })).status).toBe('deferred');
    expect((await put('lenient', { dependsOn: { ids: ['p'], allowFailure: true } })).status).toBe('queued');
    expect(await field('lenient', 'allow_dependency_failures')).toBe('1');
  });

  it('does not wait for the parents of a former life of its id', async () => {
    await put('old');
    await put('new');
    await put('child', { dependsOn: 'old' });
    await put('child', { dependsOn: 'new', onExistingId: 'replace' });
    expect(await client.smembers('rq:job::child:dependencies')).toEqual(['new']);
  });

  it('is one of many', async () => {
    await put('p');
    const outcomes = await enqueueMany(redis, [
      { functionName: 'a.b', queue: 'q', id: 'one', dependsOn: 'p' },
      { functionName: 'a.b', queue: 'q', id: 'two' },
      { functionName: 'a.b', queue: 'q', id: 'three', dependsOn: 'two' },
      { functionName: 'a.b', queue: 'q', id: 'four', scheduleInSeconds: 5 },
    ]);
    expect(outcomes.map(({ state }) => state)).toEqual(['deferred', 'queued', 'deferred', 'scheduled']);
    expect(await client.lrange('rq:queue:q', '0', '-1')).toEqual(['p', 'two']);
  });
});

describe('what makes no sense is refused', () => {
  it.each([
    ['both a time and a delay', { scheduleAt: new Date(), scheduleInSeconds: 1 }],
    ['a time and parents', { scheduleInSeconds: 1, dependsOn: 'p' }],
    ['no date', { scheduleAt: new Date('never') }],
    ['a negative delay', { scheduleInSeconds: -1 }],
    ['itself as parent', { dependsOn: ['j'] }],
    ['a parent that can be no id', { dependsOn: 'a b' }],
  ])('%s', async (_, more) => {
    const error = await put('j', more).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TsrqError);
    expect(error).toMatchObject({ code: 'USAGE' });
    expect(await client.dbsize()).toBe(0);
  });
});

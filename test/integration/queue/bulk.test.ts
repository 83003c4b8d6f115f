import { describe, expect, it } from 'vitest';
import { emptyRegistry } from '../../../src/queue/empty-registry.js';
import { empty, emptyOld } from '../../../src/queue/empty.js';
import { enqueue, type NewJob } from '../../../src/queue/enqueue.js';
import { requeueAll, type RequeueOptions } from '../../../src/queue/requeue.js';
import { script } from '../../../src/redis/scripts.js';
import { deflateText } from '../../../src/protocol/payload.js';
import { freshRedis, type FreshRedis } from '../../support/fresh-redis.js';

let { client, redis } = {} as FreshRedis;
freshRedis((fresh) => ({ client, redis } = fresh));

const put = (id: string, more: Partial<NewJob> = {}) =>
  enqueue(redis, { functionName: 'a.b', queue: 'q', id, ...more });
const list = (key: string) => client.lrange(key, '0', '-1');
const DAY = 86_400_000;
const NOW = Date.parse('2026-11-21T12:00:00Z');
const daysAgo = (days: number) => new Date(NOW - days * DAY).toISOString().replace('Z', '000Z');

/** A job that has failed as workers leave it. */
async function failed(id: string, error: string, days: number, more: Partial<NewJob> = {}): Promise<void> {
  await put(id, more);
  await client.lrem('rq:queue:q', 0, id);
  await client.hset(`rq:job:${id}`, 'status', 'failed', 'ended_at', daysAgo(days));
  const text = deflateText(error).toString('base64');
  await client.xadd(`rq:results:${id}`, '*', 'type', '2', 'exc_string', text);
  await client.zadd('rq:failed:q', String(4e9 - days), id);
}

async function requeued(options: RequeueOptions): Promise<string[]> {
  const ids: string[] = [];
  await requeueAll(redis, {
    ...options,
    onResults: (results) => ids.push(...results.map(({ id, requeued }) => (requeued ? id : `not ${id}`))),
  });
  return ids;
}

describe('requeueAll with a filter', () => {
  const scene = async () => {
    await failed('old', 'Timeout: 30 s', 9);
    await failed('named', 'TypeError: no', 5, { functionName: 'mail.send', description: 'my own words' });
    await failed('pickled', 'a TIMEOUT', 4, { functionName: 'mail.send', serializer: 'pickle' });
    await failed('new', 'Timeout: 5 s', 1);
  };

  it.each([
    [{ match: 'timeout' }, ['old', 'pickled', 'new']],
    [{ functionName: 'mail.send' }, ['named', 'pickled']],
    [{ functionName: 'mail.send', match: 'timeout' }, ['pickled']],
    [{ sinceMs: NOW - 4 * DAY }, ['pickled', 'new']],
    [{ beforeMs: NOW - 4 * DAY }, ['old', 'named']],
    [{ sinceMs: NOW - 6 * DAY, beforeMs: NOW - 2 * DAY }, ['named', 'pickled']],
    [{ match: 'nothing' }, []],
    [{}, ['old', 'named', 'pickled', 'new']],
  ])('of %j takes those alone, the others stay', async (filter, expected) => {
    await scene();
    expect(await requeued({ filter })).toEqual(expected);
    expect((await list('rq:queue:q')).sort()).toEqual([...expected].sort());
    expect(await client.zcard('rq:failed:q')).toBe(4 - expected.length);
  });

  it('takes no more than its limit, and changes nothing in a dry run', async () => {
    await scene();
    expect(await requeued({ limit: 2, dryRun: true, filter: { match: 'timeout' } })).toEqual([
      'not old',
      'not pickled',
    ]);
    expect(await client.zcard('rq:failed:q')).toBe(4);
    expect(await requeued({ limit: 2, filter: { match: 'timeout' } })).toEqual(['old', 'pickled']);
    expect(await requeued({ limit: 2, filter: { match: 'timeout' } })).toEqual(['new']);
  });

  it('goes through a registry that is larger than a page, past those that stay', async () => {
    for (let i = 0; i < 230; i += 1) await failed(`j${i}`, i % 2 === 0 ? 'even' : 'odd', 300 - i);
    expect(await requeued({ filter: { match: 'even' } })).toHaveLength(115);
    expect(await client.zcard('rq:failed:q')).toBe(115);
  });

  it('goes on after an interruption', async () => {
    for (let i = 0; i < 150; i += 1) await failed(`j${i}`, 'x', 300 - i);
    const stop = new AbortController();
    await requeueAll(redis, {
      signal: stop.signal,
      onProgress: () => {
        stop.abort();
      },
    });
    expect(await client.llen('rq:queue:q')).toBe(100);
    expect(await requeued({})).toHaveLength(50);
    expect(new Set(await list('rq:queue:q')).size).toBe(150);
  });

  it('reads a name that only Python could unpack from the description', async () => {
    await failed('odd', 'x', 1);
    await client.hset('rq:job:odd', 'data', 'no payload', 'description', "mail.send('a')");
    await client.zadd('rq:failed:q', '1', 'gone');
    expect(await requeued({ filter: { functionName: 'mail.send' } })).toEqual(['odd']);
  });
});

describe('emptyRegistry', () => {
  it('removes jobs with their results, and all that points to them', async () => {
    await put('parent');
    for (let i = 0; i < 250; i += 1) await failed(`j${i}`, 'x', 1, i === 0 ? { dependsOn: 'parent' } : {});
    await client.sadd('rq:job:j1:dependents', 'x');
    await put('member', { group: 'g' });
    await client.sadd('rq:group:g', 'j2');
    await client.hset('rq:job:j2', 'group_id', 'g');
    await client.xadd('rq:tsrq:log:j2', '*', 'text', 'a line');
    expect(await emptyRegistry(redis, 'failed', 'q')).toBe(250);
    expect(await client.smembers('rq:group:g')).toEqual(['member']);
    const left = (await client.keys('*')).filter((key) => !/^rq:tsrq:(step|enqueued|releasing)/.test(key)).sort();
    expect(left).toEqual([
      ...['rq:deferred:q', 'rq:group:g', 'rq:groups', 'rq:job:member', 'rq:job:parent', 'rq:queue:q', 'rq:queues'],
    ]);
  });

  it.each([
    ['finished', 'finished'],
    ['canceled', 'canceled'],
    ['scheduled', 'scheduled'],
    ['deferred', 'deferred'],
    ['failed', 'stopped'],
  ] as const)('of %s takes jobs that are %s, and of others the entry alone', async (registry, status) => {
    for (const id of ['own', 'elsewhere']) await client.zadd(`rq:${registry}:q`, '1', id);
    await client.zadd(`rq:${registry}:q`, '1', 'gone');
    await client.hset('rq:job:own', 'status', status);
    await client.hset('rq:job:elsewhere', 'status', 'queued');
    expect(await emptyRegistry(redis, registry, 'q', { dryRun: true })).toBe(3);
    expect(await client.zcard(`rq:${registry}:q`)).toBe(3);
    expect(await emptyRegistry(redis, registry, 'q')).toBe(3);
    expect(await client.exists(`rq:${registry}:q`, 'rq:job:own')).toBe(0);
    expect(await client.exists('rq:job:elsewhere')).toBe(1);
  });

  it('takes only what is old enough', async () => {
    await failed('old', 'x', 9);
    await failed('new', 'x', 1);
    await failed('silent', 'x', 9);
    await client.hset('rq:job:silent', 'ended_at', '');
    expect(await emptyRegistry(redis, 'failed', 'q', { beforeMs: NOW - 5 * DAY })).toBe(1);
    expect(await client.zrange('rq:failed:q', '0', '-1')).toEqual(['silent', 'new']);
    await client.zadd('rq:canceled:q', String((NOW - 9 * DAY) / 1_000), 'a', String((NOW - DAY) / 1_000), 'b');
    expect(await emptyRegistry(redis, 'canceled', 'q', { beforeMs: NOW - 5 * DAY, dryRun: true })).toBe(1);
    expect(await emptyRegistry(redis, 'canceled', 'q', { beforeMs: NOW - 5 * DAY })).toBe(1);
    expect(await client.zrange('rq:canceled:q', '0', '-1')).toEqual(['b']);
  });

  it('goes on after an interruption, and does not count a step twice that was sent again', async () => {
    for (let i = 0; i < 150; i += 1) await client.zadd('rq:finished:q', String(i), `j${i}`);
    const stop = new AbortController();
    const first = await emptyRegistry(redis, 'finished', 'q', {
      signal: stop.signal,
      onProgress: () => {
        stop.abort();
      },
    });
    expect([first, await client.zcard('rq:finished:q')]).toEqual([100, 50]);
    const step = () =>
      redis.evaluate(
        script('empty_registry'),
        [],
        ['2030-01-01T00:00:00.000000Z', 'finished', 'q', 'token', 1, 'j120', 'j121'],
      );
    expect([await step(), await step()]).toEqual([
      [2, 0],
      [2, 0],
    ]);
    expect(await emptyRegistry(redis, 'finished', 'q')).toBe(48);
  });
});

describe('a job that waits on its queue for its next run', () => {
  it.each([
    ['empty', () => empty(redis, 'q')],
    ['emptyOld', () => emptyOld(redis, 'q', { beforeMs: Date.now() + DAY })],
  ])('is removed by %s with its results, its log, its place in a group and that of its last run', async (_, remove) => {
    await put('again', { group: 'g', repeat: { times: 2 } });
    await put('other', { group: 'g', queue: 'elsewhere' });
    await client.zadd('rq:finished:q', '+inf', 'again');
    await client.xadd('rq:results:again', '*', 'type', '1');
    await client.xadd('rq:tsrq:log:again', '*', 'text', 'a line');
    expect(await remove()).toBe(1);
    expect(await client.smembers('rq:group:g')).toEqual(['other']);
    expect((await client.keys('*again*')).filter((key) => !key.startsWith('rq:tsrq:enqueued'))).toEqual([]);
    expect(await client.exists('rq:finished:q')).toBe(0);
  });
});

describe('emptyOld', () => {
  it('removes what was enqueued before, wherever it stands, and leaves the others in their places', async () => {
    for (let i = 0; i < 700; i += 1) {
      await put(`j${i}`);
      if (i % 3 === 0) await client.hset(`rq:job:j${i}`, 'enqueued_at', daysAgo(9));
    }
    const kept = Array.from({ length: 700 }, (_, i) => `j${i}`).filter((_, i) => i % 3 !== 0);
    const beforeMs = NOW - 5 * DAY;
    expect(await emptyOld(redis, 'q', { beforeMs, dryRun: true })).toBe(234);
    expect(await client.llen('rq:queue:q')).toBe(700);
    expect(await emptyOld(redis, 'q', { beforeMs })).toBe(234);
    expect(await list('rq:queue:q')).toEqual(kept);
    expect(await client.exists('rq:job:j0')).toBe(0);
  });
});

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import { enqueue, type EnqueuedJob, type NewJob } from '../../../src/queue/enqueue.js';
import { enqueueMany } from '../../../src/queue/enqueue-many.js';
import { connect } from '../../../src/redis/connect.js';
import type { Redis } from '../../../src/redis/redis.js';
import { parseRedisUrl } from '../../../src/redis/target.js';
import { freshRedis, type FreshRedis } from '../../support/fresh-redis.js';
import { startProxy } from '../../support/proxy.js';
import { producerTo } from '../../support/rq.js';

let server: FreshRedis['server'];
let client: FreshRedis['client'];
let redis: Redis;

freshRedis((fresh) => {
  ({ server, client, redis } = fresh);
});

const jobOf = (n: number, more: Partial<NewJob> = {}): NewJob => ({
  functionName: 'a.b',
  queue: 'q',
  args: [n],
  ...more,
});
const addAll = (through: Redis, count: number): Promise<EnqueuedJob[]> =>
  Promise.all(Array.from({ length: count }, (_, n) => enqueue(through, jobOf(n))));
const queued = (): Promise<string[]> => client.lrange('rq:queue:q', '0', '-1');

async function scriptCalls(): Promise<number> {
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(await client.info('commandstats'))?.[1] ?? 0);
}

describe('jobs that are enqueued one by one in the same turn of the event loop', () => {
  it('go to Redis together, in their order', async () => {
    // From here on Redis knows the script.
    await addAll(redis, 2);
    await client.del('rq:queue:q');
    await client.config('RESETSTAT');
    const added = await addAll(redis, 450);
    expect(added.map(({ status }) => status)).toEqual(Array.from({ length: 450 }, () => 'queued'));
    expect(await queued()).toEqual(added.map(({ id }) => id));
    // The first by itself, the others two hundred in a call.
    expect(await scriptCalls()).toBe(4);
  });

  it('leave the records of one by itself, whatever they have or have not in common', async () => {
    const jobs = [
      jobOf(1),
      jobOf(2, { meta: { a: 1 }, description: 'other' }),
      jobOf(3, { queue: 'other', timeoutSeconds: 7 }),
      jobOf(4, { retry: { max: 2, intervals: [3] }, resultTtlSeconds: 100 }),
      jobOf(5, { serializer: 'pickle', atFront: true }),
    ];
    const record = async ({ id }: EnqueuedJob): Promise<Record<string, string>> => {
      const { created_at: created, enqueued_at: enqueued, ...rest } = await client.hgetall(`rq:job:${id}`);
      expect(created).toBe(enqueued);
      expect(Date.parse(created ?? '')).toBeGreaterThan(Date.now() - 60_000);
      return rest;
    };
    const alone = [];
    for (const job of jobs) alone.push(await record(await enqueue(redis, job)));
    await client.flushall();
    const together = await Promise.all(jobs.map((job) => enqueue(redis, job)));
    expect(await Promise.all(together.map(record))).toEqual(alone);
    expect(together.map(({ description, queue }) => [description, queue])).toEqual(
      alone.map(({ description, origin }) => [description, origin]),
    );
    const ids = together.map(({ id }) => id);
    expect(await queued()).toEqual([ids[4], ids[0], ids[1], ids[3]]);
    expect((await client.smembers('rq:queues')).sort()).toEqual(['rq:queue:other', 'rq:queue:q']);
  });

  it('come before and after those that go by themselves, as they were asked for', async () => {
    // A script that Redis does not know yet is sent a second time, and comes later.
    await enqueue(redis, jobOf(0, { id: 'known', queue: 'other' }));
    const [first, , third, [fourth]] = await Promise.all([
      enqueue(redis, jobOf(1)),
      enqueue(redis, jobOf(2, { id: 'second' })),
      enqueue(redis, jobOf(3)),
      enqueueMany(redis, [jobOf(4)]),
    ]);
    expect(await queued()).toEqual([first.id, 'second', third.id, fourth?.id]);
  });

  it('fail as each would by itself, and only those that would', async () => {
    await client.set('rq:queue:broken', 'no list');
    const broken = jobOf(1, { queue: 'broken' });
    const alone: unknown = await enqueue(redis, broken).catch((error: unknown) => error);
    expect(alone).toBeInstanceOf(Error);
    const together = await Promise.allSettled([jobOf(0), broken, jobOf(2)].map((job) => enqueue(redis, job)));
    expect(together.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    const withoutId = (error: unknown): string => (error as Error).message.replace(/[\da-f-]{36}/g, 'ID');
    const [, second] = together;
    expect(withoutId(second?.status === 'rejected' && second.reason)).toBe(withoutId(alone));
    expect(await client.llen('rq:queue:q')).toBe(2);
    expect((await client.keys('rq:job:*')).length).toBe(2);
    const [good, wrong] = await Promise.allSettled([enqueue(redis, jobOf(1)), enqueue(redis, jobOf(2, { queue: '' }))]);
    expect([good.status, wrong.status]).toEqual(['fulfilled', 'rejected']);
    expect(wrong.status === 'rejected' && (wrong.reason as Error).message).toBe('the queue name is empty');
  });

  it('are queued once when the reply is lost', async () => {
    const proxy = await startProxy(server.port);
    const through = connect(parseRedisUrl(proxy.url), { role: 'producer', deadlineMs: 10_000 });
    await through.call(['PING']);
    const dropped = proxy.dropReply();
    const adding = addAll(through, 30);
    await dropped;
    const ids = (await adding).map(({ id }) => id);
    expect(await queued()).toEqual(ids);
    through.close();
    await proxy.stop();
  });

  it('are each told of, and all fail with the connection', async () => {
    const told: unknown[] = [];
    const note = (message: unknown): void => void told.push((message as { id: string }).id);
    subscribe('tsrq:job:enqueued', note);
    const added = await addAll(redis, 5);
    unsubscribe('tsrq:job:enqueued', note);
    expect(told).toEqual(added.map(({ id }) => id));
    const closing = producerTo(server.port);
    const adding = Promise.allSettled([enqueue(closing, jobOf(1)), enqueue(closing, jobOf(2))]);
    closing.close();
    expect((await adding).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });
});

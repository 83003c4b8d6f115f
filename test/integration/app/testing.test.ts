import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Redis as IoRedis } from 'ioredis';
import { connect, Job, job, parseRedisUrl, popConnection, pushConnection, Queue, Tsrq } from '../../../src/index.js';
import { inline, runJobs, startTestRedis, waitForJob, type TestRedis } from '../../../src/app/testing.js';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startTestRedis();
});
afterAll(() => redis.stop());
beforeEach(() => redis.empty());

const order: string[] = [];
const child = job('kit.child', { queue: 'children' }, (name: string) => order.push(name));
const parent = job('kit.parent', async () => {
  order.push('parent begins');
  const made = await child.enqueue('child');
  order.push(`child is ${(await Job.fetch(made.id))?.status ?? 'gone'}`);
});

describe('jobs run inline', () => {
  it('have ended when enqueue returns, those that they enqueue too', async () => {
    order.length = 0;
    const made = await inline(() => parent.enqueue());
    expect(order).toEqual(['parent begins', 'child', 'child is finished']);
    expect((await waitForJob(made)).status).toBe('finished');
  });

  it('are run on the connection of their queue', async () => {
    const other = await startTestRedis();
    try {
      const made = await inline(() => new Queue('q', { connection: redis.app }).enqueue('x', [2]), {
        handlers: { x: (n: number) => n * 2 },
      });
      expect(await made.result()).toBe(4);
      expect(await other.app.redisOf().call(['DBSIZE'])).toBe(0);
    } finally {
      await other.stop();
    }
  });

  it('that fail do not make enqueue fail; outside nothing is run', async () => {
    const failed = await inline(() => new Queue('q').enqueue('kit.nobody'));
    expect((await waitForJob(failed.id)).error).toContain("no handler for 'kit.nobody'");
    expect((await child.enqueue('later')).status).toBe('queued');
    expect(await new Queue('children').length()).toBe(1);
  });
});

it('a Redis that is ended takes only itself from the connections of the process', async () => {
  const [first, second] = [await startTestRedis(), await startTestRedis()];
  await first.stop();
  const made = await new Queue('q').enqueue('kit.nobody');
  expect(await second.app.redisOf().call(['EXISTS', `rq:job:${made.id}`])).toBe(1);
  await second.stop();
  expect(await new Queue('q').length()).toBe(0);
});

describe('runJobs', () => {
  it('runs all queues until nothing is left, and tells how each job ended', async () => {
    await parent.enqueue();
    await new Queue('other').enqueue('kit.nobody');
    const ended = await runJobs();
    expect(ended.map(({ queue }) => queue).sort()).toEqual(['children', 'default', 'other']);
    expect(ended.filter(({ error }) => error !== null).map(({ queue }) => queue)).toEqual(['other']);
    expect(await runJobs()).toEqual([]);
  });

  it('leaves other queues alone when it is given names', async () => {
    await parent.enqueue();
    expect(await runJobs('default', { connection: redis.app })).toHaveLength(1);
    expect(await new Queue('children').length()).toBe(1);
  });
});

describe('what was pushed', () => {
  const clients: IoRedis[] = [];
  const keep = (client: IoRedis): IoRedis => {
    clients.push(client);
    return client;
  };
  const leads = {
    'a client': (url: string) => keep(new IoRedis(url)),
    'a Tsrq of a client': (url: string) => new Tsrq({ client: keep(new IoRedis(url)) }),
    'a connection': (url: string) => connect(parseRedisUrl(url), { role: 'producer' }),
    'a Tsrq': (url: string) => new Tsrq({ url, queueConnections: {} }),
  };
  it.each(Object.entries(leads))('%s: its jobs are run, inline and by runJobs', async (_, lead) => {
    const other = await startTestRedis();
    const pushed = lead(`${other.url.slice(0, -1)}3`);
    pushConnection(pushed);
    try {
      order.length = 0;
      await inline(() => parent.enqueue());
      expect(order).toEqual(['parent begins', 'child', 'child is finished']);
      const made = await child.enqueue('again');
      expect((await runJobs('children')).map(({ id }) => id)).toEqual([made.id]);
      expect((await runJobs(null, { connection: pushed })).length).toBe(0);
      expect(await new Queue('children').registry('finished').count()).toBe(2);
      expect(await other.app.redisOf().call(['DBSIZE'])).toBe(0);
    } finally {
      popConnection();
      if (!(pushed instanceof IoRedis)) await pushed.close();
      for (const client of clients.splice(0)) client.disconnect();
      await other.stop();
    }
  });

  it('and leads nowhere that is known keeps a job from being stored inline', async () => {
    const own = redis.app.redisOf();
    const wrapped = { ...own, description: 'mine', evaluate: own.evaluate.bind(own), call: own.call.bind(own) };
    pushConnection(wrapped);
    try {
      await expect(inline(() => parent.enqueue())).rejects.toMatchObject({ code: 'USAGE' });
      await expect(inline(() => new Queue('q').enqueueMany([['a.b']]))).rejects.toMatchObject({ code: 'USAGE' });
    } finally {
      popConnection();
    }
    expect(await own.call(['DBSIZE'])).toBe(0);
  });
});

describe('waitForJob', () => {
  it('tells of a job that is gone or has not ended in time', async () => {
    await expect(waitForJob('none')).rejects.toMatchObject({ status: 'gone' });
    const made = await child.enqueue('x');
    await expect(waitForJob(made, { timeout: 0.05 })).rejects.toMatchObject({ code: 'TIMED_OUT' });
  });
});

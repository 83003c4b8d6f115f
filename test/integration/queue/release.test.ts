import { describe, expect, it } from 'vitest';
import { diagnose } from '../../../src/doctor.js';
import { endAbandoned } from '../../../src/queue/abandoned.js';
import { claim, type WorkerStamp } from '../../../src/queue/claim.js';
import { empty } from '../../../src/queue/empty.js';
import { cancelJob, deleteJob } from '../../../src/queue/end-job.js';
import { enqueueMany } from '../../../src/queue/enqueue-many.js';
import { enqueue, type NewJob } from '../../../src/queue/enqueue.js';
import { finish } from '../../../src/queue/finish.js';
import { releaseForgotten, releaseRest } from '../../../src/queue/release.js';
import { requeueIds } from '../../../src/queue/requeue.js';
import { script } from '../../../src/redis/scripts.js';
import { register } from '../../../src/worker/registration.js';
import { sweep } from '../../../src/worker/maintenance.js';
import { freshRedis, type FreshRedis } from '../../support/fresh-redis.js';
import { placesOf, statusOf } from '../../support/rq.js';

const WORKER: WorkerStamp = {
  ...{ name: 'w', birth: '2026-11-21T00:00:00.000000Z', monitoringIntervalSeconds: 30 },
  ...{ idleTtlSeconds: 480, defaultTimeoutSeconds: 180 },
};
const wish = {
  count: 1,
  strategy: 'ordered',
  seed: 0,
  queues: [{ name: 'p', weight: 1 }],
  processPrefix: '0123456789abcdef',
} as const;

let { client, redis } = {} as FreshRedis;
freshRedis((fresh) => ({ client, redis } = fresh));

const put = (id: string, more: Partial<NewJob> = {}) =>
  enqueue(redis, { functionName: 'a.b', queue: 'p', id, ...more });
const children = (count: number, more: Partial<NewJob> = {}) =>
  enqueueMany(
    redis,
    Array.from({ length: count }, (_, i) => {
      return { functionName: 'a.b', queue: 'c', id: `c${i}`, dependsOn: 'parent', ...more };
    }),
  );
const counts = async () => ({
  queued: await client.llen('rq:queue:c'),
  deferred: await client.zcard('rq:deferred:c'),
});

async function take() {
  await register(redis, { stamp: WORKER, queues: ['p'], date: WORKER.birth, version: '1' });
  const claimed = await claim(redis, WORKER, wish, '');
  const job = claimed.state === 'ok' ? claimed.jobs[0] : undefined;
  if (!job) throw new Error('nothing was claimed');
  return job;
}
async function end(kind: 'finished' | 'failed' | 'stopped', resultTtlSeconds = 500, startedAtMs = 1) {
  const job = await take();
  const ended = { ...job, kind, startedAtMs, endedAtMs: startedAtMs + 1, resultTtlSeconds, value: null };
  return finish(redis, WORKER, [ended], { ...wish, count: 0 }, '');
}

describe('a job that 1,050 others wait for', () => {
  it.each([500, 0])(
    'releases a portion at its end, and each step another: once (results kept for %i s)',
    async (ttl) => {
      await put('parent');
      await children(1_050);
      expect(await end('finished', ttl)).toMatchObject({ endings: [{ state: 'finished' }], releasing: true });
      expect(await counts()).toEqual({ queued: 100, deferred: 950 });
      // Nothing that waits for somebody to go on with may expire.
      expect(await client.ttl('rq:tsrq:releasing')).toBe(-1);
      expect(await client.ttl('rq:tsrq:releasing:finished:parent')).toBe(-1);
      await redis.evaluate(script('release'), [], ['2026-11-21T00:00:00.000000Z']);
      expect(await counts()).toEqual({ queued: 200, deferred: 850 });
      await Promise.all([releaseRest(redis), releaseRest(redis)]);
      expect(await counts()).toEqual({ queued: 1_050, deferred: 0 });
      expect(new Set(await client.lrange('rq:queue:c', '0', '-1')).size).toBe(1_050);
      expect(await client.keys('rq:tsrq:releasing*')).toEqual([]);
      expect(await client.exists('rq:job:parent:dependents')).toBe(0);
    },
  );

  it('is gone on with by the sweep of any worker when its own has died', async () => {
    await put('parent');
    await children(250);
    await end('finished');
    await sweep(redis, { queues: ['other'], settled: true }, () => undefined);
    expect(await counts()).toEqual({ queued: 250, deferred: 0 });
  });

  it('releases those of that run, also when its id is in use again', async () => {
    await put('parent');
    await children(250);
    await end('finished');
    await put('parent', { onExistingId: 'replace' });
    await put('late', { dependsOn: 'parent', queue: 'c' });
    await releaseRest(redis);
    expect(await counts()).toEqual({ queued: 250, deferred: 1 });
    expect(await client.smembers('rq:job:parent:dependents')).toEqual(['late']);
  });

  it('leaves those that do not allow failure to wait for it, with its time to live, until a requeue has made it good', async () => {
    await put('parent', { failureTtlSeconds: 5_000 });
    await children(250);
    await put('lenient', { queue: 'c', dependsOn: { ids: ['parent'], allowFailure: true } });
    expect(await end('failed')).toMatchObject({ releasing: true });
    await releaseRest(redis);
    expect(await client.lrange('rq:queue:c', '0', '-1')).toEqual(['lenient']);
    expect(await client.scard('rq:job:parent:dependents')).toBe(250);
    expect(await client.ttl('rq:job:parent:dependents')).toBeGreaterThan(4_000);
    await requeueIds(redis, ['parent']);
    await end('finished', 500, 1_000);
    await releaseRest(redis);
    expect(await counts()).toEqual({ queued: 251, deferred: 0 });
  });

  it('forgets none of them when it is requeued and good before they are all looked at', async () => {
    await put('parent');
    await children(250);
    await end('failed');
    await requeueIds(redis, ['parent']);
    await end('finished', 500, 1_000);
    await releaseRest(redis);
    expect(await counts()).toEqual({ queued: 250, deferred: 0 });
  });

  it('releases none when it was stopped, not even those that allow failure', async () => {
    await put('parent');
    await children(150, { dependsOn: { ids: ['parent'], allowFailure: true } });
    expect(await end('stopped')).toMatchObject({ releasing: false });
    expect(await counts()).toEqual({ queued: 0, deferred: 150 });
    expect(await client.scard('rq:job:parent:dependents')).toBe(150);
  });

  it('releases all of them when it is deleted, or canceled with that wish', async () => {
    for (const remove of [deleteJob, (_: unknown, id: string) => cancelJob(redis, id, { enqueueDependents: true })]) {
      await client.flushall();
      await put('parent');
      await children(250);
      await remove(redis, 'parent');
      expect(await counts()).toEqual({ queued: 250, deferred: 0 });
    }
  });

  it('releases those that allow failure when it was abandoned', async () => {
    await put('parent');
    await children(250, { dependsOn: { ids: ['parent'], allowFailure: true } });
    const job = await take();
    await client.zadd('rq:wip:p', '1', `parent:${job.executionId}`);
    await endAbandoned(redis, 'p');
    await releaseRest(redis);
    expect(await counts()).toEqual({ queued: 250, deferred: 0 });
  });

  it('keeps those deferred that wait for another one too', async () => {
    await put('parent');
    await put('second');
    await children(250, { dependsOn: ['parent', 'second'] });
    await end('finished');
    await releaseRest(redis);
    expect(await counts()).toEqual({ queued: 0, deferred: 250 });
    await end('finished', 500, 1_000);
    await releaseRest(redis);
    expect(await counts()).toEqual({ queued: 250, deferred: 0 });
  });
});

describe('a job with a ttl', () => {
  it('is waited for beyond it once it runs', async () => {
    await put('parent', { ttlSeconds: 100 });
    await put('child', { queue: 'c', dependsOn: 'parent' });
    // As at the moment when it is put on a queue: by a scheduler, a requeue, the end of what it waited for.
    for (const key of ['rq:job:parent', 'rq:job:parent:dependents']) await client.expire(key, 100);
    await take();
    expect(await client.ttl('rq:job:parent')).toBe(-1);
    expect(await client.ttl('rq:job:parent:dependents')).toBe(-1);
  });
});

describe('a job that waits for one that is gone and for one that is not', () => {
  it('is released by the end of that, and leaves no list behind of who waits for the other', async () => {
    await put('parent');
    await put('child', { queue: 'c', dependsOn: ['gone', 'parent'] });
    await end('finished');
    expect(await placesOf(client, 'child', 'c')).toEqual(['rq:queue:c']);
    expect(await client.exists('rq:job:gone:dependents')).toBe(0);
  });
});

describe('a job that is emptied away', () => {
  it('releases those that wait for it: a parent that is gone is done', async () => {
    await put('parent');
    await children(150);
    expect(await empty(redis, 'p')).toBe(1);
    expect(await counts()).toEqual({ queued: 150, deferred: 0 });
    expect(await client.keys('rq:tsrq:releasing*')).toEqual([]);
  });

  it('keeps them safe if the emptying is cut off', async () => {
    await put('parent');
    await children(150);
    await redis.evaluate(script('empty'), [], ['2030-01-01T00:00:00.000000Z', 'p', 500, 'token', 1]);
    expect(await client.scard('rq:tsrq:releasing:finished:parent')).toBe(150);
    await releaseRest(redis);
    expect(await counts()).toEqual({ queued: 150, deferred: 0 });
  });
});

describe('releaseForgotten', () => {
  const old = (id: string) => client.zadd('rq:deferred:c', '1', id);

  it('releases what waits for a parent that has expired or was removed by Python', async () => {
    await put('parent');
    await children(250);
    await client.del('rq:job:parent', 'rq:job:parent:dependents');
    // Producers may still be about to list what they wait for.
    expect(await releaseForgotten(redis, 'c')).toEqual([]);
    for (let i = 0; i < 250; i += 1) await old(`c${i}`);
    expect(await releaseForgotten(redis, 'c')).toHaveLength(250);
    expect(await counts()).toEqual({ queued: 250, deferred: 0 });
    expect(await statusOf(client, 'c7')).toBe('queued');
  });

  it('leaves what waits for one that may come, has failed, was stopped or canceled', async () => {
    for (const status of ['queued', 'started', 'scheduled', 'deferred', 'failed', 'stopped', 'canceled']) {
      await put(`is-${status}`);
      await put(`waits-${status}`, { queue: 'c', dependsOn: `is-${status}` });
      await client.hset(`rq:job:is-${status}`, 'status', status);
      await old(`waits-${status}`);
    }
    expect(await releaseForgotten(redis, 'c')).toEqual([]);
    expect((await counts()).deferred).toBe(7);
  });

  it('goes by the hash of the job where its set is not written yet, and leaves what cannot be read', async () => {
    await put('parent');
    await put('child', { queue: 'c', dependsOn: 'parent' });
    await client.del('rq:job::child:dependencies');
    await old('child');
    for (const [i, ids] of ['[1]', '{"a": {}}', 'none', '7'].entries()) {
      await client.hset(`rq:job:odd${i}`, 'status', 'deferred', 'origin', 'c', 'dependency_ids', ids);
      await old(`odd${i}`);
    }
    expect(await releaseForgotten(redis, 'c')).toEqual([]);
    await client.hset('rq:job:parent', 'status', 'finished');
    expect(await releaseForgotten(redis, 'c')).toEqual(['child']);
    expect(await placesOf(client, 'child', 'c')).toEqual(['rq:queue:c']);
  });

  it('forgets entries whose job is gone, and touches none that has another status', async () => {
    await old('gone');
    await put('runs', { queue: 'c' });
    await old('runs');
    expect(await releaseForgotten(redis, 'c')).toEqual([]);
    expect(await client.zrange('rq:deferred:c', '0', '-1')).toEqual(['runs']);
    expect(await client.llen('rq:queue:c')).toBe(1);
  });
});

describe('the doctor', () => {
  const found = async () =>
    (await diagnose(redis)).findings
      .filter(({ id, level }) => id === 'dependents' && level !== 'ok')
      .map(({ message }) => message);

  it('tells of deferred jobs that nobody has released, and of those that wait for one that will not come', async () => {
    await put('parent');
    await put('child', { queue: 'c', dependsOn: 'parent' });
    await client.zadd('rq:deferred:c', '1', 'child');
    expect(await found()).toEqual([]);
    for (const status of ['failed', 'stopped', 'canceled']) {
      await client.hset('rq:job:parent', 'status', status);
      expect(await found()).toEqual([expect.stringMatching(/wait for one that has failed.*: c \(1\): child$/)]);
    }
    await client.del('rq:job:parent');
    expect(await found()).toEqual([expect.stringMatching(/wait for nothing any more.*: c \(1\): child$/)]);
    await client.zadd('rq:deferred:c', String(Date.now() / 1_000), 'child');
    expect(await found()).toEqual([]);
  });
});

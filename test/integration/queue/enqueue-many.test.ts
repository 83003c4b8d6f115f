import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TsrqError } from '../../../src/errors.js';
import { enqueueMany } from '../../../src/queue/enqueue-many.js';
import { enqueue, type NewJob } from '../../../src/queue/enqueue.js';
import { newJobFields } from '../../../src/protocol/job.js';
import { encodePayload } from '../../../src/protocol/payload.js';
import { parseDate } from '../../../src/protocol/time.js';
import { connect } from '../../../src/redis/connect.js';
import { parseRedisUrl } from '../../../src/redis/target.js';
import { startProxy } from '../../support/proxy.js';
import { freshRedis, type FreshRedis } from '../../support/fresh-redis.js';

let { server, client, redis } = {} as FreshRedis;
freshRedis((fresh) => ({ server, client, redis } = fresh));

const queued = (queue: string): Promise<string[]> => client.lrange(`rq:queue:${queue}`, '0', '-1');

describe('enqueueMany', () => {
  it('stores each job as enqueue does', async () => {
    const jobs: NewJob[] = [
      { functionName: 'a.b' },
      {
        functionName: 'a.b',
        args: [1, 'two'],
        kwargs: { three: 3 },
        queue: 'q',
        timeoutSeconds: 7,
        description: 'called',
      },
      { functionName: 'c.d', queue: 'q', ttlSeconds: 60, resultTtlSeconds: 0, failureTtlSeconds: -1, meta: { k: 'v' } },
      { functionName: 'c.d', id: 'mine', queue: 'q', retry: { max: 3, intervals: [1, 2] } },
    ];
    const many = await enqueueMany(redis, jobs);
    expect(many.map(({ state }) => state)).toEqual(['queued', 'queued', 'queued', 'queued']);
    const one = [];
    const twins = jobs.map((job) => ({ ...job, ...(job.id === undefined ? {} : { id: 'other' }) }));
    for (const job of twins) one.push(await enqueue(redis, job));
    for (const [i, { id, queue, description }] of many.entries()) {
      expect({ queue, description }).toEqual({ queue: one[i]?.queue, description: one[i]?.description });
      const times = { created_at: expect.any(String) as string, enqueued_at: expect.any(String) as string };
      expect(await client.hgetall(`rq:job:${id}`)).toEqual({
        ...(await client.hgetall(`rq:job:${one[i]?.id ?? ''}`)),
        ...times,
      });
      const ttl = await client.ttl(`rq:job:${id}`);
      expect(ttl).toBe(await client.ttl(`rq:job:${one[i]?.id ?? ''}`));
    }
    expect(await queued('default')).toEqual([many[0]?.id, one[0]?.id]);
    expect((await client.smembers('rq:queues')).sort()).toEqual(['rq:queue:default', 'rq:queue:q']);
  });

  it('stores neighbours that have much, little or nothing in common as enqueue stores each', async () => {
    const anyJob = fc.record(
      {
        functionName: fc.constantFrom('a.b', 'ü.d'),
        args: fc.constantFrom([], [1], ['ü', { k: [] }], ['x'.repeat(2_000)]),
        description: fc.constantFrom('one', 'ünd'),
        queue: fc.constantFrom('q', 'other'),
        timeoutSeconds: fc.constantFrom(7),
        resultTtlSeconds: fc.constantFrom(100),
        meta: fc.constantFrom({ k: 1 }, { k: 'ü' }),
        retry: fc.constantFrom({ max: 2 }, { max: 2, intervals: [3] }),
        serializer: fc.constantFrom('json' as const, 'pickle' as const),
        scheduleInSeconds: fc.constantFrom(1_000),
        atFront: fc.constantFrom(true),
        group: fc.constantFrom('g'),
        isNamed: fc.boolean(),
      },
      { requiredKeys: ['functionName', 'isNamed'] },
    );
    const record = async (id: string): Promise<Record<string, string>> => {
      const fields = await client.hgetall(`rq:job:${id}`);
      const times = Object.keys(fields).filter((field) => field === 'created_at' || field === 'enqueued_at');
      return { ...fields, ...Object.fromEntries(times.map((field) => [field, 'a time'])) };
    };
    const places = async (ids: readonly string[]): Promise<unknown> => {
      const lists = ['queue:q', 'queue:other', 'queue:default'].map((key) => client.lrange(`rq:${key}`, '0', '-1'));
      const sets = ['q', 'other', 'default'].map((queue) => client.zrange(`rq:scheduled:${queue}`, '0', '-1'));
      const group = client.smembers('rq:group:g');
      const found = await Promise.all([...lists, ...sets, group]);
      return found.map((members, i) => {
        const at = members.map((id) => ids.indexOf(id));
        return i < lists.length ? at : at.sort();
      });
    };
    // Each is as the one before it but for one or two of its options.
    const changed = fc.subarray<keyof NewJob>(
      [
        ...(['args', 'description', 'queue', 'timeoutSeconds', 'resultTtlSeconds', 'meta'] as const),
        ...(['retry', 'serializer', 'scheduleInSeconds', 'atFront', 'group'] as const),
      ],
      { maxLength: 2 },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(anyJob, changed), { minLength: 2, maxLength: 12 }), async (given) => {
        const jobs: NewJob[] = [];
        for (const [i, [{ isNamed, ...options }, those]] of given.entries()) {
          const { id: _, ...before }: NewJob = jobs[i - 1] ?? options;
          const changes = Object.entries(options).filter(([key]) => those.includes(key as keyof NewJob));
          jobs.push({ ...before, ...Object.fromEntries(changes), ...(isNamed ? { id: `named-${i}` } : {}) });
        }
        const outcomes = [];
        for (const many of [true, false]) {
          await client.flushall();
          const stored = many ? await enqueueMany(redis, jobs) : [];
          if (!many) for (const job of jobs) stored.push({ ...(await enqueue(redis, job)), state: 'queued' });
          const ids = stored.map(({ id }) => id);
          const records = await Promise.all(ids.map(record));
          outcomes.push([records, await places(ids), stored.map(({ description, queue }) => [description, queue])]);
        }
        expect(outcomes[0]).toEqual(outcomes[1]);
      }),
      { numRuns: 100 },
    );
  });

  it('writes what RQ writes', async () => {
    const { id } = await enqueue(redis, {
      functionName: 'a.b',
      args: ['ü'],
      queue: 'q',
      ttlSeconds: 60,
      meta: { k: 1 },
    });
    const stored = await client.hgetallBuffer(`rq:job:${id}`);
    const createdAtMs = parseDate(stored['created_at']?.toString() ?? '') ?? 0;
    const written = newJobFields({
      payload: encodePayload({ functionName: 'a.b', args: ['ü'], kwargs: {} }),
      ...{ origin: 'q', description: "a.b('ü')", createdAtMs, enqueuedAtMs: createdAtMs, timeoutSeconds: 180 },
      ...{ ttlSeconds: 60, meta: Buffer.from('{"k": 1}') },
    });
    const readable = Object.entries(stored).map(([field, value]) => [field, value.toString('latin1')]);
    expect(Object.fromEntries(readable)).toEqual(
      Object.fromEntries(written.map(([field, value]) => [field, Buffer.from(value).toString('latin1')])),
    );
  });

  it('keeps the order of a thousand jobs on three queues, and their payloads apart', async () => {
    const jobs = Array.from({ length: 1_000 }, (_, i) => ({ functionName: 'a.b', args: [i], queue: `q${i % 3}` }));
    const outcomes = await enqueueMany(redis, jobs);
    for (const n of [0, 1, 2]) {
      expect(await queued(`q${n}`)).toEqual(outcomes.filter((_, i) => i % 3 === n).map(({ id }) => id));
    }
    const descriptions = await Promise.all(outcomes.map(({ id }) => client.hget(`rq:job:${id}`, 'description')));
    expect(descriptions).toEqual(jobs.map((_, i) => `a.b(${i})`));
    const payloads = await Promise.all(outcomes.map(({ id }) => client.hgetBuffer(`rq:job:${id}`, 'data')));
    expect(new Set(payloads.map((data) => data?.toString('hex'))).size).toBe(1_000);
  });

  it('at the front pushes one after the other, as RQ does', async () => {
    await enqueue(redis, { functionName: 'a.b', id: 'old', queue: 'q' });
    await enqueueMany(
      redis,
      ['one', 'two'].map((id) => ({ functionName: 'a.b', id, queue: 'q', atFront: true })),
    );
    expect(await queued('q')).toEqual(['two', 'one', 'old']);
  });

  it('tells of ids in use, and stores the others', async () => {
    await enqueue(redis, { functionName: 'old.one', id: 'kept', queue: 'q' });
    await enqueue(redis, { functionName: 'old.one', id: 'replaced', queue: 'q' });
    const outcomes = await enqueueMany(redis, [
      { functionName: 'new.one', id: 'fresh', queue: 'q' },
      { functionName: 'new.one', id: 'kept', queue: 'q' },
      { functionName: 'new.one', id: 'replaced', queue: 'q', onExistingId: 'replace' },
    ]);
    expect(outcomes.map(({ state }) => state)).toEqual(['queued', 'exists', 'queued']);
    expect(outcomes[1]).toMatchObject({ id: 'kept', status: 'queued' });
    expect(await queued('q')).toEqual(['kept', 'fresh', 'replaced']);
    expect(await client.hget('rq:job:kept', 'description')).toBe('old.one()');
    expect(await client.hget('rq:job:replaced', 'description')).toBe('new.one()');
  });

  it('leaves nothing of jobs whose queue is no list or whose key is no hash', async () => {
    await client.set('rq:queue:bad', 'x');
    await client.set('rq:job:odd', 'x');
    const outcomes = await enqueueMany(redis, [
      { functionName: 'a.b', queue: 'bad' },
      { functionName: 'a.b', queue: 'good', id: 'odd' },
      { functionName: 'a.b', queue: 'good' },
    ]);
    expect(outcomes.map(({ state }) => state)).toEqual(['refused', 'refused', 'queued']);
    expect(outcomes[0]).toMatchObject({ reason: expect.stringContaining('queue bad') as string });
    expect(outcomes[1]).toMatchObject({ reason: expect.stringContaining('rq:job:odd') as string });
    expect(await client.exists(`rq:job:${outcomes[0]?.id ?? ''}`)).toBe(0);
    expect(await queued('good')).toEqual([outcomes[2]?.id]);
  });

  it('queues once what was sent again because a reply was lost', async () => {
    const proxy = await startProxy(server.port);
    const through = connect(parseRedisUrl(proxy.url), { role: 'producer', deadlineMs: 10_000 });
    await through.call(['PING']);
    const dropped = proxy.dropReply('eval');
    const jobs = Array.from({ length: 450 }, (_, i) => ({ functionName: 'a.b', args: [i], queue: 'q' }));
    const outcomes = await enqueueMany(through, jobs);
    await dropped;
    through.close();
    await proxy.stop();
    const ids = outcomes.map(({ id }) => id);
    expect((await queued('q')).sort()).toEqual(ids.sort());
    expect(outcomes.every(({ state }) => state === 'queued')).toBe(true);
  });

  it('tells a repetition what the first run came to', async () => {
    await enqueue(redis, { functionName: 'a.b', id: 'taken', queue: 'q' });
    const proxy = await startProxy(server.port);
    const through = connect(parseRedisUrl(proxy.url), { role: 'producer', deadlineMs: 10_000 });
    await through.call(['PING']);
    const dropped = proxy.dropReply('eval');
    const outcomes = await enqueueMany(through, [
      { functionName: 'a.b', queue: 'q', id: 'new' },
      { functionName: 'a.b', queue: 'q', id: 'taken' },
      { functionName: 'a.b', queue: 'q', id: 'child', dependsOn: 'new' },
    ]);
    await dropped;
    expect(outcomes.map(({ state }) => state)).toEqual(['queued', 'exists', 'deferred']);
    expect(await queued('q')).toEqual(['taken', 'new']);
    through.close();
    await proxy.stop();
  });

  it('says so when too few replicas have the jobs, which are stored', async () => {
    const error = await enqueueMany(redis, [{ functionName: 'a.b', queue: 'q' }], {
      durable: { replicas: 1, timeoutMs: 50 },
    }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'NOT_REPLICATED' });
    expect(await queued('q')).toHaveLength(1);
  });

  it('stores nothing if one job is not as it should be', async () => {
    const codes = [];
    for (const bad of [
      { functionName: '' },
      { functionName: 'a.b', args: [() => 1] },
      { functionName: 'a.b', meta: { bad: () => 1 } },
      { functionName: 'a.b', id: 'x' },
    ]) {
      const jobs = [{ functionName: 'a.b', id: 'x' }, bad];
      codes.push(await enqueueMany(redis, jobs).catch((error: unknown) => (error as TsrqError).code));
    }
    expect(codes).toEqual(['USAGE', 'USAGE', 'USAGE', 'USAGE']);
    expect(await client.dbsize()).toBe(0);
    expect(await enqueueMany(redis, [])).toEqual([]);
  });

  it('says how many are stored when Redis fails on the way', async () => {
    const proxy = await startProxy(server.port);
    const through = connect(parseRedisUrl(proxy.url), { role: 'producer', deadlineMs: 600 });
    await through.call(['PING']);
    const promise = enqueueMany(
      through,
      Array.from({ length: 5_000 }, () => ({ functionName: 'a.b' })),
    );
    proxy.blackhole();
    const error = await promise.then(
      () => null,
      (reason: unknown) => reason as TsrqError,
    );
    expect(error).toMatchObject({ code: 'REDIS_UNREACHABLE' });
    expect(error?.message).toMatch(/\d+ of 5000 jobs are known to be stored/);
    through.close();
    await proxy.stop();
  });
});

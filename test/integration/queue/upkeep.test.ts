import type { Redis as IoRedis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { adopt, claim, type ClaimedJob, type Wish, type WorkerStamp } from '../../../src/queue/claim.js';
import { clean } from '../../../src/queue/clean.js';
import { enqueue } from '../../../src/queue/enqueue.js';
import { finish } from '../../../src/queue/finish.js';
import { requeueAll, type Requeued } from '../../../src/queue/requeue.js';
import type { Redis } from '../../../src/redis/redis.js';
import { register } from '../../../src/worker/registration.js';
import { Outages, sweep } from '../../../src/worker/maintenance.js';
import { startRedis, type TestRedis } from '../../support/redis.js';
import { producerTo, put, statusOf } from '../../support/rq.js';

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

const PREFIX = 'feedfacefeedface';
const worker: WorkerStamp = {
  ...{ name: 'w', birth: '2026-01-01T00:00:00.000000Z' },
  ...{ monitoringIntervalSeconds: 30, idleTtlSeconds: 480, defaultTimeoutSeconds: 180 },
};
const wish = (count: number, ...queues: string[]): Wish => ({
  ...{ count, strategy: 'ordered', seed: 1, processPrefix: PREFIX },
  queues: queues.map((name) => ({ name, weight: 1 })),
});
beforeEach(async () => {
  await client.flushall();
  await client.hset('rq:worker:w', 'birth', worker.birth);
});

describe('cleaning', () => {
  it('forgets what is over and keeps what is not, in every registry, in bounded steps', async () => {
    const now = Math.floor(Date.now() / 1_000);
    const over = Array.from({ length: 2_500 }, (_, i) => [String(i + 1), `over${i}`]).flat();
    await client.zadd('rq:finished:q', ...over);
    await client.zadd('rq:finished:q', String(now + 60), 'stays', '+inf', 'for-ever');
    await client.zadd('rq:failed:q', '5', 'over', '-1', 'for-ever', String(now + 60), 'stays');
    await client.sadd('rq:workers:q', 'rq:worker:w', 'rq:worker:ghost');
    await client.sadd('rq:workers', 'rq:worker:w', 'rq:worker:ghost');
    expect(await clean(redis, 'q', { token: 'mine' })).toEqual({ entries: 2_501, workers: ['ghost'] });
    expect(await client.zrange('rq:finished:q', '0', '-1')).toEqual(['stays', 'for-ever']);
    expect(await client.zrange('rq:failed:q', '0', '-1')).toEqual(['for-ever', 'stays']);
    expect(await client.smembers('rq:workers:q')).toEqual(['rq:worker:w']);
    expect(await client.smembers('rq:workers')).toEqual(['rq:worker:w']);
    expect(await client.exists('rq:clean_registries:q')).toBe(0);
  });

  it('does nothing while another holds the lock, and leaves it to its holder', async () => {
    await client.zadd('rq:failed:q', '5', 'over');
    await client.set('rq:clean_registries:q', '1', 'EX', 899);
    expect(await clean(redis, 'q', { token: 'mine' })).toBeNull();
    expect(await client.zcard('rq:failed:q')).toBe(1);
    expect(await client.get('rq:clean_registries:q')).toBe('1');
  });
});

describe('the sweep after an outage', () => {
  it('leaves leases alone that may have run out because of it, not those that are over for long', async () => {
    const now = Math.floor(Date.now() / 1_000);
    for (const id of ['fresh', 'old']) await put(redis, 'a.b', [], { id, queue: 'q' });
    await claim(redis, worker, wish(2, 'q'), '');
    for (const member of await client.zrange('rq:wip:q', '0', '-1')) {
      await client.zadd('rq:wip:q', String(member.startsWith('fresh') ? now - 5 : now - 7_200), member);
    }
    await sweep(redis, { queues: ['q'], settled: false }, () => undefined);
    expect([await statusOf(client, 'fresh'), await statusOf(client, 'old')]).toEqual(['started', 'failed']);
    await sweep(redis, { queues: ['q'], settled: true }, () => undefined);
    expect(await statusOf(client, 'fresh')).toBe('failed');
  });

  it('is one for a while after Redis was started, or was away from here', async () => {
    const outages = new Outages();
    // A server of this moment.
    expect(await outages.settled(redis)).toBe(false);
    const uptime = (seconds: number): Redis => ({
      ...redis,
      call: () => Promise.resolve(`uptime_in_seconds:${seconds}\r\n`),
    });
    expect(await outages.settled(uptime(3_600))).toBe(true);
    outages.regained();
    expect(await outages.settled(uptime(3_600))).toBe(false);
  });
});

describe('an execution opened in a call whose reply was lost', () => {
  it('is found also when its job comes from another queue than the one it lay on', async () => {
    const id = await put(redis, 'a.b', [], { queue: 'elsewhere' });
    await client.lmove('rq:queue:elsewhere', 'rq:queue:q', 'LEFT', 'RIGHT');
    await claim(redis, worker, wish(1, 'q'), '');
    const found = await adopt(redis, { processPrefix: PREFIX, known: [], queues: ['q'] });
    expect(found.map((job) => [job.id, job.queue])).toEqual([[id, 'elsewhere']]);
  });
});

describe('durable', () => {
  it('an enqueue that no replica has is refused, saying that it is stored', async () => {
    const durable = { replicas: 1, timeoutMs: 50 };
    await expect(enqueue(redis, { functionName: 'a.b', id: 'x', queue: 'q', durable })).rejects.toMatchObject({
      code: 'NOT_REPLICATED',
      message: 'job x is stored, not replicated: 0 of 1 replicas had it within 50 ms',
    });
    expect(await client.lrange('rq:queue:q', 0, -1)).toEqual(['x']);
  });

  it('counts the replicas that have it', async () => {
    const replica = await startRedis({ conf: { replicaof: `127.0.0.1 ${server.port}` } });
    const copy = replica.client();
    const durable = { replicas: 1, timeoutMs: 20_000 };
    await enqueue(redis, { functionName: 'a.b', id: 'x', queue: 'q', durable });
    expect(await copy.hget('rq:job:x', 'status')).toBe('queued');
    const claimed = await claim(redis, worker, wish(1, 'q'), '');
    const [job] = claimed.state === 'ok' ? claimed.jobs : [];
    if (!job) throw new Error('nothing was claimed');
    const ended = { ...job, kind: 'finished' as const, startedAtMs: 1, endedAtMs: 2, resultTtlSeconds: 9, value: null };
    const end = await finish(redis, worker, [ended], wish(0), '', durable);
    expect(end.replicas).toBe(1);
    expect(await copy.hget('rq:job:x', 'status')).toBe('finished');
    await replica.stop();
  });
});

describe('bounds', () => {
  it('a payload above 64 MiB is refused by enqueue, with what to do instead', async () => {
    const args = ['x'.repeat(65 * 1_048_576)];
    await expect(enqueue(redis, { functionName: 'a.b', args })).rejects.toMatchObject({
      code: 'USAGE',
      message: 'the arguments of a.b take 66 MiB as JSON: at most 64 are read by workers',
      hint: 'store them elsewhere and pass where they are',
    });
  });

  it('a stored payload above 64 MiB is not handed over; its size is', async () => {
    const id = await put(redis, 'a.b', [], { queue: 'q' });
    await client.hset(`rq:job:${id}`, 'data', Buffer.alloc(65 * 1_048_576));
    const claimed = await claim(redis, worker, wish(1, 'q'), '');
    expect(claimed).toMatchObject({ state: 'ok', jobs: [{ id, data: null, oversizedBytes: 65 * 1_048_576 }] });
  });

  it('one call hands over no more payload than a few MiB, and says that there is more', async () => {
    for (let i = 0; i < 10; i += 1) {
      const id = await put(redis, 'a.b', [], { queue: 'q' });
      await client.hset(`rq:job:${id}`, 'data', Buffer.alloc(3 * 1_048_576));
    }
    const claimed = await claim(redis, worker, wish(10, 'q'), '');
    if (claimed.state !== 'ok') throw new Error(claimed.state);
    expect([claimed.jobs.length, claimed.more]).toEqual([3, true]);
    expect(await client.llen('rq:queue:q')).toBe(7);
  });

  it('requeue goes through a large registry page by page, past entries that stay', { timeout: 120_000 }, async () => {
    const count = 12_000;
    const pipeline = client.pipeline();
    for (let i = 0; i < count; i += 1) {
      // Every third entry leads to a job that lives elsewhere: it stays where it is.
      const job = { status: i % 3 === 0 ? 'queued' : 'failed', origin: 'q', data: 'x' };
      pipeline.hset(`rq:job:j${i}`, job).zadd('rq:failed:q', String(1e12 + i), `j${i}`);
    }
    await pipeline.sadd('rq:queues', 'rq:queue:q').exec();
    let largest = 0;
    const reasons = new Set<string>();
    const result = await requeueAll(redis, {
      onResults: (results: readonly Requeued[]) => {
        largest = Math.max(largest, results.length);
        for (const each of results) reasons.add(each.requeued ? 'requeued' : each.reason);
      },
    });
    expect(result).toEqual({ requeued: 8_000, total: count });
    expect(reasons).toEqual(new Set(['requeued', 'it is queued, not failed']));
    expect(largest).toBeLessThanOrEqual(100);
    expect([await client.llen('rq:queue:q'), await client.zcard('rq:failed:q')]).toEqual([8_000, 4_000]);
  });
});

describe('a name', () => {
  it('of a worker on another machine is taken as long as its hash lives, whatever the clocks say', async () => {
    const birth = { stamp: worker, queues: ['q'], date: worker.birth, version: '0' };
    await client.hset('rq:worker:w', {
      birth: 'other',
      hostname: 'far',
      pid: '1',
      last_heartbeat: '2000-01-01T00:00:00.000000Z',
    });
    await client.expire('rq:worker:w', 60);
    await expect(register(redis, birth)).rejects.toMatchObject({ code: 'NAME_TAKEN' });
    await client.persist('rq:worker:w');
    await register(redis, birth);
    expect(await client.hget('rq:worker:w', 'birth')).toBe(worker.birth);
  });
});

describe('a queue whose key is not a list', () => {
  const fail = async (job: ClaimedJob): Promise<unknown> => {
    const ended = { ...job, kind: 'failed' as const, startedAtMs: 1, endedAtMs: 2, resultTtlSeconds: 9, value: null };
    return (await finish(redis, worker, [ended], wish(0), '')).endings[0];
  };

  it('refuses a job whole, and a requeue', async () => {
    await client.set('rq:queue:q', 'a text');
    await expect(enqueue(redis, { functionName: 'a.b', id: 'x', queue: 'q' })).rejects.toThrow(
      /WRONGTYPE.*is not a list/,
    );
    expect(await client.exists('rq:job:x')).toBe(0);
    await client.hset('rq:job:y', { status: 'failed', origin: 'q', data: 'x' });
    await client.zadd('rq:failed:q', '1e12', 'y');
    await client.sadd('rq:queues', 'rq:queue:q');
    expect(await requeueAll(redis)).toEqual({ requeued: 0, total: 1 });
    expect([await statusOf(client, 'y'), await client.zcard('rq:failed:q')]).toEqual(['failed', 1]);
  });

  it('does not lose the job that was to go back to it, nor keep other queues from being swept', async () => {
    for (const queue of ['q', 'r']) await put(redis, 'a.b', [], { id: `in-${queue}`, queue, retry: { max: 1 } });
    const claimed = await claim(redis, worker, wish(2, 'q', 'r'), '');
    const [first] = claimed.state === 'ok' ? claimed.jobs : [];
    if (!first) throw new Error('nothing was claimed');
    await client.set('rq:queue:q', 'a text');
    expect(await fail(first)).toEqual({ state: 'failed' });
    expect(await client.zrange('rq:failed:q', '0', '-1')).toEqual(['in-q']);
    await client.set('rq:queue:q:intermediate', 'a text');
    for (const member of await client.zrange('rq:wip:r', '0', '-1')) await client.zadd('rq:wip:r', '1', member);
    await sweep(redis, { queues: ['q', 'r'], settled: true }, () => undefined);
    expect(await client.lrange('rq:queue:r', 0, -1)).toEqual(['in-r']);
  });
});

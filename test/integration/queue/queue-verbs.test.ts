import { describe, expect, it } from 'vitest';
import { snapshot } from '../../../src/info.js';
import { claim, type Claim, type Wish, type WorkerStamp } from '../../../src/queue/claim.js';
import { compactQueue } from '../../../src/queue/compact.js';
import { deleteQueue } from '../../../src/queue/delete-queue.js';
import { enqueueMany } from '../../../src/queue/enqueue-many.js';
import { finish } from '../../../src/queue/finish.js';
import { moveQueue } from '../../../src/queue/move.js';
import { pauseQueue, resumeQueue } from '../../../src/queue/pause.js';
import { countHolds, suspend } from '../../../src/queue/suspend.js';
import { script } from '../../../src/redis/scripts.js';
import { register } from '../../../src/worker/registration.js';
import { claimMoved } from '../../support/claim-moved.js';
import { freshRedis, type FreshRedis } from '../../support/fresh-redis.js';
import { placesOf, put, until } from '../../support/rq.js';

const WORKER: WorkerStamp = {
  ...{ name: 'w', birth: '2026-11-21T00:00:00.000000Z', monitoringIntervalSeconds: 30 },
  ...{ idleTtlSeconds: 480, defaultTimeoutSeconds: 180 },
};
const wish = (count: number): Wish => ({
  ...{ count, strategy: 'ordered', seed: 0, processPrefix: '0123456789abcdef' },
  queues: ['a', 'b'].map((name) => ({ name, weight: 1 })),
});

let { client, redis } = {} as FreshRedis;
freshRedis((fresh) => ({ client, redis } = fresh));

const born = () => register(redis, { stamp: WORKER, queues: ['a', 'b'], date: WORKER.birth, version: '1' });
const jobsOf = (result: Claim) => {
  if (result.state !== 'ok') throw new Error(result.state);
  return result.jobs;
};
const many = (count: number) =>
  enqueueMany(
    redis,
    Array.from({ length: count }, (_, i) => ({ functionName: 'a.b', id: `j${i}`, queue: 'a' })),
  );
const list = (queue: string) => client.lrange(`rq:queue:${queue}`, '0', '-1');
const stopped = AbortSignal.abort('SIGINT');

describe('a paused queue', () => {
  it('is left out by claim and finish, which tell of it; the others are not', async () => {
    await born();
    await put(redis, 'a.b', [], { id: 'held', queue: 'a' });
    await put(redis, 'a.b', [], { id: 'one', queue: 'b' });
    await put(redis, 'a.b', [], { id: 'two', queue: 'b' });
    expect(await pauseQueue(redis, 'a', null)).toBe(false);
    const result = await claim(redis, WORKER, wish(1), '');
    expect(result).toMatchObject({ suspended: false, paused: ['a'] });
    expect(jobsOf(result).map(({ id }) => id)).toEqual(['one']);
    const ended = { kind: 'finished', startedAtMs: 1, endedAtMs: 2, resultTtlSeconds: 500, value: null } as const;
    const next = await finish(
      redis,
      WORKER,
      jobsOf(result).map((job) => ({ ...job, ...ended })),
      wish(5),
      '',
    );
    expect(jobsOf(next).map(({ id }) => id)).toEqual(['two']);
    expect(next).toMatchObject({ paused: ['a'], endings: [{ state: 'finished' }] });
    expect(await placesOf(client, 'held', 'a')).toEqual(['rq:queue:a']);
    expect(await resumeQueue(redis, 'a')).toBe(true);
    const last = await claim(redis, WORKER, wish(5), '');
    expect(last).toMatchObject({ paused: [] });
    expect(jobsOf(last).map(({ id }) => id)).toEqual(['held']);
  });

  it('gets back what a wait has moved', async () => {
    await born();
    await put(redis, 'a.b', [], { id: 'first', queue: 'a' });
    await put(redis, 'a.b', [], { id: 'second', queue: 'a' });
    await client.lmove('rq:queue:a', 'rq:queue:a:intermediate:tsrq', 'LEFT', 'RIGHT');
    await pauseQueue(redis, 'a', null);
    const result = await claimMoved(redis, WORKER, { queue: 'a', processPrefix: '0123456789abcdef' });
    expect(result).toMatchObject({ jobs: [], paused: ['a'] });
    expect(await list('a')).toEqual(['first', 'second']);
  });

  it('is so until its time is over, and leaves no key that costs workers a question', async () => {
    await pauseQueue(redis, 'a', 60);
    expect(await client.ttl('rq:tsrq:paused')).toBeGreaterThan(50);
    await pauseQueue(redis, 'b', null);
    expect(await client.ttl('rq:tsrq:paused')).toBe(-1);
    await client.zadd('rq:tsrq:paused', String(Math.floor(Date.now() / 1_000) - 1), 'a');
    await born();
    await put(redis, 'a.b', [], { id: 'j', queue: 'a' });
    const result = await claim(redis, WORKER, wish(5), '');
    expect(result).toMatchObject({ paused: ['b'], jobs: [{ id: 'j' }] });
    expect(await resumeQueue(redis, 'a')).toBe(false);
    expect(await resumeQueue(redis, 'b')).toBe(true);
    expect(await client.exists('rq:tsrq:paused')).toBe(0);
    await pauseQueue(redis, 'a', 1);
    await until('it is over', async () => (await countHolds(redis)) === 0);
  });

  it('is told by info, and a suspension goes before it', async () => {
    await put(redis, 'a.b', [], { queue: 'a' });
    await put(redis, 'a.b', [], { queue: 'b' });
    await pauseQueue(redis, 'a', 100);
    const { queues } = await snapshot(redis);
    expect(queues).toMatchObject([
      { name: 'a', paused: true },
      { name: 'b', paused: false, pausedForSeconds: null },
    ]);
    const [first] = queues;
    expect(first?.error === null && first.pausedForSeconds).toBeGreaterThan(50);
    await born();
    await suspend(redis, null);
    expect(await claim(redis, WORKER, wish(5), '')).toMatchObject({ suspended: true, paused: [], jobs: [] });
  });
});

describe('moveQueue', () => {
  it('keeps the order, behind what is there, and makes the new queue the origin', async () => {
    await put(redis, 'a.b', [], { id: 'there', queue: 'b' });
    await many(1_203);
    const progress: number[] = [];
    expect(await moveQueue(redis, 'a', 'b', (done) => progress.push(done))).toEqual({ moved: 1_203, dropped: 0 });
    expect(progress).toEqual([500, 1_000, 1_203]);
    expect(await list('b')).toEqual(['there', ...Array.from({ length: 1_203 }, (_, i) => `j${i}`)]);
    expect(await list('a')).toEqual([]);
    expect(await client.hget('rq:job:j7', 'origin')).toBe('b');
    expect(await moveQueue(redis, 'a', 'b')).toEqual({ moved: 0, dropped: 0 });
  });

  it('goes on after an interruption where it was', async () => {
    await many(700);
    const signal = new AbortController();
    await moveQueue(
      redis,
      'a',
      'b',
      () => {
        signal.abort();
      },
      signal.signal,
    );
    expect([(await list('a')).length, (await list('b')).length]).toEqual([200, 500]);
    await moveQueue(redis, 'a', 'b');
    expect(await list('b')).toEqual(Array.from({ length: 700 }, (_, i) => `j${i}`));
  });

  it('does not carry a step out twice', async () => {
    await many(3);
    const step = () => redis.evaluate(script('move'), [], ['a', 'b', 2, 'token', 1]);
    expect([await step(), await step()]).toEqual([
      [2, 2],
      [2, 2],
    ]);
    expect([await list('a'), await list('b')]).toEqual([['j2'], ['j0', 'j1']]);
  });

  it('drops ids without a job, and second copies of one that is elsewhere', async () => {
    await many(2);
    await client.rpush('rq:queue:a', 'gone', 'runs');
    await client.hset('rq:job:runs', 'status', 'started', 'origin', 'a');
    await client.zadd('rq:wip:a', '9999999999', 'runs:e0');
    expect(await moveQueue(redis, 'a', 'b')).toEqual({ moved: 2, dropped: 2 });
    expect(await client.hget('rq:job:runs', 'origin')).toBe('a');
  });

  it('takes along a job whose only place is the queue, whatever its hash says', async () => {
    for (const status of ['started', 'failed', 'scheduled', 'deferred', 'stopped']) {
      await client.rpush('rq:queue:a', status);
      await client.hset(`rq:job:${status}`, 'status', status, 'origin', 'a');
    }
    expect(await moveQueue(redis, 'a', 'b')).toEqual({ moved: 5, dropped: 0 });
    expect(await list('b')).toEqual(['started', 'failed', 'scheduled', 'deferred', 'stopped']);
  });

  it('changes nothing if a queue is no list, and refuses to move a queue to itself', async () => {
    await many(2);
    await client.set('rq:queue:b', 'text');
    await expect(moveQueue(redis, 'a', 'b')).rejects.toThrow(/WRONGTYPE/);
    expect(await list('a')).toEqual(['j0', 'j1']);
    await expect(moveQueue(redis, 'a', 'a')).rejects.toMatchObject({ code: 'USAGE' });
  });
});

describe('compactQueue', () => {
  it('drops ids without a job, and leaves the others where they are', async () => {
    await many(2_500);
    const gone = Array.from({ length: 2_500 }, (_, i) => `j${i}`).filter((_, i) => i % 7 === 0 || i < 20 || i > 2_400);
    await client.del(...gone.map((id) => `rq:job:${id}`));
    expect(await compactQueue(redis, 'a')).toBe(gone.length);
    const dead = new Set(gone);
    expect(await list('a')).toEqual(Array.from({ length: 2_500 }, (_, i) => `j${i}`).filter((id) => !dead.has(id)));
    expect(await compactQueue(redis, 'a')).toBe(0);
  });

  it('does nothing once it is interrupted', async () => {
    await client.rpush('rq:queue:a', 'gone');
    expect(await compactQueue(redis, 'a', undefined, stopped)).toBe(0);
    expect(await list('a')).toEqual(['gone']);
  });
});

describe('deleteQueue', () => {
  it('removes the jobs and the queue, its pause too; its registries stay', async () => {
    await many(600);
    await pauseQueue(redis, 'a', null);
    await client.zadd('rq:failed:a', '9999999999', 'bad');
    expect(await deleteQueue(redis, 'a')).toEqual({ state: 'deleted', removed: 600 });
    expect(await client.smembers('rq:queues')).toEqual([]);
    expect((await client.keys('rq:*')).filter((key) => !key.startsWith('rq:tsrq:'))).toEqual(['rq:failed:a']);
  });

  it('leaves the jobs if told', async () => {
    await many(3);
    expect(await deleteQueue(redis, 'a', { keepJobs: true })).toEqual({ state: 'deleted', removed: 0 });
    expect(await client.exists('rq:queue:a')).toBe(0);
    expect(await client.exists('rq:job:j0')).toBe(1);
  });

  it('is refused while something runs or is about to, unless forced', async () => {
    await many(2);
    await client.zadd('rq:wip:a', '9999999999', 'x:e');
    await client.rpush('rq:queue:a:intermediate', 'y');
    expect(await deleteQueue(redis, 'a')).toEqual({ state: 'running', count: 2, removed: 0 });
    expect(await list('a')).toEqual(['j0', 'j1']);
    expect(await redis.evaluate(script('delete_queue'), [], ['a', 0, 1])).toEqual([Buffer.from('running'), 2]);
    expect(await deleteQueue(redis, 'a', { force: true })).toEqual({ state: 'deleted', removed: 2 });
    expect(await client.zcard('rq:wip:a')).toBe(1);
  });

  it('leaves the queue with what is on it when it is interrupted', async () => {
    await many(2);
    expect(await deleteQueue(redis, 'a', { signal: stopped })).toEqual({ state: 'filled', count: 2, removed: 0 });
    expect(await client.smembers('rq:queues')).toEqual(['rq:queue:a']);
  });
});

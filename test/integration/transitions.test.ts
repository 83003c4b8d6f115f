import { expect, it } from 'vitest';
import { TransitionWatch } from '../../src/info/transitions.js';
import { formatDate } from '../../src/protocol/time.js';
import { cancelJob, deleteJob } from '../../src/queue/end-job.js';
import { freshRedis, type FreshRedis } from '../support/fresh-redis.js';
import { put } from '../support/rq.js';

let { client, redis } = {} as FreshRedis;
freshRedis((fresh) => ({ client, redis } = fresh));

async function watch(queues: readonly string[] | null = null): Promise<() => Promise<string[]>> {
  const watching = new TransitionWatch(redis, queues);
  expect(await watching.look()).toEqual([]);
  return async () => (await watching.look()).map(({ event, queue, id }) => `${event} ${queue} ${id}`);
}

it('tells what is new since the first look, once, also of queues that are made later', async () => {
  await put(redis, 'a.b', [], { id: 'before', queue: 'q' });
  const look = await watch();
  expect(await look()).toEqual([]);
  await put(redis, 'a.b', [], { id: 'one', queue: 'q' });
  await put(redis, 'a.b', [], { id: 'two', queue: 'later' });
  expect((await look()).sort()).toEqual(['queued later two', 'queued q one']);
  expect(await look()).toEqual([]);
});

it('follows a job to its end, wherever it goes', async () => {
  const look = await watch(['q']);
  await put(redis, 'a.b', [], { id: 'j', queue: 'q', retry: { max: 2 } });
  await put(redis, 'a.b', [], { id: 'c', queue: 'q' });
  await put(redis, 'a.b', [], { id: 'd', queue: 'q' });
  expect(await look()).toHaveLength(3);
  await cancelJob(redis, 'c');
  await deleteJob(redis, 'd');
  // As a Python worker begins it, and gives it back for a retry.
  await client.lrem('rq:queue:q', 0, 'j');
  await client.hset('rq:job:j', { status: 'started', started_at: '2026-01-01T00:00:00.000000Z', worker_name: 'py' });
  await client.zadd('rq:wip:q', Date.now() / 1_000 + 90, 'j:0123');
  expect((await look()).sort()).toEqual(['canceled q c', 'gone q d', 'started q j']);
  await client.zrem('rq:wip:q', 'j:0123');
  await client.hset('rq:job:j', { status: 'scheduled', retries_left: 1 });
  await client.zadd('rq:scheduled:q', Date.now() / 1_000 + 60, 'j');
  expect(await look()).toEqual(['retried q j']);
  await client.zrem('rq:scheduled:q', 'j');
  await client.hset('rq:job:j', { status: 'failed', ended_at: '2026-01-01T00:00:01.500000Z' });
  await client.zadd('rq:failed:q', Date.now() / 1_000 + 60, 'j');
  const watching = new TransitionWatch(redis, ['q']);
  await watching.look();
  expect(await look()).toEqual(['failed q j']);
  await client.zrem('rq:failed:q', 'j');
  await client.rpush('rq:queue:q', 'j');
  await client.hset('rq:job:j', { status: 'queued' });
  expect(await watching.look()).toMatchObject([{ event: 'requeued', id: 'j', worker: null, seconds: null }]);
});

it('tells when, by whom and for how long', async () => {
  const watching = new TransitionWatch(redis, ['q']);
  await watching.look();
  const endedMs = Date.now();
  const date = (ms: number): string => formatDate(endedMs + ms);
  await client.hset('rq:job:j', {
    ...{ status: 'finished', origin: 'q', worker_name: 'py', started_at: date(-1_500), ended_at: date(0) },
  });
  await client.zadd('rq:finished:q', Date.now() / 1_000 + 500, 'j');
  const expected = { event: 'finished', id: 'j', queue: 'q', timeMs: endedMs, worker: 'py', seconds: 1.5 };
  expect(await watching.look()).toEqual([expected]);
  // It ran again meanwhile: the entry is another one.
  await client.hset('rq:job:j', { ended_at: date(7_500) });
  await client.zadd('rq:finished:q', Date.now() / 1_000 + 600, 'j');
  expect(await watching.look()).toMatchObject([{ event: 'finished', seconds: 9 }]);
});

it('does not take for new what was there before and has only come into sight', async () => {
  const old = '2026-01-01T00:00:00.000000Z';
  const pipeline = client.pipeline();
  for (let i = 0; i < 300; i += 1) {
    pipeline
      .hset(`rq:job:f${i}`, { status: 'failed', origin: 'q', ended_at: old })
      .zadd('rq:failed:q', 1e10 + i, `f${i}`);
    pipeline.hset(`rq:job:w${i}`, { status: 'queued', origin: 'q', enqueued_at: old }).rpush('rq:queue:q', `w${i}`);
  }
  await pipeline.exec();
  const look = await watch(['q']);
  await client.lpop('rq:queue:q', 20);
  await client.zremrangebyrank('rq:failed:q', -50, -1);
  await put(redis, 'a.b', [], { id: 'new', queue: 'q' });
  expect(await look()).toEqual(['queued q new']);
});

it('asks for little however much there is, and goes on past keys that are none of RQ', async () => {
  const look = await watch(['q', 'bad']);
  await client.set('rq:queue:bad', 'x');
  const pipeline = client.pipeline();
  for (let i = 0; i < 3_000; i += 1) {
    pipeline.hset(`rq:job:j${i}`, { status: 'queued', origin: 'q' }).rpush('rq:queue:q', `j${i}`);
  }
  await pipeline.exec();
  await client.config('RESETSTAT');
  const seen = await look();
  expect(seen).toContain('queued q j2999');
  expect(seen.length).toBeLessThanOrEqual(110);
  expect(Number(/^cmdstat_hmget:calls=(\d+)/m.exec(await client.info('commandstats'))?.[1])).toBeLessThanOrEqual(110);
});

import { beforeEach, expect, it } from 'vitest';
import type { NewJob } from '../../../src/queue/enqueue.js';
import { freshRedis, type FreshRedis } from '../../support/fresh-redis.js';
import { oneWorker } from '../../support/one-worker.js';
import { placesOf, put, statusOf } from '../../support/rq.js';

let fresh: FreshRedis;
freshRedis((given) => {
  fresh = given;
});
const worker = oneWorker();
beforeEach(() => worker.register(fresh.client));

const repeating = (repeat: NewJob['repeat'], more: Partial<NewJob> = {}): Promise<string> =>
  put(fresh.redis, 'a.b', [], { queue: 'q', ...more, ...(repeat ? { repeat } : {}) });
const succeed = async (resultTtlSeconds = 500): Promise<unknown> => {
  const run = worker.ended(await worker.take(fresh.redis), { kind: 'finished', resultTtlSeconds });
  return (await worker.end(fresh.redis, run))[0];
};
/** What the scheduler does when the time has come. */
const due = async (id: string): Promise<void> => {
  expect(await fresh.client.zrem('rq:scheduled:q', id)).toBe(1);
  await fresh.client.hset(`rq:job:${id}`, 'status', 'queued');
  await fresh.client.rpush('rq:queue:q', id);
};

it('a job that is repeated waits for each run, and expires after the last', async () => {
  const id = await repeating({ times: 3, interval: [60, 90] });
  expect(await succeed()).toEqual({ state: 'finished', repeat: { inSeconds: 90, repeatsLeft: 2 } });
  expect(await statusOf(fresh.client, id)).toBe('scheduled');
  expect(await placesOf(fresh.client, id, 'q')).toEqual(['finished', 'scheduled']);
  expect(await fresh.client.ttl(`rq:job:${id}`)).toBe(-1);
  await due(id);
  expect(await succeed()).toEqual({ state: 'finished', repeat: { inSeconds: 90, repeatsLeft: 1 } });
  await due(id);
  expect(await succeed()).toEqual({ state: 'finished', repeat: { inSeconds: 60, repeatsLeft: 0 } });
  await due(id);
  expect(await succeed()).toEqual({ state: 'finished' });
  expect(await placesOf(fresh.client, id, 'q')).toEqual(['finished']);
  expect(await fresh.client.ttl(`rq:job:${id}`)).toBeGreaterThan(490);
  expect(await fresh.client.xlen(`rq:results:${id}`)).toBe(4);
});

it('is put back once when its end is recorded twice', async () => {
  const id = await repeating({ times: 5 });
  const run = worker.ended(await worker.take(fresh.redis), { kind: 'finished' });
  expect(await worker.end(fresh.redis, run)).toMatchObject([{ state: 'finished', repeat: { repeatsLeft: 4 } }]);
  expect(await worker.end(fresh.redis, run)).toEqual([{ state: 'repeated' }]);
  expect(await fresh.client.lrange('rq:queue:q', '0', '-1')).toEqual([id]);
  expect(await fresh.client.hget(`rq:job:${id}`, 'repeats_left')).toBe('4');
});

it('is not repeated when it fails, is retried first, and is given up when it is canceled while it runs', async () => {
  const fails = await repeating({ times: 1 });
  await worker.end(fresh.redis, worker.ended(await worker.take(fresh.redis)));
  expect(await placesOf(fresh.client, fails, 'q')).toEqual(['failed']);
  const retried = await repeating({ times: 1 }, { retry: { max: 1 } });
  await worker.end(fresh.redis, worker.ended(await worker.take(fresh.redis)));
  expect(await succeed()).toMatchObject({ state: 'finished', repeat: { repeatsLeft: 0 } });
  await succeed();
  expect(await placesOf(fresh.client, retried, 'q')).toEqual(['finished']);
  const canceled = await repeating({ times: 1 });
  const job = await worker.take(fresh.redis);
  await fresh.client.hset(`rq:job:${canceled}`, 'status', 'canceled');
  expect(await worker.end(fresh.redis, worker.ended(job, { kind: 'finished' }))).toMatchObject([{ state: 'lost' }]);
  expect(await fresh.client.llen('rq:queue:q')).toBe(0);
});

it('releases its dependents with its first success', async () => {
  const id = await repeating({ times: 1, interval: 60 });
  const child = await repeating(undefined, { dependsOn: id });
  await succeed();
  expect(await placesOf(fresh.client, child, 'q')).toEqual(['rq:queue:q']);
});

it('whose result is not kept is repeated all the same, and leaves nothing at the end', async () => {
  const id = await repeating({ times: 1 });
  expect(await succeed(0)).toMatchObject({ repeat: { inSeconds: 0, repeatsLeft: 0 } });
  expect(await fresh.client.exists(`rq:results:${id}`)).toBe(0);
  await succeed(0);
  expect(await fresh.client.keys(`*${id}*`)).toEqual([`rq:tsrq:enqueued:${id}`]);
});

it('of a queue whose key is no list stays finished', async () => {
  const id = await repeating({ times: 1 });
  const job = await worker.take(fresh.redis);
  await fresh.client.set('rq:queue:q', 'no list');
  expect(await worker.end(fresh.redis, worker.ended(job, { kind: 'finished' }))).toEqual([{ state: 'finished' }]);
  expect(await fresh.client.ttl(`rq:job:${id}`)).toBeGreaterThan(0);
});

it('of broken intervals is repeated at once', async () => {
  const id = await repeating({ times: 1 });
  await fresh.client.hset(`rq:job:${id}`, 'repeat_intervals', 'broken');
  expect(await succeed()).toMatchObject({ repeat: { inSeconds: 0 } });
});

it.each([
  [{ times: 0 }, 'number of repeats'],
  [{ times: 1, interval: [1, -1] }, 'repeat interval'],
])('%j is refused', async (repeat, message) => {
  await expect(repeating(repeat)).rejects.toThrow(message);
});

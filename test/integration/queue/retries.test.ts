import { beforeEach, describe, expect, it } from 'vitest';
import { deflateText } from '../../../src/protocol/payload.js';
import type { AskedRetry } from '../../../src/queue/finish.js';
import { fetchJob } from '../../../src/queue/job-store.js';
import { requeueIds } from '../../../src/queue/requeue.js';
import { freshRedis, type FreshRedis } from '../../support/fresh-redis.js';
import { oneWorker } from '../../support/one-worker.js';
import { placesOf, put } from '../../support/rq.js';

let fresh: FreshRedis;
freshRedis((given) => {
  fresh = given;
});
const worker = oneWorker();
beforeEach(() => worker.register(fresh.client));

const failing = (text: string) => ({ value: deflateText(text) });
const asking = (max: number, intervals: readonly number[]): { retry: AskedRetry } => {
  return { retry: { max, intervals, value: Buffer.from('"r"') } };
};
const typesOf = async (id: string): Promise<string[]> => {
  const entries = (await fresh.client.call('XRANGE', `rq:results:${id}`, '-', '+')) as [string, string[]][];
  return entries.map(([, fields]) => fields[fields.indexOf('type') + 1] ?? '');
};

describe('a job that is retried', () => {
  it('keeps the errors of its last five attempts, oldest first', async () => {
    const id = await put(fresh.redis, 'a.b', [], { queue: 'q', retry: { max: 7 } });
    for (let i = 1; i <= 7; i += 1) {
      const run = worker.ended(await worker.take(fresh.redis), failing(`error ${i}`));
      expect(await worker.end(fresh.redis, run)).toEqual([{ state: 'retried', inSeconds: 0, retriesLeft: 7 - i }]);
    }
    const job = await fetchJob(fresh.redis, id);
    expect(job?.retryErrors.map(({ error }) => error)).toEqual([3, 4, 5, 6, 7].map((i) => `error ${i}`));
    expect(job?.retryErrors[0]).toMatchObject({ workerName: 'w' });
  });

  it('keeps the beginning of a huge error', async () => {
    const id = await put(fresh.redis, 'a.b', [], { queue: 'q', retry: { max: 1 } });
    const huge = `first line\n${Array.from({ length: 20_000 }, (_, i) => (i * 7_919) % 10_007).join(' ')}`;
    await worker.end(fresh.redis, worker.ended(await worker.take(fresh.redis), failing(huge)));
    const [kept] = (await fetchJob(fresh.redis, id))?.retryErrors ?? [];
    expect(kept?.error.length).toBeGreaterThan(1_000);
    expect(huge.startsWith(kept?.error ?? '-')).toBe(true);
    expect(await fresh.client.hstrlen(`rq:job:${id}`, 'retry_error_1')).toBeLessThan(9_000);
  });

  it('goes to the head of its queue if it is to', async () => {
    const first = await put(fresh.redis, 'a.b', [], { queue: 'q', retry: { max: 1, enqueueAtFront: true } });
    const second = await put(fresh.redis, 'a.b', [], { queue: 'q' });
    await worker.end(fresh.redis, worker.ended(await worker.take(fresh.redis)));
    expect(await fresh.client.lrange('rq:queue:q', '0', '-1')).toEqual([first, second]);
  });

  it('waits in its queue no longer than its ttl, and in the schedule as long as it must', async () => {
    const retry = { max: 2, intervals: [0, 600] };
    const id = await put(fresh.redis, 'a.b', [], { queue: 'q', ttlSeconds: 60, retry });
    await worker.end(fresh.redis, worker.ended(await worker.take(fresh.redis)));
    expect(await fresh.client.ttl(`rq:job:${id}`)).toBeGreaterThan(0);
    await worker.end(fresh.redis, worker.ended(await worker.take(fresh.redis)));
    expect(await placesOf(fresh.client, id, 'q')).toEqual(['scheduled']);
    expect(await fresh.client.ttl(`rq:job:${id}`)).toBe(-1);
  });
});

describe('a job that asks for another attempt', () => {
  it('waits the interval of its attempt, the last of which repeats, and fails when it has had all', async () => {
    const id = await put(fresh.redis, 'a.b', [], { queue: 'q' });
    const waits: unknown[] = [];
    for (let i = 0; i < 4; i += 1) {
      const run = worker.ended(await worker.take(fresh.redis), asking(3, [0, 7]));
      waits.push(...(await worker.end(fresh.redis, run)));
      if ((await fresh.client.zrem('rq:scheduled:q', id)) === 1) {
        await fresh.client.hset(`rq:job:${id}`, 'status', 'queued');
        await fresh.client.rpush('rq:queue:q', id);
      }
    }
    expect(waits).toEqual([
      { state: 'retried', inSeconds: 0, retriesLeft: 2 },
      { state: 'retried', inSeconds: 7, retriesLeft: 1 },
      { state: 'retried', inSeconds: 7, retriesLeft: 0 },
      { state: 'failed' },
    ]);
    expect(await typesOf(id)).toEqual(['4', '4', '4', '5']);
    expect(await placesOf(fresh.client, id, 'q')).toEqual(['failed']);
    expect(await fresh.client.hget(`rq:job:${id}`, 'number_of_retries')).toBe('3');
  });

  it.each([
    [false, 'retried'],
    [true, 'failed'],
  ])('may ask for all of them again after a requeue, unless that keeps retries (%s)', async (keepRetries, state) => {
    const id = await put(fresh.redis, 'a.b', [], { queue: 'q' });
    for (let i = 0; i < 2; i += 1)
      await worker.end(fresh.redis, worker.ended(await worker.take(fresh.redis), asking(1, [0])));
    expect(await placesOf(fresh.client, id, 'q')).toEqual(['failed']);
    await requeueIds(fresh.redis, [id], { keepRetries });
    const run = worker.ended(await worker.take(fresh.redis), asking(1, [0]));
    expect(await worker.end(fresh.redis, run)).toMatchObject([{ state }]);
  });

  it('is put back once when its end is recorded twice, and why it asked stays with it', async () => {
    const id = await put(fresh.redis, 'a.b', [], { queue: 'q' });
    const run = worker.ended(await worker.take(fresh.redis), { ...asking(3, [0]), ...failing('not yet') });
    expect(await worker.end(fresh.redis, run)).toMatchObject([{ state: 'retried' }]);
    expect(await worker.end(fresh.redis, run)).toEqual([{ state: 'repeated' }]);
    expect(await placesOf(fresh.client, id, 'q')).toEqual(['rq:queue:q']);
    expect(await typesOf(id)).toEqual(['4']);
    expect((await fetchJob(fresh.redis, id))?.retryErrors).toMatchObject([{ error: 'not yet' }]);
  });

  it('leaves nothing of its attempts when its result is not kept', async () => {
    const id = await put(fresh.redis, 'a.b', [], { queue: 'q', resultTtlSeconds: 0 });
    await worker.end(fresh.redis, worker.ended(await worker.take(fresh.redis), asking(1, [0])));
    expect(await typesOf(id)).toEqual(['4']);
    const run = worker.ended(await worker.take(fresh.redis), { kind: 'finished', resultTtlSeconds: 0 });
    await worker.end(fresh.redis, run);
    expect(await fresh.client.exists(`rq:results:${id}`, `rq:job:${id}`)).toBe(0);
  });
});

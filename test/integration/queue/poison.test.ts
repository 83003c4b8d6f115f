import { beforeEach, describe, expect, it } from 'vitest';
import { empty } from '../../../src/queue/empty.js';
import { enqueue } from '../../../src/queue/enqueue.js';
import type { NewJob } from '../../../src/queue/new-job.js';
import { prepare } from '../../../src/queue/prepare.js';
import { fieldsOf } from '../../../src/queue/store.js';
import { returned } from '../../../src/queue/finish.js';
import { heartbeat } from '../../../src/queue/heartbeat.js';
import { releaseRest } from '../../../src/queue/release.js';
import { requeueIds } from '../../../src/queue/requeue.js';
import { holdSchedulerLocks, moveDue } from '../../../src/queue/schedule.js';
import { rescueStranded } from '../../../src/queue/stranded.js';
import { script } from '../../../src/redis/scripts.js';
import { freshRedis, type FreshRedis } from '../../support/fresh-redis.js';
import { oneWorker } from '../../support/one-worker.js';
import { placesOf, put, statusOf } from '../../support/rq.js';

let { client, redis } = {} as FreshRedis;
freshRedis((fresh) => ({ client, redis } = fresh));
const worker = oneWorker();
beforeEach(() => worker.register(client));

const rateLimit = { key: 'k', concurrency: 1 };
const add = (id: string, more: Partial<NewJob> = {}): Promise<string> =>
  put(redis, 'a.b', [], { queue: 'q', id, ...more });

describe.each(['rq:rl-keys', 'rq:rl:k', 'rq:rl:k:allowed', 'rq:rl:k:rate_limited'])('beside a broken %s', (key) => {
  const poison = async (): Promise<void> => {
    await client.del(key);
    await client.call(
      ...((key.endsWith('allowed') ? ['HSET', key, 'a', '1'] : ['SET', key, 'x']) as [string, ...string[]]),
    );
  };

  it('a job of a rate limit is refused whole', async () => {
    await poison();
    await expect(add('one', { rateLimit })).rejects.toThrow('WRONGTYPE');
    expect(await client.exists('rq:job:one')).toBe(0);
  });

  it('one that waits for another goes on waiting, and the end of that is recorded', async () => {
    await add('parent');
    await add('child', { rateLimit, dependsOn: 'parent' });
    await poison();
    const run = worker.ended(await worker.take(redis), { kind: 'finished' });
    expect(await worker.end(redis, run)).toEqual([{ state: 'finished' }]);
    expect(await placesOf(client, 'child', 'q')).toEqual(['deferred']);
    await client.del(key);
  });

  it('one that is due stays scheduled, one that has failed stays failed', async () => {
    await add('late', { rateLimit, scheduleAt: new Date(1_000) });
    await add('failed', { rateLimit });
    await worker.end(redis, worker.ended(await worker.take(redis)));
    await poison();
    await client.set('rq:scheduler-lock:q', 'me');
    expect(await moveDue(redis, 'q', 'me')).toBe(0);
    expect(await placesOf(client, 'late', 'q')).toEqual(['scheduled']);
    expect(await statusOf(client, 'late')).toBe('scheduled');
    expect(await requeueIds(redis, ['failed'])).toMatchObject([{ requeued: false }]);
    expect(await placesOf(client, 'failed', 'q')).toEqual(['failed']);
    expect(await statusOf(client, 'failed')).toBe('failed');
  });
});

describe('a rate limit', () => {
  it('cannot have the name of another one’s jobs', async () => {
    await expect(add('one', { rateLimit: { key: 'k:allowed', concurrency: 1 } })).rejects.toThrow('cannot end as');
  });

  it('keeps its slot for a job that is repeated at once', async () => {
    await add('one', { rateLimit, repeat: { times: 1 } });
    await add('two', { rateLimit });
    const end = async (): Promise<unknown> =>
      worker.end(redis, worker.ended(await worker.take(redis), { kind: 'finished' }));
    await end();
    expect([await statusOf(client, 'one'), await statusOf(client, 'two')]).toEqual(['queued', 'rate_limited']);
    await end();
    expect([await statusOf(client, 'one'), await statusOf(client, 'two')]).toEqual(['finished', 'queued']);
  });

  it('gives on the slot of a job that is emptied away or replaced', async () => {
    await add('a', { rateLimit, queue: 'other' });
    await add('b', { rateLimit });
    await add('c', { rateLimit });
    await empty(redis, 'other');
    expect([await statusOf(client, 'b'), await statusOf(client, 'c')]).toEqual(['queued', 'rate_limited']);
    await add('b', { onExistingId: 'replace' });
    expect([await statusOf(client, 'b'), await statusOf(client, 'c')]).toEqual(['queued', 'queued']);
  });
});

it.each(['rq:job:bad', 'rq:executions:bad', 'rq:execution'])(
  'a broken %s of one job ends no other lease',
  async (key) => {
    await add('bad');
    await add('good');
    const runs = [await worker.take(redis), await worker.take(redis)];
    const own = key === 'rq:execution' ? `rq:execution:bad:${runs[0]?.executionId}` : key;
    await client.del(own);
    await client.rpush(own, 'x');
    for (const run of runs) await client.zadd('rq:wip:q', '1', `${run.id}:${run.executionId}`);
    const running = runs.map((run) => ({ ...run, timeoutSeconds: 180 }));
    const beaten = await heartbeat(redis, worker.stamp, running, { state: '', workingSeconds: 1 });
    expect(beaten).toEqual({ state: 'ok', lost: [] });
    expect(await client.zcount('rq:wip:q', '2', '+inf')).toBe(2);
    expect(await client.ttl('rq:worker:w')).toBeGreaterThan(0);
  },
);

it('a job with a ttl that was claimed and not begun has it again on its queue', async () => {
  await add('one', { ttlSeconds: 100 });
  const job = await worker.take(redis);
  expect(await client.ttl('rq:job:one')).toBe(-1);
  expect(await worker.end(redis, ...returned([job]))).toEqual([{ state: 'returned' }]);
  expect(await client.ttl('rq:job:one')).toBeGreaterThan(90);
});

it('ids are stranded together, however many: each is seen at the first look', async () => {
  const ids = Array.from({ length: 450 }, (_, i) => `j${i}`);
  await Promise.all(ids.map((id) => add(id)));
  for (const id of ids) await client.lmove('rq:queue:q', 'rq:queue:q:intermediate', 'LEFT', 'RIGHT').then(() => id);
  expect((await rescueStranded(redis, 'q')).back).toEqual([]);
  expect((await rescueStranded(redis, 'q', 0)).back).toHaveLength(450);
  expect(await client.llen('rq:queue:q')).toBe(450);
});

it('an id without a job stays scheduled for a minute: Python lists a job first and stores it then', async () => {
  const now = Math.floor(Date.now() / 1_000);
  await client.zadd('rq:scheduled:q', now - 5, 'comes', now - 100, 'gone');
  await client.set('rq:scheduler-lock:q', 'me');
  expect(await moveDue(redis, 'q', 'me')).toBe(0);
  expect(await client.zrange('rq:scheduled:q', '0', '-1')).toEqual(['comes']);
});

it('a moment before the epoch is over', async () => {
  await add('old', { scheduleAt: new Date(-5_000) });
  await client.set('rq:scheduler-lock:q', 'me');
  expect(await moveDue(redis, 'q', 'me')).toBe(1);
});

it('the locks of many queues are held in portions, and shown together', async () => {
  const queues = Array.from({ length: 450 }, (_, i) => `q${i}`);
  const birth = { name: 'a'.repeat(32), hostname: 'h', pid: 1, createdAt: '' };
  expect(await holdSchedulerLocks(redis, birth, queues)).toEqual(queues);
  expect((await client.hget(`rq:scheduler:${birth.name}`, 'queues'))?.split(',')).toEqual(queues);
});

it('an enqueue that is repeated is told also when its job has run and is gone', async () => {
  const prepared = prepare({ functionName: 'a.b', queue: 'q', resultTtlSeconds: 1 }, Date.now());
  const args = [prepared.id, ...prepared.head, ...fieldsOf(prepared).flat()];
  const store = (): Promise<unknown> => redis.evaluate(script('enqueue'), [], args);
  await store();
  const run = worker.ended(await worker.take(redis), { kind: 'finished', resultTtlSeconds: 1 });
  await worker.end(redis, run);
  await client.del(`rq:job:${prepared.id}`);
  expect(String(await store())).toBe('repeated');
  expect(await client.llen('rq:queue:q')).toBe(0);
});

it('a requeue that is repeated is told also when the job runs already', async () => {
  await add('one');
  await worker.end(redis, worker.ended(await worker.take(redis)));
  const args = ['2026-01-01T00:00:00.000000Z', 0, 0, 'q', 'one'];
  const first = await redis.evaluate(script('requeue'), [], args);
  await worker.take(redis);
  const second = await redis.evaluate(script('requeue'), [], args);
  expect([String(first), String(second)]).toEqual(['requeued,q', 'repeated']);
});

it('one call releases a hundred dependents, of however many jobs; the rest is released by the next ones', async () => {
  const parents = ['p1', 'p2', 'p3'];
  for (const parent of parents) await add(parent);
  for (const parent of parents)
    await Promise.all(
      Array.from({ length: 80 }, () => enqueue(redis, { functionName: 'a.b', queue: 'children', dependsOn: parent })),
    );
  const runs = [];
  for (const parent of parents) runs.push(worker.ended(await worker.take(redis), { kind: 'finished', id: parent }));
  await worker.end(redis, ...runs);
  expect(await client.llen('rq:queue:children')).toBe(100);
  await releaseRest(redis);
  expect(await client.llen('rq:queue:children')).toBe(240);
  expect(await client.zcard('rq:deferred:children')).toBe(0);
});

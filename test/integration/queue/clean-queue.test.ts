import { describe, expect, it } from 'vitest';
import { cleanGone } from '../../../src/queue/clean-gone.js';
import { cleanQueue } from '../../../src/queue/clean-queue.js';
import { script } from '../../../src/redis/scripts.js';
import type { Redis } from '../../../src/redis/redis.js';
import { freshRedis, type FreshRedis } from '../../support/fresh-redis.js';
import { interposed } from '../../support/interposed.js';
import { put, statusOf } from '../../support/rq.js';

let { client, redis } = {} as FreshRedis;
freshRedis((fresh) => ({ client, redis } = fresh));

/** A Redis that says of itself that it was started so long ago. */
const startedAgo = (uptime: number): Redis =>
  interposed(redis, ([name]) => (name === 'INFO' ? Promise.resolve(`uptime_in_seconds:${uptime}\r\n`) : null));
const settled = (): Redis => startedAgo(3_600);
const seconds = (): number => Math.floor(Date.now() / 1_000);

async function executionOf(id: string, leaseEnd: number): Promise<void> {
  await client.lrem('rq:queue:q', 0, id);
  await client.hset(`rq:job:${id}`, 'status', 'started');
  await client.zadd('rq:wip:q', String(leaseEnd), `${id}:e1`);
}

/** Something of everything there is to clean, and of everything there is not. */
async function litter(): Promise<void> {
  for (const id of ['again', 'dead', 'alive', 'stranded', 'fresh', 'waits', 'later'])
    await put(redis, 'a.b', [], { id, queue: 'q' });
  await client.hset('rq:job:again', 'retries_left', '1');
  await executionOf('again', 1);
  await executionOf('dead', 1);
  await executionOf('alive', seconds() + 60);
  for (const id of ['stranded', 'fresh']) {
    await client.lrem('rq:queue:q', 0, id);
    await client.rpush('rq:queue:q:intermediate', id);
  }
  await client.set('rq:queue:q:intermediate:first_seen:stranded', String(seconds() - 100));
  await client.zadd('rq:finished:q', '5', 'over', '+inf', 'gone-1');
  await client.zadd('rq:failed:q', '-1', 'gone-2');
  await client.zadd('rq:canceled:q', '5', 'gone-3');
  await client.zadd('rq:deferred:q', '5', 'gone-4', '6', 'waits');
  await client.zadd('rq:scheduled:q', '5', 'gone-5', '6', 'later');
  await client.sadd('rq:workers:q', 'rq:worker:ghost', 'rq:worker:lives');
  await client.hset('rq:worker:lives', 'birth', 'now');
}

const FOUND = { abandoned: 2, stranded: 1, waiting: 1, expired: 1, gone: 5, workers: ['ghost'] };

describe('cleanQueue', () => {
  it('retries or fails the jobs of the dead, puts back what is stranded, drops what leads to nothing, and nothing else', async () => {
    await litter();
    expect(await cleanQueue(settled(), 'q')).toEqual({ ...FOUND, retried: 1, failed: 1, putBack: 1 });
    expect(await statusOf(client, 'dead')).toBe('failed');
    expect(await client.lrange('rq:queue:q', '0', '-1')).toEqual(['stranded', 'waits', 'later', 'again']);
    expect(await client.zrange('rq:wip:q', '0', '-1')).toEqual(['alive:e1']);
    expect(await client.lrange('rq:queue:q:intermediate', '0', '-1')).toEqual(['fresh']);
    expect(await client.zrange('rq:finished:q', '0', '-1')).toEqual([]);
    expect(await client.zrange('rq:failed:q', '0', '-1')).toEqual(['dead']);
    expect(await client.zrange('rq:canceled:q', '0', '-1')).toEqual([]);
    expect(await client.zrange('rq:deferred:q', '0', '-1')).toEqual(['waits']);
    expect(await client.zrange('rq:scheduled:q', '0', '-1')).toEqual(['later']);
    expect(await client.smembers('rq:workers:q')).toEqual(['rq:worker:lives']);
    const nothing = { abandoned: 0, retried: 0, failed: 0, stranded: 0, putBack: 0, expired: 0, gone: 0, workers: [] };
    expect(await cleanQueue(settled(), 'q')).toEqual({ ...nothing, waiting: 1 });
  });

  it('counts the same without changing anything', async () => {
    await litter();
    const before = await client.call('DEBUG', 'DIGEST');
    expect(await cleanQueue(settled(), 'q', { dryRun: true })).toEqual({ ...FOUND, retried: 0, failed: 0, putBack: 0 });
    expect(await client.call('DEBUG', 'DIGEST')).toBe(before);
  });

  it('ends no execution shortly after Redis was started, and does the rest', async () => {
    await litter();
    expect(await cleanQueue(startedAgo(3), 'q')).toMatchObject({ abandoned: null, failed: 0, gone: 5 });
    expect(await statusOf(client, 'dead')).toBe('started');
  });

  it('does not wait for the lock of a cleaning worker, and leaves it alone', async () => {
    await litter();
    await client.set('rq:clean_registries:q', '1', 'EX', 899);
    expect(await cleanQueue(settled(), 'q')).toMatchObject({ expired: 1 });
    expect(await client.get('rq:clean_registries:q')).toBe('1');
  });

  it('does nothing once it is interrupted', async () => {
    await litter();
    const before = await client.call('DEBUG', 'DIGEST');
    await cleanQueue(settled(), 'q', { signal: AbortSignal.abort('SIGINT') });
    expect(await client.call('DEBUG', 'DIGEST')).toBe(before);
  });
});

describe('cleanGone', () => {
  it('finds every entry without a job in bounded steps, wherever it stands', async () => {
    const ids = Array.from({ length: 1_700 }, (_, i) => `j${i}`);
    for (const [i, id] of ids.entries()) {
      await client.zadd('rq:canceled:q', String(i), id);
      if (i % 3 === 0) await client.hset(`rq:job:${id}`, 'status', 'canceled');
    }
    const progress: number[] = [];
    const onProgress = (done: number) => progress.push(done);
    expect(await cleanGone(redis, 'canceled', 'q', { dryRun: true })).toBe(1_133);
    expect(await cleanGone(redis, 'canceled', 'q', { onProgress })).toBe(1_133);
    expect(progress).toEqual([500, 1_000, 1_500, 1_700]);
    expect(await client.zrange('rq:canceled:q', '0', '-1')).toEqual(ids.filter((_, i) => i % 3 === 0));
  });

  it('drops no entry whose job has come back meanwhile, and may be repeated', async () => {
    await client.zadd('rq:canceled:q', '1', 'a', '2', 'b');
    await client.hset('rq:job:a', 'status', 'canceled');
    const step = () => redis.evaluate(script('clean_gone'), [], ['canceled', 'q', 0, 500, 0]);
    expect([await step(), await step()]).toEqual([
      [2, 1],
      [1, 0],
    ]);
    expect(await client.zrange('rq:canceled:q', '0', '-1')).toEqual(['a']);
  });
});

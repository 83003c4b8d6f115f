import type { Redis as IoRedis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import type { JobTab } from '../../src/cli/top/source.js';
import { Top } from '../../src/cli/top/app.js';
import { renderTop } from '../../src/cli/render/top.js';
import { Overview } from '../../src/info/overview.js';
import { readJobPage } from '../../src/info/job-page.js';
import type { LiveScreen } from '../../src/cli/screen.js';
import type { Redis } from '../../src/redis/redis.js';
import { commandsRun } from '../support/commands-run.js';
import { freshRedis } from '../support/fresh-redis.js';
import { put } from '../support/rq.js';

let client: IoRedis;
let redis: Redis;
freshRedis((fresh) => ({ client, redis } = fresh));

const FAR = 4_000_000_000;

async function fill(queues: number, workers: number, failed: number): Promise<void> {
  for (let i = 0; i < queues; i += 1) await client.sadd('rq:queues', `rq:queue:q${String(i).padStart(4, '0')}`);
  const some = client.pipeline();
  for (let i = 0; i < workers; i += 1) {
    const key = `rq:worker:w${String(i).padStart(4, '0')}`;
    some.sadd('rq:workers', key).hset(key, { state: 'idle', queues: 'q0000', successful_job_count: '1' });
    some.sadd('rq:workers:q0000', key);
  }
  for (let i = 0; i < failed; i += 1) {
    some.zadd('rq:failed:q0500', FAR + i, `job-${i}`);
    if (i % 5_000 === 0) await some.exec();
  }
  await some.exec();
}

const still: LiveScreen = { paint: () => undefined, refresh: () => undefined, close: () => undefined };

async function perLook(tab: 'queues' | 'workers' | JobTab, rows = 24): Promise<number> {
  const place = { name: 'default', connect: () => Promise.resolve(redis) };
  const draw = (top: Top, columns: number, lines: number): string[] => renderTop(top, columns, lines, false);
  const top = new Top({ places: [place], seconds: 1, tab, rows, draw });
  await top.refresh(still);
  top.draw(80, rows - 1);
  await top.refresh(still);
  const before = await commandsRun(client);
  for (let look = 0; look < 5; look += 1) await top.refresh(still);
  return ((await commandsRun(client)) - before) / 5;
}

describe('what a look costs', () => {
  it('does not depend on how many queues, workers and failed jobs there are', { timeout: 120_000 }, async () => {
    await fill(1_000, 1_000, 100_000);
    const large = {
      queues: await perLook('queues'),
      workers: await perLook('workers'),
      failed: await perLook('failed'),
      tall: await perLook('failed', 50),
    };
    await client.flushall();
    await fill(600, 200, 200);
    // What is visible, and twenty queues and workers in turn; a head of a queue is one more command, a job five at most.
    expect({
      queues: await perLook('queues'),
      workers: await perLook('workers'),
      failed: await perLook('failed'),
      tall: await perLook('failed', 50),
    }).toEqual(large);
    const [turn, row] = [5 + 20 * 9 + 20, 24 - 8];
    expect(large.queues).toBeLessThanOrEqual(turn + row * 9);
    expect(large.workers).toBeLessThanOrEqual(turn + row);
    expect(large.failed).toBeLessThanOrEqual(turn + 1 + row * 5);
  });
});

describe('an overview', () => {
  it('has counted every queue and seen every worker after the first look, and goes on in turn', async () => {
    await fill(300, 300, 3);
    const overview = new Overview(redis);
    await overview.look({ queues: [], workers: [] });
    expect([overview.queues.length, overview.counts.size]).toEqual([300, 300]);
    expect([overview.workers.length, overview.seen.size]).toEqual([300, 300]);
    await client.rpush('rq:queue:q0299', 'a', 'b');
    let looks = 0;
    while (overview.total('queued') === 0 && looks < 50) {
      await overview.look({ queues: [], workers: [] });
      looks += 1;
    }
    expect([overview.total('queued'), looks]).toEqual([2, 14]);
    await overview.look({ queues: [], workers: [] });
    await client.rpush('rq:queue:q0299', 'c');
    await overview.look({ queues: ['q0299'], workers: [] });
    expect(overview.total('queued')).toBe(3);
  });

  it('forgets queues and workers that are gone, tells a bad key in its row, and what is suspended and paused', async () => {
    await fill(2, 2, 0);
    await client.set('rq:queue:q0001', 'a text');
    const overview = new Overview(redis);
    await overview.look({ queues: [], workers: [] });
    expect(overview.counts.get('q0001')?.error).toBe('key rq:queue:q0001 holds no list');
    expect([overview.suspended, overview.isPaused('q0000')]).toEqual([false, false]);
    await client.del('rq:queues', 'rq:workers');
    await client.sadd('rq:queues', 'rq:queue:q0000');
    await client.set('rq:suspended', '1');
    await client.zadd('rq:tsrq:paused', '+inf', 'q0000');
    await overview.look({ queues: ['q0001'], workers: ['w0000'] });
    expect([[...overview.counts.keys()], overview.seen.size]).toEqual([['q0000'], 0]);
    expect([overview.suspended, overview.isPaused('q0000')]).toEqual([true, true]);
  });

  it('counts what has ended and failed between two looks by the counters of the workers', async () => {
    await fill(1, 2, 0);
    const overview = new Overview(redis);
    await overview.look({ queues: [], workers: [] });
    await client.hincrby('rq:worker:w0000', 'successful_job_count', 6);
    await client.hincrby('rq:worker:w0001', 'failed_job_count', 2);
    await overview.look({ queues: [], workers: [] });
    const [first, second] = overview.history;
    expect(first).toEqual({ ended: 0, failed: 0, waiting: 0 });
    // 8 and 2 in the same time.
    expect((second?.ended ?? 0) / (second?.failed ?? 1)).toBeCloseTo(4, 6);
  });

  it('tells how long the job at the head of a queue has waited', async () => {
    const id = await put(redis, 'a.b', [], { queue: 'mail' });
    await client.hset(`rq:job:${id}`, 'enqueued_at', '2020-01-01T00:00:00.000000Z');
    const overview = new Overview(redis);
    await overview.look({ queues: [], workers: [] });
    expect(overview.history.at(-1)?.waiting).toBeGreaterThan(86_400 * 365);
  });
});

describe('a page of jobs', () => {
  it('goes from queue to queue, newest first; scheduled jobs begin with the one that is due first', async () => {
    for (const [queue, ids] of [
      ['a', ['1', '2', '3']],
      ['b', ['4', '5']],
    ] as const) {
      for (const id of ids) {
        await client.hset(`rq:job:${id}`, { status: 'failed', origin: queue });
        await client.zadd(`rq:failed:${queue}`, FAR + Number(id), id);
        await client.zadd(`rq:scheduled:${queue}`, FAR + Number(id), id);
      }
    }
    const sizes = [
      ['a', 3],
      ['b', 2],
    ] as const;
    const page = async (state: 'failed' | 'scheduled', from: number, count: number): Promise<string[]> =>
      (await readJobPage(redis, state, sizes, { from, count })).map(({ id }) => id);
    expect(await page('failed', 0, 5)).toEqual(['3', '2', '1', '5', '4']);
    expect(await page('failed', 1, 3)).toEqual(['2', '1', '5']);
    expect(await page('failed', 3, 9)).toEqual(['5', '4']);
    expect(await page('failed', 5, 9)).toEqual([]);
    expect(await page('scheduled', 0, 4)).toEqual(['1', '2', '3', '4']);
  });
});

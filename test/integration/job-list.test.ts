import { describe, expect, it } from 'vitest';
import { JobListing, type JobEntry, type JobFilter } from '../../src/info/job-list.js';
import { deflateText } from '../../src/protocol/payload.js';
import { formatDate } from '../../src/protocol/time.js';
import { freshRedis, type FreshRedis } from '../support/fresh-redis.js';
import { put } from '../support/rq.js';
import type { Redis, RedisCommand } from '../../src/redis/redis.js';

let { client, redis } = {} as FreshRedis;
freshRedis((fresh) => ({ client, redis } = fresh));

async function list(filter: JobFilter = {}, limit = Infinity): Promise<JobEntry[]> {
  const entries: JobEntry[] = [];
  for await (const entry of new JobListing(redis, filter).entries()) if (entries.push(entry) >= limit) break;
  return entries;
}
const ids = async (filter: JobFilter = {}): Promise<string[]> => (await list(filter)).map(({ id }) => id);
const BASE = Date.parse('2026-11-21T10:00:00Z');

/** A job that ended `second` seconds after the base. */
async function ended(id: string, registry: 'finished' | 'failed', second: number, error = '', ttl = 500) {
  const date = formatDate(BASE + second * 1_000);
  await put(redis, second % 2 === 0 ? 'app.even' : 'app.odd', [], { id, queue: 'q' });
  await client.lrem('rq:queue:q', 1, id);
  await client.hset(`rq:job:${id}`, { status: registry, started_at: formatDate(BASE), ended_at: date });
  await client.zadd(`rq:${registry}:q`, String(BASE / 1_000 + second + ttl), id);
  const text = deflateText(error).toString('base64');
  if (error !== '') await client.xadd(`rq:results:${id}`, '*', 'type', '2', 'exc_string', text);
}

describe('JobListing', () => {
  it('lists the jobs of every queue and registry with what is known of them, newest first', async () => {
    await put(redis, 'a.b', [1], { id: 'waits', queue: 'q' });
    await put(redis, 'a.b', [], { id: 'later', queue: 'other', scheduleAt: new Date('2030-01-02T03:04:05Z') });
    await put(redis, 'a.b', [], { id: 'child', queue: 'q', dependsOn: 'waits' });
    await ended('bad', 'failed', 3, 'TypeError: no luck\n    at somewhere');
    await ended('good', 'finished', 4);
    await put(redis, 'a.b', [], { id: 'runs', queue: 'q' });
    await client.lrem('rq:queue:q', 1, 'runs');
    await client.hset('rq:job:runs', { status: 'started', started_at: formatDate(Date.now() - 5_000) });
    await client.zadd('rq:wip:q', '9999999999', 'runs:0123');
    const all = await list();
    expect(all.map(({ id, state }) => `${id} ${state}`)).toEqual([
      'later scheduled',
      expect.stringMatching(/^(child deferred|waits queued)$/),
      expect.stringMatching(/^(child deferred|waits queued)$/),
      'runs started',
      'good finished',
      'bad failed',
    ]);
    const bad = all.at(-1);
    expect(bad).toMatchObject({
      queue: 'q',
      functionName: 'app.odd',
      description: 'app.odd()',
      seconds: 3,
      problem: null,
    });
    expect(bad?.error).toContain('TypeError: no luck');
    expect(all.find(({ id }) => id === 'runs')?.seconds).toBeGreaterThan(4);
    expect(await ids({ order: 'oldest', states: ['failed', 'finished'] })).toEqual(['bad', 'good']);
    expect(await ids({ queues: ['other'] })).toEqual(['later']);
  });

  it('filters by function, error text, time and state', async () => {
    for (let i = 0; i < 6; i += 1) await ended(`j${i}`, 'failed', i, i < 3 ? 'Error: TIMEOUT' : 'Error: other');
    await client.hset('rq:job:j5', 'status', 'stopped');
    expect(await ids({ functionName: 'app.even' })).toEqual(['j4', 'j2', 'j0']);
    expect(await ids({ match: 'timeout' })).toEqual(['j2', 'j1', 'j0']);
    expect(await ids({ sinceMs: BASE + 1_000, beforeMs: BASE + 3_000 })).toEqual(['j2', 'j1']);
    expect(await ids({ states: ['stopped'] })).toEqual(['j5']);
    expect(await ids({ states: ['failed'] })).toEqual(['j4', 'j3', 'j2', 'j1', 'j0']);
    expect(await ids({ states: ['finished'], match: 'timeout' })).toEqual([]);
  });

  it('shows entries whose job is gone or no hash, and hides no others behind them', async () => {
    await ended('good', 'failed', 1);
    await client.zadd('rq:failed:q', String(BASE / 1_000 + 502), 'gone', String(BASE / 1_000 + 503), 'odd');
    await client.set('rq:job:odd', 'x');
    await client.rpush('rq:queue:q', 'lost');
    const found = await list();
    expect(found.map(({ id, problem }) => [id, problem])).toEqual(
      expect.arrayContaining([
        ['good', null],
        ['gone', 'the job is gone'],
        ['odd', 'its key is no hash'],
        ['lost', 'the job is gone'],
      ]),
    );
    expect(found).toHaveLength(4);
  });

  it('tells of keys that it cannot read, and lists the others', async () => {
    await ended('good', 'failed', 1);
    await client.set('rq:finished:q', 'x');
    const listing = new JobListing(redis);
    const found: string[] = [];
    for await (const { id } of listing.entries()) found.push(id);
    expect([found, listing.problems]).toEqual([['good'], ['key rq:finished:q holds no sorted set']]);
  });

  it('knows whether there is more', async () => {
    for (let i = 0; i < 3; i += 1) await ended(`j${i}`, 'failed', i);
    for (const [limit, exhausted] of [
      [2, false],
      [3, true],
    ] as const) {
      const listing = new JobListing(redis);
      let count = 0;
      for await (const _ of listing.entries()) if ((count += 1) === limit) break;
      expect(listing.exhausted).toBe(exhausted);
    }
  });

  it('reads a large registry and a large queue by bounded pages, each entry once, in order', async () => {
    const pipeline = client.pipeline();
    for (let i = 0; i < 3_000; i += 1) {
      const second = formatDate(BASE + i * 1_000);
      pipeline.hset(`rq:job:f${i}`, { status: 'failed', data: 'x', created_at: second, ended_at: second });
      pipeline.zadd('rq:failed:big', String(BASE / 1_000 + i), `f${i}`);
      pipeline.hset(`rq:job:w${i}`, { status: 'queued', data: 'x', created_at: second, enqueued_at: second });
      pipeline.rpush('rq:queue:big', `w${i}`);
    }
    pipeline.sadd('rq:queues', 'rq:queue:big');
    await pipeline.exec();
    const widths: number[] = [];
    const noted: Redis = Object.assign(Object.create(redis) as Redis, {
      call: redis.call.bind(redis),
      pipeline: (commands: readonly RedisCommand[]) => {
        widths.push(...commands.flatMap(([, , from, to]) => (to === undefined ? [] : [Number(to) - Number(from) + 1])));
        return redis.pipeline(commands);
      },
      pipelineBuffer: (commands: readonly RedisCommand[]) => {
        widths.push(commands.length / 4);
        return redis.pipelineBuffer(commands);
      },
    });
    for (const order of ['newest', 'oldest'] as const) {
      const found: string[] = [];
      for await (const { id } of new JobListing(noted, { order }).entries()) found.push(id);
      expect(new Set(found).size).toBe(6_000);
      expect(found).toHaveLength(6_000);
      const failed = found.filter((id) => id.startsWith('f')).map((id) => Number(id.slice(1)));
      expect(failed).toEqual([...failed].sort((a, b) => (order === 'newest' ? b - a : a - b)));
    }
    expect(Math.max(...widths)).toBeLessThanOrEqual(200);
    widths.length = 0;
    for await (const { id } of new JobListing(noted).entries()) {
      expect(['f2999', 'w2999']).toContain(id);
      break;
    }
    expect(Math.max(...widths)).toBeLessThanOrEqual(16);
  });
});

import { expect, it } from 'vitest';
import { runTsrq } from '../support/cli.js';
import { freshRedis, type FreshRedis } from '../support/fresh-redis.js';
import { put } from '../support/rq.js';

let { server, client, redis } = {} as FreshRedis;
freshRedis((fresh) => ({ server, client, redis } = fresh));

const tsrq = (...args: string[]) => runTsrq(args, { url: server.url });

it('cleans the queues that are named, and tells what it did', async () => {
  await put(redis, 'a.b', [], { id: 'stays', queue: 'mail' });
  await client.zadd('rq:finished:mail', '5', 'over');
  await client.zadd('rq:canceled:mail', '5', 'gone');
  await client.zadd('rq:canceled:other', '5', 'gone');
  const dry = await tsrq('clean', 'mail', '--dry-run');
  expect(dry.code).toBe(0);
  expect(dry.stdout).toContain('mail: 1 expired entries would be dropped; 1 entries without a job would be dropped');
  expect(await client.zcard('rq:finished:mail')).toBe(1);
  const { code, stdout } = await tsrq('clean', 'mail');
  expect(code).toBe(0);
  expect(stdout).toContain('mail: 1 expired entries dropped; 1 entries without a job dropped');
  expect((await tsrq('clean', 'mail')).stdout).toContain('mail: nothing to clean');
  expect(await client.zcard('rq:canceled:other')).toBe(1);
  expect(await client.lrange('rq:queue:mail', '0', '-1')).toEqual(['stays']);
});

it('--all cleans every queue, workers that are gone and groups, and a bad key hides nothing of the others', async () => {
  await put(redis, 'a.b', [], { queue: 'bad' });
  await put(redis, 'a.b', [], { queue: 'good', group: 'g' });
  await client.set('rq:finished:bad', 'text');
  await client.zadd('rq:canceled:good', '5', 'gone');
  await client.sadd('rq:group:g', 'gone');
  await client.sadd('rq:workers', 'rq:worker:one', 'rq:worker:two');
  await client.sadd('rq:workers:good', 'rq:worker:one');
  const all = { workers: ['one', 'two'], groupMembers: 1 };
  const dry = await tsrq('clean', '--all', '--dry-run', '--json');
  expect(JSON.parse(dry.stdout)).toMatchObject({ dryRun: true, ...all });
  const { code, stdout } = await tsrq('clean', '--all', '--json');
  expect(code).toBe(1);
  const document = JSON.parse(stdout) as { workers: string[] };
  expect({ ...document, workers: document.workers.toSorted() }).toMatchObject({
    dryRun: false,
    ...all,
    queues: [
      { queue: 'bad', error: expect.stringContaining('WRONGTYPE') as string },
      { queue: 'good', gone: 1, workers: ['one'] },
    ],
  });
  expect(await client.exists('rq:workers', 'rq:workers:good', 'rq:canceled:good')).toBe(0);
  expect(await client.scard('rq:group:g')).toBe(1);
});

it('refuses to guess which queues are meant', async () => {
  for (const args of [['clean'], ['clean', '--all', 'mail']]) {
    const { code, stderr } = await tsrq(...args);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^tsrq: /)]);
  }
});

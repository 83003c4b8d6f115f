import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { enqueueMany } from '../../src/queue/enqueue-many.js';
import { runTsrq, startTsrq } from '../support/cli.js';
import { freshRedis, type FreshRedis } from '../support/fresh-redis.js';
import { put, statusOf, until } from '../support/rq.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));

let { server, client, redis } = {} as FreshRedis;
freshRedis((fresh) => ({ server, client, redis } = fresh));

const tsrq = (...args: string[]) => runTsrq(args, { url: server.url });

it('a worker that waits for a queue takes nothing from it while it is paused, and goes on with the others', async () => {
  const worker = startTsrq(['worker', '--path', JOBS, 'slow', 'other'], { url: server.url });
  await worker.waitFor('listening on');
  const { code, stdout } = await tsrq('queue', 'pause', 'slow');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Paused slow until `tsrq queue resume slow`.*Python's workers do not know it/);
  // Nobody but its waiting connection could tell it of this one.
  await put(redis, 'count.add', [1, 2], { id: 'held', queue: 'slow' });
  await put(redis, 'count.add', [1, 2], { id: 'runs', queue: 'other' });
  await until('the other has run', async () => (await statusOf(client, 'runs')) === 'finished');
  await worker.waitFor('slow is paused');
  await until('it is on its queue', async () => (await client.lrange('rq:queue:slow', '0', '-1')).includes('held'));
  expect(await statusOf(client, 'held')).toBe('queued');
  expect((await tsrq('info')).stdout).toContain('slow (paused)');
  expect((await tsrq('info', '--raw', '--only-queues')).stdout).toContain('queue slow 1, 0 executing');
  expect(await tsrq('queue', 'resume', 'slow')).toMatchObject({ code: 0, stdout: 'Resumed slow.\n' });
  await until('it has run', async () => (await statusOf(client, 'held')) === 'finished');
  worker.kill('SIGTERM');
  expect((await worker.exited).code).toBe(0);
});

it('a burst worker leaves a paused queue, and says why', async () => {
  await put(redis, 'count.add', [1, 2], { id: 'held', queue: 'q' });
  await tsrq('queue', 'pause', 'q', '--duration', '10m');
  const { code, stderr, stdout } = await tsrq('worker', '--burst', '--path', JOBS, 'q');
  expect(code).toBe(0);
  expect(stdout + stderr).toContain('all queues are empty or paused');
  expect(await statusOf(client, 'held')).toBe('queued');
});

it('a burst worker runs a job and all that waited for it', async () => {
  await put(redis, 'count.add', [1, 2], { id: 'parent', queue: 'q' });
  const children = Array.from({ length: 350 }, (_, i) => ({ functionName: 'count.add', args: [i], id: `c${i}` }));
  await enqueueMany(
    redis,
    children.map((child) => ({ ...child, queue: 'q', dependsOn: 'parent' })),
  );
  expect((await tsrq('worker', '--burst', '--isolation', 'none', '--path', JOBS, 'q')).code).toBe(0);
  expect(await client.zcard('rq:finished:q')).toBe(351);
});

it('lists and shows queues, for people and for programs', async () => {
  await put(redis, 'count.add', [], { queue: 'a' });
  await put(redis, 'count.add', [], { queue: 'b' });
  await tsrq('queue', 'pause', 'a');
  expect((await tsrq('queue', 'list')).stdout).toMatch(/a \(paused\) +1 [\s\S]*\nb +1 /);
  expect((await tsrq('queue', 'show', 'a')).stdout).toMatch(/^queue +a\npaused +until it is resumed\nqueued +1\n/);
  const { stdout } = await tsrq('queue', 'list', '--json', 'a', 'b');
  expect(JSON.parse(stdout)).toMatchObject({
    queues: [
      { connection: 'default', name: 'a', queued: 1, paused: true, pausedForSeconds: null },
      { name: 'b', queued: 1, paused: false },
    ],
  });
});

it('show says that there is no such queue, and exits 1; one that is empty is one', async () => {
  await put(redis, 'count.add', [], { queue: 'a' });
  await client.sadd('rq:queues', 'rq:queue:empty');
  const { code, stdout, stderr } = await tsrq('queue', 'show', 'a', 'unknown', 'empty');
  expect([code, stderr]).toEqual([1, 'tsrq: there is no queue unknown; `tsrq queue list` shows them\n']);
  expect(stdout).toMatch(/^queue +a\n[\s\S]*\nqueue +empty\n/);
  expect(stdout).not.toContain('unknown');
  const json = await tsrq('queue', 'show', 'unknown', '--json');
  expect(json.code).toBe(1);
  expect(JSON.parse(json.stdout)).toEqual({ queues: [{ connection: 'default', name: 'unknown', found: false }] });
});

it('moves, compacts and deletes', async () => {
  await put(redis, 'count.add', [], { id: 'j', queue: 'low' });
  expect(await tsrq('queue', 'move', 'low', 'high')).toMatchObject({
    code: 0,
    stdout: '1 jobs moved from low to high\n',
  });
  await client.rpush('rq:queue:high', 'gone');
  expect(await tsrq('queue', 'compact', 'high')).toMatchObject({ stdout: '1 ids without a job dropped from high\n' });
  await client.zadd('rq:wip:high', '9999999999', 'x:e');
  const refused = await tsrq('queue', 'delete', 'high', 'low');
  expect(refused).toMatchObject({ code: 1, stdout: 'Deleted low and 0 queued jobs.\n' });
  expect(refused.stderr).toMatch(/^tsrq: high was not deleted: 1 of its jobs run .*--force/);
  const { stdout } = await tsrq('queue', 'delete', 'high', '--force', '--json');
  expect(JSON.parse(stdout)).toEqual({ queues: [{ queue: 'high', done: true, removed: 1 }] });
  expect(await client.exists('rq:job:j', 'rq:queues')).toBe(0);
});

it.each([
  [['queue', 'pause']],
  [['queue', 'move', 'a']],
  [['queue', 'move', 'a', 'a']],
  [['queue', 'burn', 'a']],
  [['queue', 'pause', 'a', '--duration', '0']],
  [['queue', 'delete', 'a', '--duration', '5']],
  [['queue', 'pause', 'a', '--keep-jobs']],
  [['queue', 'delete', '']],
])('refuses %j', async (args) => {
  const { code, stderr } = await tsrq(...args);
  expect([code, stderr]).toEqual([2, expect.stringMatching(/^tsrq: /)]);
});

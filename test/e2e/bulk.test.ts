import { fileURLToPath } from 'node:url';
import { beforeEach, expect, it } from 'vitest';
import { runTsrq } from '../support/cli.js';
import { freshRedis, type FreshRedis } from '../support/fresh-redis.js';
import { put } from '../support/rq.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));

let { server, client, redis } = {} as FreshRedis;
freshRedis((fresh) => ({ server, client, redis } = fresh));

const tsrq = (...args: string[]) => runTsrq(args, { url: server.url });

beforeEach(async () => {
  await put(redis, 'count.boom', ['no luck'], { id: 'one', queue: 'q' });
  await put(redis, 'count.boom', ['timeout 17'], { id: 'two', queue: 'q' });
  await put(redis, 'count.add', [1, 2], { id: 'good', queue: 'q' });
  await tsrq('worker', '--burst', '--path', JOBS, 'q');
});

it('requeue --all takes filters, and shows first what it would do', async () => {
  const dry = await tsrq('requeue', '--all', '--match', 'TIMEOUT', '--dry-run');
  expect(dry).toMatchObject({ code: 0, stdout: 'would requeue two\nWould requeue 1 of 1 jobs\n' });
  const json = await tsrq('requeue', '--all', '--function', 'count.boom', '--dry-run', '--json');
  expect(JSON.parse(json.stdout)).toMatchObject({ requeued: 0, wouldRequeue: 2, total: 2 });
  expect(await client.zcard('rq:failed:q')).toBe(2);
  const none = await tsrq('requeue', '--all', '--failed-before', '1 hour ago');
  expect(none).toMatchObject({ code: 0, stdout: 'Nothing to do\nRequeued 0 of 0 jobs\n' });
  const done = await tsrq('requeue', '--all', '--failed-since', '1h', '--limit', '1', '--function', 'count.boom');
  expect(done).toMatchObject({ code: 0 });
  expect(done.stdout).toMatch(/^requeued \w+ on q\nRequeued 1 of 1 jobs\n$/);
  expect(await client.zcard('rq:failed:q')).toBe(1);
});

it('empty clears registries instead of the queue, or as well', async () => {
  await put(redis, 'count.add', [1, 2], { id: 'waits', queue: 'q' });
  const dry = await tsrq('empty', 'q', '--failed', '--queued', '--dry-run');
  expect(dry.stdout).toBe('1 jobs would be removed from q queue\n2 jobs would be removed from q failed registry\n');
  expect((await tsrq('empty', 'q', '--failed', '--older-than', '1d')).stdout).toBe(
    '0 jobs removed from q failed registry\n',
  );
  expect((await tsrq('empty', '--all', '--yes', '--failed')).stdout).toBe('2 jobs removed from q failed registry\n');
  expect(await client.llen('rq:queue:q')).toBe(1);
  const { stdout } = await tsrq('empty', 'q', '--finished', '--queued', '--json');
  expect(JSON.parse(stdout)).toEqual({
    removed: 2,
    queues: [
      { queue: 'q', place: 'queued', removed: 1 },
      { queue: 'q', place: 'finished', removed: 1 },
    ],
  });
  expect((await client.keys('rq:job:*')).concat(await client.keys('rq:results:*'))).toEqual([]);
});

it.each([
  ['--limit', '0'],
  ['--limit', '1', 'one'],
  ['--match', 'x'],
  ['--all', '--failed-since', 'soon'],
])('requeue refuses %j', async (...args) => {
  expect((await tsrq('requeue', ...args)).code).toBe(2);
});

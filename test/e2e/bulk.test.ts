import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeEach, expect, it } from 'vitest';
import { cleanEnv, runTsrq, watchProcess, type CliProcess } from '../support/cli.js';
import { freshRedis, type FreshRedis } from '../support/fresh-redis.js';
import { put, until } from '../support/rq.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));

let { server, client, redis } = {} as FreshRedis;
freshRedis((fresh) => ({ server, client, redis } = fresh));

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** A line of shell in the root directory, with tsrq's Redis in the environment. */
const startShell = (line: string): CliProcess =>
  watchProcess(
    spawn('sh', ['-c', line], {
      cwd: ROOT,
      env: { ...cleanEnv(), NODE: process.execPath, TSRQ_REDIS_URL: server.url },
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  );

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
  const planned = JSON.parse((await tsrq('empty', 'q', '--failed', '--dry-run', '--json')).stdout) as object;
  expect(planned).toEqual({
    removed: 0,
    wouldRemove: 2,
    queues: [{ queue: 'q', place: 'failed', removed: 0, wouldRemove: 2 }],
  });
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

it('requeue and failures pass over a registry that cannot be read, say so, and exit 1', async () => {
  await client.sadd('rq:queues', 'rq:queue:broken');
  await client.set('rq:failed:broken', 'no sorted set');
  const complaint = /^tsrq: the failed registry of broken cannot be read: WRONGTYPE/m;
  const summary = await tsrq('failures', '--json');
  expect([summary.code, (JSON.parse(summary.stdout) as { total: number }).total]).toEqual([1, 2]);
  expect(summary.stderr).toMatch(complaint);
  const done = await tsrq('requeue', '--all', '--json');
  expect([done.code, JSON.parse(done.stdout)]).toMatchObject([1, { requeued: 2, total: 2 }]);
  expect(done.stderr).toMatch(complaint);
});

it('requeue goes on when nobody reads any more what became of the jobs', async () => {
  // Some batches: what is left is requeued after the reader has gone.
  const ids = Array.from({ length: 1_000 }, (_, i) => `gone-${i}`);
  await client.zadd('rq:failed:q', ...ids.flatMap((id) => [1, id]));
  const pipe = startShell(`"$NODE" bin/tsrq.js requeue --all | true`);
  await pipe.exited;
  await until('all are gone through', async () => (await client.zcard('rq:failed:q')) === 0);
});

it('verbs on many ids use one connection', async () => {
  const received = async (): Promise<number> =>
    Number(/total_connections_received:(\d+)/.exec(await client.info('stats'))?.[1]);
  const before = await received();
  const ids = Array.from({ length: 50 }, (_, i) => `missing-${i}`);
  expect((await tsrq('job', 'delete', 'good', ...ids)).code).toBe(1);
  expect(await received()).toBe(before + 1);
});

it.each([
  [['empty', '--all', '--yes', 'q'], 'either --all or names of queues, not both'],
  [['empty', ''], 'the name of a queue is empty'],
  [['group', 'list', '--limit', '3'], '--limit goes with show'],
  [['metrics', '--json'], 'metrics are text for Prometheus'],
  [['worker-pool', '-n', 'many'], 'a whole number from 1 is needed'],
  [['worker-pool', '-n', '2', '-C', '3'], 'either -n or -C'],
  [['worker', '--default-timeout', '1.5'], 'a whole number from 1 is needed'],
  [['enqueue', '--unique', '--replace', '--job-id', 'x', 'count.add'], 'either --unique or --replace'],
  [['enqueue', '--retry-max=', 'count.add'], 'a whole number from 0 is needed'],
  [['enqueue', '--retry-max', '0', '--retry-interval', '5', 'count.add'], '--retry-interval needs --retry-max'],
  [['enqueue', '--repeat-times', '0', 'count.add'], 'a whole number from 1 is needed'],
])('%j is refused, and nothing is done', async (args, why) => {
  const before = await client.dbsize();
  const { code, stderr } = await tsrq(...args);
  expect([code, stderr]).toEqual([2, expect.stringContaining(why)]);
  expect(await client.dbsize()).toBe(before);
});

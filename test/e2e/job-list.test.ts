import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { runTsrq } from '../support/cli.js';
import { freshRedis, type FreshRedis } from '../support/fresh-redis.js';
import { put } from '../support/rq.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));

let { server, client, redis } = {} as FreshRedis;
freshRedis((fresh) => ({ server, client, redis } = fresh));

const tsrq = (...args: string[]) => runTsrq(args, { url: server.url, env: { COLUMNS: '200' } });

it('job list prints a table, ids or JSON, filtered, and says when there may be more', async () => {
  for (const id of ['one', 'two', 'three']) await put(redis, 'count.boom', [`no ${id}`], { id, queue: 'q' });
  await tsrq('worker', '--burst', '--path', JOBS, 'q');
  await put(redis, 'count.add', [1, 2], { id: 'waits', queue: 'low' });
  const table = await tsrq('job', 'list');
  expect(table.code).toBe(0);
  expect(table.stdout).toMatch(/^id +state +when +job /);
  expect(table.stdout).toMatch(/^one +failed +\d+s +count\.boom/m);
  expect(table.stdout).toMatch(/^waits +queued +\d+s +count\.add\(1, 2\)/m);
  expect(table.stderr).toBe('');

  const some = await tsrq('job', 'list', '--ids', '--limit', '2', '--state', 'failed,stopped');
  expect(some.stdout).toBe('three\ntwo\n');
  expect(some.stderr).toBe('There may be more than these 2: --limit N shows more, --limit 0 all\n');
  expect((await tsrq('job', 'list', '--ids', '--oldest-first', '--match', 'NO T')).stdout).toBe('two\nthree\n');
  expect((await tsrq('job', 'list', '--ids', 'low', '--function', 'count.add')).stdout).toBe('waits\n');
  expect(
    (await tsrq('job', 'list', '--ids', '--since', '1h', '--before', '2030-01-01')).stdout.split('\n'),
  ).toHaveLength(5);
  expect((await tsrq('job', 'list', '--older-than', '1h')).stdout).toBe('No jobs\n');

  const json = JSON.parse((await tsrq('job', 'list', '--json', '--state', 'failed', '--limit', '1')).stdout) as object;
  expect(json).toMatchObject({
    more: true,
    jobs: [
      {
        connection: 'default',
        id: 'three',
        queue: 'q',
        state: 'failed',
        status: 'failed',
        problem: null,
        functionName: 'count.boom',
      },
    ],
  });
  expect(JSON.parse((await tsrq('job', 'list', 'empty', '--json')).stdout)).toEqual({ jobs: [], more: false });
});

it('job list exits 1 for keys it cannot read, 2 for what it does not know', async () => {
  await put(redis, 'count.add', [], { id: 'waits', queue: 'q' });
  await client.set('rq:failed:q', 'x');
  const { code, stdout, stderr } = await tsrq('job', 'list', '--ids');
  expect([code, stdout, stderr]).toEqual([1, 'waits\n', 'tsrq: key rq:failed:q holds no sorted set\n']);
  for (const args of [
    ['--state', 'odd'],
    ['--since', 'soon'],
    ['--limit', '-1'],
    ['--ids', '--json'],
  ]) {
    expect((await tsrq('job', 'list', ...args)).code, args.join(' ')).toBe(2);
  }
});

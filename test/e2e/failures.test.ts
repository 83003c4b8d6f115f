import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { runTsrq } from '../support/cli.js';
import { freshRedis, type FreshRedis } from '../support/fresh-redis.js';
import { put } from '../support/rq.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));

let { server, client, redis } = {} as FreshRedis;
freshRedis((fresh) => ({ server, client, redis } = fresh));

const tsrq = (...args: string[]) => runTsrq(args, { url: server.url });

it('groups what has failed by function and error, for people and for programs', async () => {
  expect(await tsrq('failures')).toMatchObject({ code: 0, stdout: 'No failures\n' });
  for (const [id, queue, text] of [
    ['a', 'p', 'user 17 not found'],
    ['b', 'q', 'user 18 not found'],
    ['c', 'q', 'user 1,900 not found'],
    ['d', 'q', 'no luck'],
  ] as const) {
    await put(redis, 'count.boom', [text], { id, queue });
  }
  await put(redis, 'no.such', [], { id: 'e', queue: 'q' });
  await tsrq('worker', '--burst', '--path', JOBS, 'p', 'q');
  await client.zadd('rq:failed:q', '9999999999', 'gone');
  await client.hset('rq:job:a', 'ended_at', '2020-01-01T00:00:00.000000Z');

  const { groups, total } = JSON.parse((await tsrq('failures', '--json')).stdout) as {
    groups: object[];
    total: number;
  };
  expect(total).toBe(5);
  expect(groups).toHaveLength(3);
  expect(groups[0]).toMatchObject({
    ...{ connection: 'default', function: 'count.boom', error: 'TypeError: user N not found', count: 3 },
    ...{ oldest: '2020-01-01T00:00:00.000Z', queues: ['p', 'q'] },
  });
  expect(['b', 'c']).toContain((groups[0] as { example: string }).example);

  const { stdout } = await tsrq('failures');
  expect(stdout).toMatch(/^function +count +newest/);
  expect(stdout).toMatch(/^count\.boom +3 /m);
  expect(stdout).toMatch(/\n5 failures in 3 groups\n$/);
  const since = await tsrq('failures', '--queue', 'p', '--since', '1 day ago', '--json');
  expect(JSON.parse(since.stdout)).toEqual({ total: 0, groups: [] });
  const p = await tsrq('failures', '--queue', 'p', '--json');
  expect(JSON.parse(p.stdout)).toMatchObject({ total: 1 });
  expect((await tsrq('failures', '--since', 'soon')).code).toBe(2);
});

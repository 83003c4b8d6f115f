import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { runTsrq } from '../support/cli.js';
import { freshRedis, type FreshRedis } from '../support/fresh-redis.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));

let { server, client } = {} as FreshRedis;
freshRedis((fresh) => ({ server, client } = fresh));

const tsrq = (...args: string[]) => runTsrq(args, { url: server.url });

it('jobs are enqueued into a group, which tells what has become of them', async () => {
  await tsrq('enqueue', '--group', 'g', '--job-id', 'good', 'count.add', ':1', ':2');
  await tsrq('enqueue', '--group', 'g', '--job-id', 'bad', 'count.boom', 'x');
  expect((await tsrq('group', 'show', 'g')).stdout).toMatch(/^g: not done, 2 jobs: 2 queued\n {2}queued {5}\w+\n/);
  await tsrq('worker', '--burst', '--path', JOBS);
  const { code, stdout } = await tsrq('group', 'show', 'g', '--json');
  expect(code).toBe(0);
  const shown = JSON.parse(stdout) as { groups: { members: unknown[] }[] };
  expect(shown).toMatchObject({
    groups: [{ name: 'g', found: true, jobs: 2, gone: 0, counts: { failed: 1, finished: 1 }, done: true }],
  });
  expect(shown.groups[0]?.members).toEqual(
    expect.arrayContaining([
      { id: 'good', status: 'finished' },
      { id: 'bad', status: 'failed' },
    ]),
  );
  const few = await tsrq('group', 'show', 'g', '--limit', '1');
  expect(few.stdout).toMatch(/^g: done, 2 jobs: 1 failed, 1 finished\n.*\n {2}… and 1 more\n$/);
});

it('groups are listed and deleted; their jobs stay', async () => {
  for (const group of ['b', 'a']) await tsrq('enqueue', '--group', group, '--job-id', group, 'count.add');
  expect((await tsrq('group', 'list')).stdout).toBe('a\nb\n');
  expect(await tsrq('group', 'delete', 'a')).toMatchObject({
    code: 0,
    stdout: 'Deleted group a of 1 job; they stay.\n',
  });
  expect(JSON.parse((await tsrq('group', 'list', '--json')).stdout)).toEqual({ groups: [{ name: 'b', found: true }] });
  expect(await client.lrange('rq:queue:default', 0, -1)).toEqual(['b', 'a']);
});

it('exits 1 for a group that does not exist, and 2 for what is no action', async () => {
  expect(await tsrq('group', 'show', 'nobody')).toMatchObject({ code: 1, stderr: 'tsrq: there is no group nobody\n' });
  expect(await tsrq('group', 'delete', 'nobody', '--json')).toMatchObject({
    code: 1,
    stdout: '{"groups":[{"name":"nobody","found":false}]}\n',
  });
  for (const args of [['burn', 'g'], ['show'], ['delete'], ['list', 'g'], ['show', 'g', '--limit', '-1']]) {
    expect((await tsrq('group', ...args)).code, args.join(' ')).toBe(2);
  }
});

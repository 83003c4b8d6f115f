import { hostname } from 'node:os';
import { expect, it } from 'vitest';
import { runTsrq, startTsrq } from '../support/cli.js';
import { freshRedis, type FreshRedis } from '../support/fresh-redis.js';
import { freePort } from '../support/redis.js';

let { server, client } = {} as FreshRedis;
freshRedis((fresh) => ({ server, client } = fresh));

const health = (...args: string[]) => runTsrq(['health', ...args], { url: server.url });
const seconds = (ago: number): string => new Date(Date.now() - ago * 1_000).toISOString();

it('is well when Redis answers, and 69 when it does not', async () => {
  expect(await health()).toMatchObject({ code: 0, stdout: 'Redis answers\n', stderr: '' });
  expect((await health('--quiet')).stdout).toBe('');
  const away = await runTsrq(['health'], { url: `redis://127.0.0.1:${await freePort()}` });
  expect([away.code, away.stdout]).toEqual([69, '']);
});

it('knows a worker that lives, and one that has ended', async () => {
  const name = `${hostname()}-w`;
  const worker = startTsrq(['worker', '-n', '{host}-w', 'q'], { url: server.url });
  await worker.waitFor('listening on');
  const { code, stdout } = await health('--worker', '{host}-w');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^worker \S+ gave a sign of life \d+\.\d s ago\n$/);
  expect(JSON.parse((await health('--worker', name, '--json')).stdout)).toMatchObject({ well: true, worker: name });
  worker.kill('SIGTERM');
  await worker.exited;
  expect(await health('--worker', name)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`worker ${name} has ended\n  `) as string,
  });
  expect(await health('--worker', 'nobody')).toMatchObject({ code: 1, stdout: '' });
});

it('a sign of life counts 90 s, that of a worker of Python 480, or as long as is said', async () => {
  await client.hset('rq:worker:ts', { last_heartbeat: seconds(200), python_version: 'Node.js 20.19.0' });
  await client.hset('rq:worker:py', { last_heartbeat: seconds(200), python_version: '3.11.2' });
  const codes = async (...args: string[]) =>
    Promise.all(['ts', 'py'].map(async (name) => (await health('--worker', name, ...args)).code));
  expect(await codes()).toEqual([1, 0]);
  expect(await codes('--max-age', '100')).toEqual([1, 1]);
  expect(await codes('--max-age', '1000')).toEqual([0, 0]);
  expect(await codes('--max-age', 'soon')).toEqual([2, 2]);
});

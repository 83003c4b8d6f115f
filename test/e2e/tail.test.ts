import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { runTsrq, startTsrq } from '../support/cli.js';
import { freshRedis, type FreshRedis } from '../support/fresh-redis.js';
import { freePort } from '../support/redis.js';
import { put, until } from '../support/rq.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));

let { server, client, redis } = {} as FreshRedis;
freshRedis((fresh) => ({ server, client, redis } = fresh));

/** A tail that has made its first look. */
async function tail(...args: string[]) {
  await client.config('RESETSTAT');
  const running = startTsrq(['tail', '-i', '0.05', ...args], { url: server.url });
  await until('it has looked', async () => {
    const looks = Number(/^cmdstat_zrevrangebyscore:calls=(\d+)/m.exec(await client.info('commandstats'))?.[1] ?? 0);
    return looks >= 12;
  });
  return running;
}

it('shows what happens to jobs, and exits 0 at Ctrl-C', async () => {
  const running = await tail('q');
  await put(redis, 'count.words', ['a b'], { id: 'good', queue: 'q' });
  await running.waitFor(/queued +q: good\n/);
  await put(redis, 'count.boom', ['x'], { id: 'bad', queue: 'q' });
  await runTsrq(['worker', '--burst', '-n', 'w', '--path', JOBS, 'q'], { url: server.url });
  await running.waitFor(/\d\d:\d\d:\d\d finished +q: good in \d+\.\d{3} s by w\n/);
  await running.waitFor(/failed +q: bad in \d+\.\d{3} s by w\n/);
  running.kill('SIGINT');
  expect(await running.exited).toMatchObject({ code: 0, stderr: 'tsrq: watching; Ctrl-C ends\n' });
});

it('shows only the outcomes that are asked for, as one JSON object a line, and outlives an outage of Redis', async () => {
  const running = await tail('--json', '--outcome', 'failed', '--outcome', 'gone', 'q', 'other');
  await put(redis, 'count.boom', ['x'], { id: 'bad', queue: 'q' });
  await runTsrq(['worker', '--burst', '-n', 'w', '--path', JOBS, 'q'], { url: server.url });
  await running.waitFor('"bad"');
  await server.restart();
  await put(redis, 'count.boom', ['x'], { id: 'worse', queue: 'q' });
  await runTsrq(['worker', '--burst', '-n', 'w', '--path', JOBS, 'q'], { url: server.url });
  await running.waitFor('"worse"');
  running.kill('SIGTERM');
  const { code, stdout } = await running.exited;
  expect(code).toBe(0);
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((text) => JSON.parse(text) as { event: string; id: string });
  expect(lines.at(-1)).toMatchObject({ event: 'failed', id: 'worse', queue: 'q', worker: 'w', connection: 'default' });
  expect(lines.filter(({ id }) => id === 'worse')).toHaveLength(1);
});

it('refuses an outcome that is none, and exits 69 without Redis', async () => {
  expect((await runTsrq(['tail', '--outcome', 'burnt'], { url: server.url })).code).toBe(2);
  expect((await runTsrq(['tail', '-i', '0'], { url: server.url })).code).toBe(2);
  expect((await runTsrq(['tail'], { url: `redis://127.0.0.1:${await freePort()}` })).code).toBe(69);
});

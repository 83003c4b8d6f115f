import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { runTsrq, startTsrq, type CliProcess } from '../support/cli.js';
import { freshRedis, type FreshRedis } from '../support/fresh-redis.js';
import { put, statusOf, until } from '../support/rq.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));

let { server, client, redis } = {} as FreshRedis;
freshRedis((fresh) => ({ server, client, redis } = fresh));

const workers: CliProcess[] = [];
afterEach(async () => {
  for (const worker of workers.splice(0)) {
    worker.kill('SIGKILL');
    await worker.exited;
  }
});

const tsrq = (...args: string[]) => runTsrq(args, { url: server.url, cwd: JOBS });
async function start(...args: string[]): Promise<CliProcess> {
  const worker = startTsrq(['worker', ...args], { url: server.url, cwd: JOBS });
  workers.push(worker);
  await worker.waitFor('listening on');
  return worker;
}
async function putMany(count: number, functionName: string, args: unknown[], queue: string): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, () => put(redis, functionName, args, { queue })));
}
const finished = (queue: string): Promise<number> => client.zcard(`rq:finished:${queue}`);

/** When the jobs began, in milliseconds of Redis's clock: it is part of the ids of executions. */
async function begins(ids: readonly string[]): Promise<number[]> {
  const moments = ids.map(async (id) => {
    const [entry] = await client.xrange(`rq:results:${id}`, '-', '+');
    const fields = entry?.[1] ?? [];
    const execution = fields[fields.indexOf('execution_id') + 1] ?? '';
    return Number.parseInt(execution.slice(16, 28), 16) / 1_000;
  });
  // Of the moment the ids have the last twelve digits; they turn over every nine years.
  return (await Promise.all(moments)).sort((a, b) => a - b);
}

describe('--limit', () => {
  it('lets never more than so many jobs begin in any second, over two workers; all of them are run', async () => {
    const args = ['--limit', 'q=3/s', '--concurrency', '4', 'q'];
    await start(...args);
    await start(...args);
    const ids = await putMany(10, 'count.add', [1], 'q');
    await until('all have run', async () => (await finished('q')) === 10, 60_000);
    const moments = await begins(ids);
    for (let i = 3; i < moments.length; i += 1) {
      // Redis's clock, whose milliseconds were cut off.
      expect((moments[i] ?? 0) - (moments[i - 3] ?? 0)).toBeGreaterThan(998);
    }
  });

  it('lets never more than so many run at once, over two workers; all of them are run', async () => {
    const args = ['--limit', 'q=2', '--concurrency', '3', 'q'];
    await start(...args);
    await start(...args);
    await putMany(8, 'count.sleep', [50], 'q');
    let most = 0;
    await until(
      'all have run',
      async () => {
        most = Math.max(most, await client.zcard('rq:wip:q'));
        return (await finished('q')) === 8;
      },
      60_000,
    );
    expect(most).toBeLessThanOrEqual(2);
    expect(most).toBeGreaterThan(0);
  });

  it('holds back its queue alone; what is held back is asked for when its time has come, not before', async () => {
    await start('--limit', 'q=1/h', 'q', 'other');
    await putMany(3, 'count.add', [1], 'q');
    await until('one has run', async () => (await finished('q')) === 1);
    await putMany(5, 'count.add', [1], 'other');
    await until('the others have run', async () => (await finished('other')) === 5);
    await client.config('RESETSTAT');
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const calls = /^cmdstat_evalsha:calls=(\d+)/m.exec(await client.info('commandstats'))?.[1] ?? '0';
    // Whoever looked again and again would do so dozens of times; a sweep may fall into it.
    expect(Number(calls)).toBeLessThanOrEqual(12);
    expect([await finished('q'), await client.llen('rq:queue:q')]).toEqual([1, 2]);
    expect(await client.llen('rq:queue:q:intermediate')).toBe(0);
  });

  it('is not forgotten by a burst worker: it stays until all have run', async () => {
    const ids = await putMany(3, 'count.add', [1], 'q');
    const { code } = await tsrq('worker', '--burst', '--limit', 'q=2/s', 'q');
    expect(code).toBe(0);
    for (const id of ids) expect(await statusOf(client, id)).toBe('finished');
  });

  it('of a queue that the worker does not take from is pointed out', async () => {
    const { code, stderr } = await tsrq('worker', '--burst', '--limit', 'mial=1/s', 'mail');
    expect(code).toBe(0);
    expect(stderr).toContain('the limit of queue mial does nothing here');
  });

  it.each(['mail', '=1/s', 'mail=', 'mail=0', 'mail=1/d', 'mail=-1', 'mail=1.5/s', 'mail=20000/h'])(
    'refuses %s',
    async (text) => {
      const { code, stderr } = await tsrq('worker', '--burst', '--limit', text);
      expect(code).toBe(2);
      expect(stderr).toContain('mail=10/s');
      const configured = await runTsrq(['worker', '--burst'], { url: server.url, env: { TSRQ_LIMIT: text } });
      expect(configured.code).toBe(6);
      expect(configured.stderr).toContain('TSRQ_LIMIT');
    },
  );
});

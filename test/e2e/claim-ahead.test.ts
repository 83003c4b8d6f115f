import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Redis as IoRedis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Redis } from '../../src/redis/redis.js';
import { startTsrq, type CliProcess } from '../support/cli.js';
import { freshDir } from '../support/fresh-dir.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { producerTo, put, until } from '../support/rq.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));

let server: TestRedis;
let client: IoRedis;
let redis: Redis;
const dir = freshDir();

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
  redis = producerTo(server.port);
});
afterAll(async () => {
  redis.close();
  await server.stop();
});
beforeEach(async () => {
  await client.flushall();
});

const start = async (...args: string[]): Promise<CliProcess> => {
  const worker = startTsrq(['worker', '--path', JOBS, ...args, 'q'], { url: server.url });
  await worker.waitFor('listening on');
  return worker;
};

/** Enqueues `count` jobs that note their numbers and, from `holdAt` on, do not end. */
async function enqueueNotes(file: string, count: number, holdAt: number | null): Promise<string[]> {
  const ids: string[] = [];
  for (let from = 0; from < count; from += 100) {
    const numbers = Array.from({ length: Math.min(100, count - from) }, (_, i) => from + i);
    ids.push(...(await Promise.all(numbers.map((n) => put(redis, 'short.note', [file, n, holdAt], { queue: 'q' })))));
  }
  return ids;
}
const noted = (file: string): number[] => readFileSync(file, 'utf8').trim().split('\n').map(Number);

describe.each(['none', 'process'])('jobs claimed ahead (--isolation %s)', (isolation) => {
  it.each([1, 4])(
    'go back to the head of the queue, in order, when jobs run long (%i at once)',
    async (concurrency) => {
      const file = join(dir, `back-${isolation}-${concurrency}`);
      rmSync(file, { force: true });
      const holdAt = 400;
      const ids = await enqueueNotes(file, 600, holdAt);
      const worker = await start('--isolation', isolation, '--concurrency', String(concurrency));
      const left = ids.slice(holdAt + concurrency);
      await until('the others are back', async () => {
        if (!existsSync(file) || noted(file).length < holdAt + concurrency) return false;
        const queued = await client.lrange('rq:queue:q', 0, -1);
        return queued.length === left.length && (await client.zcard('rq:wip:q')) === concurrency;
      });
      expect(await client.lrange('rq:queue:q', 0, -1)).toEqual(left);
      const states = await Promise.all(left.map((id) => client.hmget(`rq:job:${id}`, 'status', 'worker_name')));
      expect(states.every(([status, name]) => status === 'queued' && name === '')).toBe(true);
      expect(noted(file)).toHaveLength(holdAt + concurrency);
      worker.kill('SIGKILL');
      await worker.exited;
    },
  );

  it('that had not begun when their worker was killed are run by the next, not failed', async () => {
    for (let round = 0; round < 4; round += 1) {
      await client.flushall();
      const file = join(dir, `killed-${isolation}-${round}`);
      const ids = await enqueueNotes(file, 3_000, null);
      const worker = await start('--isolation', isolation, '--concurrency', '2', '-n', `first-${round}`);
      await until('it is at work', async () => (await client.zcard('rq:finished:q')) > 200);
      await sleep(Math.random() * 30);
      worker.kill('SIGKILL');
      await worker.exited;
      const begun = new Set(noted(file).map((n) => ids[n] ?? ''));
      const claimed = await client.zrange('rq:wip:q', '0', '-1');
      // Its time is declared over.
      await client.del(`rq:worker:first-${round}`);
      if (claimed.length > 0) await client.zadd('rq:wip:q', 'XX', ...claimed.flatMap((member) => ['1', member]));
      const next = await start('--isolation', isolation, '--concurrency', '2', '--burst');
      expect((await next.exited).code).toBe(0);
      const failed = await client.zrange('rq:failed:q', '0', '-1');
      // In each slot one may have been about to begin.
      expect(failed.filter((id) => !begun.has(id)).length).toBeLessThanOrEqual(2);
      expect(failed.length).toBeLessThanOrEqual(claimed.length);
      expect(await client.zcard('rq:finished:q')).toBe(ids.length - failed.length);
      expect(new Set(noted(file)).size).toBeGreaterThanOrEqual(ids.length - 2);
    }
  });
});

describe('claiming ahead', () => {
  it.each([1, 24])('keeps more at hand than two calls carry (%i at once)', async (concurrency) => {
    const file = join(dir, `at-hand-${concurrency}`);
    // The last one does not end: however late this looks, it sees something run.
    await enqueueNotes(file, 3_000, 2_999);
    const worker = await start('--isolation', 'none', '--concurrency', String(concurrency));
    let most = 0;
    await until('all others have ended', async () => {
      most = Math.max(most, await client.zcard('rq:wip:q'));
      return (await client.zcard('rq:finished:q')) === 2_999;
    });
    worker.kill('SIGKILL');
    await worker.exited;
    // While Redis has two portions of 24 there is something to do here.
    expect(most).toBeGreaterThan(48);
  });

  it('is not done with --no-claim-ahead: as many are claimed as run, beside those whose end is on its way', async () => {
    const file = join(dir, 'strict');
    // The last one does not end: however late this looks, it sees something run.
    await enqueueNotes(file, 1_000, 999);
    const worker = await start('--isolation', 'none', '--concurrency', '2', '--no-claim-ahead');
    let most = 0;
    await until('all others have ended', async () => {
      most = Math.max(most, await client.zcard('rq:wip:q'));
      return (await client.zcard('rq:finished:q')) === 999;
    });
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(4);
    worker.kill('SIGKILL');
    await worker.exited;
  });

  it('does not hold up a job of a higher queue for longer than what runs', async () => {
    const worker = startTsrq(['worker', '--path', JOBS, '--isolation', 'none', 'high', 'q'], { url: server.url });
    await worker.waitFor('listening on');
    await Promise.all(Array.from({ length: 3_000 }, () => put(redis, 'count.sleep', [1], { queue: 'q' })));
    const id = await put(redis, 'short.nothing', [], { queue: 'high' });
    await until('it is done', async () => (await client.hget(`rq:job:${id}`, 'status')) === 'finished');
    expect(await client.llen('rq:queue:q')).toBeGreaterThan(0);
    worker.kill('SIGTERM');
    await worker.exited;
  });

  it('of jobs beside a busy loop ends with that loop: each is run once', async () => {
    const worker = await start('--isolation', 'process', '--concurrency', '3');
    const short = await Promise.all(Array.from({ length: 200 }, () => put(redis, 'short.nothing', [], { queue: 'q' })));
    const hog = await put(redis, 'short.hog', [1_500], { queue: 'q' });
    const after = await Promise.all(Array.from({ length: 200 }, () => put(redis, 'short.nothing', [], { queue: 'q' })));
    await until(
      'all others are done',
      async () => (await client.zcard('rq:finished:q')) >= short.length + after.length,
    );
    expect(await client.hget(`rq:job:${hog}`, 'status')).toBe('started');
    await until('the loop has ended', async () => (await client.hget(`rq:job:${hog}`, 'status')) === 'finished');
    expect(await client.zcard('rq:finished:q')).toBe(401);
    worker.kill('SIGTERM');
    const { code, stdout, stderr } = await worker.exited;
    expect(code).toBe(0);
    expect((stdout + stderr).match(/ short\.nothing/g)?.length ?? 0).toBeGreaterThanOrEqual(400);
  });
});

describe('one by one (--no-claim-ahead)', () => {
  const oneByOne = (...args: string[]): Promise<CliProcess> =>
    start('--isolation', 'none', '--concurrency', '1', '--no-claim-ahead', ...args);

  it('the next short job is asked for before the end of the last one is written down', async () => {
    const ids = await enqueueNotes(join(dir, 'order'), 200, null);
    const monitor = await client.monitor();
    const steps: string[] = [];
    monitor.on('monitor', (_time: string, [command = '', key = '', value = '']: string[]) => {
      if (command.toUpperCase() === 'LPOP' && key === 'rq:queue:q') steps.push(`claim ${value}`);
      if (command.toUpperCase() === 'RESTORE') steps.push(key.replace('rq:results:', ''));
    });
    const worker = await oneByOne('--burst');
    expect((await worker.exited).code).toBe(0);
    await until('the monitor has told all', () => Promise.resolve(steps.includes(ids.at(-1) ?? '')));
    monitor.disconnect();
    const ends = steps.filter((step) => !step.startsWith('claim'));
    expect(ends).toEqual(ids);
    expect(steps.filter((step) => step.startsWith('claim')).every((step) => step === 'claim 1')).toBe(true);
    // As soon as it is known that jobs are short: asked, then written down, and never two asked for.
    const later = steps.slice(steps.indexOf(ids[50] ?? ''), steps.indexOf(ids[150] ?? '') + 1);
    expect(later).toEqual(
      ids
        .slice(50, 151)
        .flatMap((id) => ['claim 1', id])
        .slice(1),
    );
  });

  it('the worker tells what it does and what it has done', async () => {
    const ids = await enqueueNotes(join(dir, 'tells'), 101, 100);
    const worker = await oneByOne('-n', 'teller');
    await until('all others have ended', async () => (await client.zcard('rq:finished:q')) === 100);
    const told = await client.hmget('rq:worker:teller', 'state', 'current_job', 'successful_job_count');
    expect(told).toEqual(['busy', ids.at(-1), '100']);
    worker.kill('SIGKILL');
    await worker.exited;
  });

  it('a burst runs what the end of its last job has released', async () => {
    const ids = await enqueueNotes(join(dir, 'released'), 60, null);
    const child = await put(redis, 'short.nothing', [], { queue: 'q', dependsOn: ids.slice(-1) });
    const grandchild = await put(redis, 'short.nothing', [], { queue: 'q', dependsOn: [child] });
    const worker = await oneByOne('--burst');
    expect((await worker.exited).code).toBe(0);
    expect(await client.hget(`rq:job:${grandchild}`, 'status')).toBe('finished');
    expect(await client.zcard('rq:finished:q')).toBe(62);
  });

  it('no job is lost when the worker is killed', async () => {
    const ids = await enqueueNotes(join(dir, 'one-by-one'), 2_000, null);
    const worker = await oneByOne('-n', 'killed');
    await until('it is at work', async () => (await client.zcard('rq:finished:q')) > 200);
    worker.kill('SIGKILL');
    await worker.exited;
    const claimed = await client.zrange('rq:wip:q', '0', '-1');
    // One that was claimed, and one whose end was on its way.
    expect(claimed.length).toBeLessThanOrEqual(2);
    await client.del('rq:worker:killed');
    if (claimed.length > 0) await client.zadd('rq:wip:q', 'XX', ...claimed.flatMap((member) => ['1', member]));
    const next = await oneByOne('--burst');
    expect((await next.exited).code).toBe(0);
    const failed = await client.zrange('rq:failed:q', '0', '-1');
    expect(failed.length).toBe(claimed.length);
    expect(await client.zcard('rq:finished:q')).toBe(ids.length - failed.length);
  });
});

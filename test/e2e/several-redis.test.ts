import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Redis } from '../../src/redis/redis.js';
import { runTsrq, startTsrq, type CliProcess, type CliResult } from '../support/cli.js';
import { freshRedis, type FreshRedis } from '../support/fresh-redis.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { latestResult, producerTo, put, statusOf, until } from '../support/rq.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));

// The queue 'mail' is on a server of its own.
let { server: main, client: atMain, redis: toMain } = {} as FreshRedis;
freshRedis((fresh) => ({ server: main, client: atMain, redis: toMain } = fresh));
let mail: TestRedis;
let atMail: ReturnType<TestRedis['client']>;
let toMail: Redis;
let dir: string;
let file: string;
let worker: CliProcess | null = null;

beforeAll(async () => {
  mail = await startRedis();
  atMail = mail.client();
  toMail = producerTo(mail.port);
  dir = mkdtempSync(join(tmpdir(), 'tsrq-test-several-'));
  const config = {
    redis: { url: main.url },
    connections: { mail: mail.url, again: main.url.replace('127.0.0.1', 'localhost') },
    queueConnections: { mail: 'mail', 'mail-low': 'mail', again: 'again' },
    worker: { path: [JOBS], name: 'w' },
  };
  writeFileSync(join(dir, '.tsrqrc.json'), JSON.stringify(config));
});
afterAll(async () => {
  toMail.close();
  await mail.stop();
  rmSync(dir, { recursive: true, force: true });
});
beforeEach(async () => {
  await atMail.flushall();
  file = join(mkdtempSync(join(dir, 'notes-')), 'notes');
  writeFileSync(file, '');
});
afterEach(async () => {
  worker?.kill('SIGKILL');
  await worker?.exited;
  worker = null;
});

const lines = (): string[] => readFileSync(file, 'utf8').split('\n').slice(0, -1);
const burst = (...args: string[]): Promise<CliResult> => runTsrq(['worker', '--burst', ...args], { cwd: dir });

async function start(...args: string[]): Promise<CliProcess> {
  worker = startTsrq(['worker', ...args], { cwd: dir });
  for (const place of ['default', 'mail']) await worker.waitFor(`[${place}] Worker w: listening on`);
  return worker;
}

const end = async (running: CliProcess): Promise<CliResult> => {
  running.kill('SIGTERM');
  const result = await running.exited;
  expect(result.code).toBe(0);
  return result;
};

const noteAt = (redis: Redis, queue: string, line: string, ms = 5): Promise<string> =>
  put(redis, 'count.noteSlowly', [file, line, ms], { queue });
const isDone = async (at: typeof atMail, id: string): Promise<boolean> => (await statusOf(at, id)) === 'finished';

describe('a burst worker on two servers', () => {
  it('runs what is on both, records it where it came from, and ends when both are empty', async () => {
    const ids = [await put(toMain, 'count.add', [1, 2], { queue: 'high' })];
    ids.push(await put(toMail, 'count.add', [3, 4], { queue: 'mail' }));
    const { code, stderr } = await burst('high', 'mail');
    expect(code).toBe(0);
    expect(await latestResult(atMain, ids[0] ?? '')).toMatchObject({ value: 3, workerName: 'w' });
    expect(await latestResult(atMail, ids[1] ?? '')).toMatchObject({ value: 7, workerName: 'w' });
    expect(stderr).toContain(`[mail] mail: count.add(3, 4) (${ids[1]}) finished`);
    expect(await Promise.all([atMain, atMail].map((at) => at.exists('rq:workers')))).toEqual([0, 0]);
  });

  it('does not end before what a job of one has enqueued on the other', async () => {
    for (let i = 0; i < 5; i += 1) await put(toMain, 'cross.send', [mail.url, 'mail', file, `${i}`], { queue: 'high' });
    expect((await burst('high', 'mail')).code).toBe(0);
    expect(lines().sort()).toEqual(['0', '1', '2', '3', '4']);
  });

  it('a job enqueues others at the Redis that it came from', async () => {
    await put(toMail, 'family.parent', [1], { queue: 'mail' });
    expect((await burst('high', 'mail')).code).toBe(0);
    expect([await atMail.llen('rq:queue:children'), await atMain.llen('rq:queue:children')]).toEqual([2, 0]);
  });

  it.each([1, 3])(
    'with --concurrency %i so many jobs run at once in all, and neither server waits for the other',
    async (most) => {
      for (let i = 0; i < 10; i += 1) {
        await noteAt(toMain, 'high', `high ${i}`);
        await noteAt(toMail, 'mail', `mail ${i}`);
      }
      expect((await burst('--isolation', 'none', '-C', `${most}`, 'high', 'mail')).code).toBe(0);
      let running = 0;
      const counts = lines().map((line) => (running += line.endsWith('begins') ? 1 : -1));
      expect(counts).toHaveLength(40);
      expect(Math.max(...counts)).toBe(most);
      const begun = lines().filter((line) => line.endsWith('begins'));
      // Dealt in turn: neither is through before the other has come to its middle.
      for (const place of ['high', 'mail']) {
        expect(begun.slice(0, 15).filter((line) => line.startsWith(place)).length).toBeGreaterThanOrEqual(5);
      }
    },
  );

  it('--max-jobs counts the jobs of both', async () => {
    for (let i = 0; i < 5; i += 1) {
      await noteAt(toMain, 'high', `high ${i}`, 0);
      await noteAt(toMail, 'mail', `mail ${i}`, 0);
    }
    expect((await burst('--max-jobs', '4', 'high', 'mail')).code).toBe(0);
    expect(lines()).toHaveLength(8);
    expect((await atMain.llen('rq:queue:high')) + (await atMail.llen('rq:queue:mail'))).toBe(6);
  });

  it('is refused while RQ is suspended on either of them, and does not begin when one is away', async () => {
    await atMail.set('rq:suspended', '1');
    const id = await noteAt(toMain, 'high', 'high', 0);
    expect((await burst('high', 'mail')).code).toBe(75);
    await mail.kill('SIGKILL');
    try {
      expect((await burst('--connect-timeout', '0.5', 'high', 'mail')).code).toBe(69);
    } finally {
      await mail.restart();
    }
    expect(await statusOf(atMain, id)).toBe('queued');
    expect(await atMain.exists('rq:workers')).toBe(0);
  });
});

describe('a worker on two servers', () => {
  it('gives a slot to the one that was idle while the other has jobs without end', async () => {
    const many = Array.from({ length: 400 }, (_, i) => noteAt(toMain, 'high', `high ${i}`, 10));
    await Promise.all(many);
    const running = await start('high', 'mail');
    await until('it is at work', () => lines().length > 10);
    for (const round of [1, 2]) {
      const id = await noteAt(toMail, 'mail', `mail ${round}`);
      await until(`mail ${round} is done`, () => isDone(atMail, id));
    }
    expect(await atMain.llen('rq:queue:high')).toBeGreaterThan(0);
    await end(running);
  });

  it('goes on with one while the other is away, and takes from that again when it is back', async () => {
    const running = await start('high', 'mail');
    await mail.kill('SIGKILL');
    await running.waitFor('[mail] cannot reach Redis');
    const first = await noteAt(toMain, 'high', 'high');
    await until('the job of the other is done', () => isDone(atMain, first));
    await mail.restart();
    const second = await noteAt(toMail, 'mail', 'mail');
    await until('it takes jobs again', () => isDone(atMail, second));
    const { stderr } = await end(running);
    expect(stderr).toMatch(/\[mail\] Redis is back/);
    expect(stderr).not.toMatch(/\[default\] (cannot reach|Redis is back)/);
  });

  it('a server that hangs keeps no slot from the other', async () => {
    const ids = await Promise.all(Array.from({ length: 40 }, (_, i) => noteAt(toMail, 'mail', `mail ${i}`, 20)));
    const running = await start('high', 'mail');
    await until('it is at work', () => lines().length > 4);
    // It owes the end of one job, and the next.
    await mail.kill('SIGSTOP');
    try {
      for (let i = 0; i < 3; i += 1) {
        const id = await noteAt(toMain, 'high', `high ${i}`);
        await until(`job ${i} is done`, () => isDone(atMain, id));
      }
    } finally {
      await mail.kill('SIGCONT');
    }
    for (const id of ids) await until('its jobs are done', () => isDone(atMail, id));
    await end(running);
    expect(lines().filter((line) => line.endsWith('begins'))).toHaveLength(43);
  });

  it('begins without one that is away at the start, and with neither of them not at all', async () => {
    await mail.kill('SIGKILL');
    const early = await noteAt(toMain, 'high', 'high');
    worker = startTsrq(['worker', '--connect-timeout', '0.5', 'high', 'mail'], { cwd: dir });
    await worker.waitFor('[mail] cannot reach Redis');
    await until('the job of the other is done', () => isDone(atMain, early));
    await mail.restart();
    await worker.waitFor('[mail] Worker w: listening on mail');
    const late = await noteAt(toMail, 'mail', 'mail');
    await until('it has joined in', () => isDone(atMail, late));
    await end(worker);
    const nowhere = JSON.stringify({ mail: 'redis://127.0.0.1:1', high: 'redis://127.0.0.1:2' });
    const config = join(dir, 'nowhere.json');
    writeFileSync(config, `{ "queueConnections": ${nowhere} }`);
    const { code } = await burst('--config', config, '--connect-timeout', '0.5', 'high', 'mail');
    expect(code).toBe(69);
  });

  it('ends warm: the running jobs of both finish, nothing else begins', async () => {
    const running = await start('-C', '2', 'high', 'mail');
    const ids = [await noteAt(toMain, 'high', 'high', 1_000), await noteAt(toMail, 'mail', 'mail', 1_000)];
    await until('both run', () => lines().length === 2);
    running.kill('SIGTERM');
    await running.waitFor('[mail] Stopping (SIGTERM)');
    const late = await noteAt(toMail, 'mail', 'late');
    expect((await running.exited).code).toBe(0);
    expect([await isDone(atMain, ids[0] ?? ''), await isDone(atMail, ids[1] ?? '')]).toEqual([true, true]);
    expect(await statusOf(atMail, late)).toBe('queued');
    expect(await Promise.all([atMain, atMail].map((at) => at.exists('rq:workers')))).toEqual([0, 0]);
  });

  it('ends cold: the running jobs of both are recorded as failed', async () => {
    const running = await start('-C', '2', 'high', 'mail');
    const ids = [await noteAt(toMain, 'high', 'high', 60_000), await noteAt(toMail, 'mail', 'mail', 60_000)];
    await until('both run', () => lines().length === 2);
    running.kill('SIGTERM');
    // A second signal within a second is the same one.
    const again = setInterval(() => running.kill('SIGTERM'), 200);
    expect((await running.exited).code).toBe(143);
    clearInterval(again);
    expect([await statusOf(atMain, ids[0] ?? ''), await statusOf(atMail, ids[1] ?? '')]).toEqual(['failed', 'failed']);
  });

  it('does as it is told, whichever Redis it is told by', async () => {
    const running = await start('high', 'mail');
    expect((await runTsrq(['workers', 'quiet', '--connection', 'mail', 'w'], { cwd: dir })).code).toBe(0);
    await until('it is quiet on the other too', async () => (await atMain.hget('rq:worker:w', 'tsrq_quiet')) === '1');
    expect((await runTsrq(['workers', 'stop', 'w'], { cwd: dir })).code).toBe(0);
    expect((await running.exited).code).toBe(0);
  });

  it('has a name that is free on all of them, and leaves nothing of those it has tried', async () => {
    worker = startTsrq(['worker', '-n', 'w-1', 'mail'], { cwd: dir });
    await worker.waitFor('Worker w-1: listening on mail');
    const { code, stderr } = await burst('-n', 'w-{n}', 'high', 'mail');
    expect(code).toBe(0);
    for (const place of ['default', 'mail']) expect(stderr).toContain(`[${place}] Worker w-2: listening on`);
    expect([await atMain.exists('rq:workers'), await atMail.smembers('rq:workers')]).toEqual([0, ['rq:worker:w-1']]);
  });

  it('is refused where two connections lead to the same Redis', async () => {
    const { code, stderr } = await runTsrq(['worker', 'high', 'again'], { cwd: dir });
    expect(code).toBe(2);
    expect(stderr).toMatch(/the connections (default and again|again and default) lead to the same Redis/);
    expect(await atMain.exists('rq:workers')).toBe(0);
  });

  it('one connection is enough for queues of the same address, and its lines name none', async () => {
    const { code, stderr } = await burst('mail', 'mail-low');
    expect(code).toBe(0);
    expect(stderr).toMatch(/ Worker w: listening on mail, mail-low/);
  });

  it('tells by its metrics which of them answers', async () => {
    const running = await start('--metrics', '127.0.0.1:0', 'high', 'mail');
    await running.waitFor('Metrics at ');
    const url = /http:\S+/.exec(running.stderr())?.[0] ?? '';
    const text = await (await fetch(url)).text();
    for (const connection of ['default', 'mail']) expect(text).toContain(`tsrq_redis_up{connection="${connection}"} 1`);
    expect(text).toContain('tsrq_worker_slots 1\n');
    await end(running);
  });
});

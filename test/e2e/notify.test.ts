import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Redis as IoRedis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Redis } from '../../src/redis/redis.js';
import { runTsrq, startTsrq, type CliProcess } from '../support/cli.js';
import { freshRedis, type FreshRedis } from '../support/fresh-redis.js';
import { startReceiver, type Message, type Receiver } from '../support/notify.js';
import { latestResult, put, statusOf, until } from '../support/rq.js';

// What a service manager is told, by a plain datagram socket in its place; test/e2e/systemd.test.ts has the real one.

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));

let fresh: FreshRedis;
let client: IoRedis;
let redis: Redis;
let dir: string;
let receiver: Receiver;
let worker: CliProcess | null = null;
let sockets = 0;

freshRedis((given) => {
  fresh = given;
  ({ client, redis } = given);
});
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tsrq-test-notify-'));
});
afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});
afterEach(async () => {
  worker?.kill('SIGKILL');
  await worker?.exited;
  worker = null;
  receiver.stop();
});

async function start(args: readonly string[], env: Record<string, string> = {}): Promise<CliProcess> {
  receiver = await startReceiver(env['NOTIFY_SOCKET'] ?? join(dir, `socket-${(sockets += 1)}`));
  worker = startTsrq(['worker', '-n', 'w', '--path', JOBS, ...args], {
    url: fresh.server.url,
    env: { ...receiver.env, ...env },
  });
  return worker;
}
const isReady = (message: Message): boolean => message['READY'] === '1';
const ready = (): Promise<Message> => receiver.waitFor('READY=1', isReady);
const statusWith = (text: string, after = 0): Promise<Message> =>
  receiver.waitFor(`STATUS with '${text}'`, ({ STATUS = '' }) => STATUS.includes(text), after);
const running = (id: string): Promise<void> =>
  until('the job runs', async () => (await statusOf(client, id)) === 'started');

describe('a worker whose manager listens', () => {
  it('asks for the time to connect, and is ready when it is registered and can take jobs', async () => {
    await start(['q', '--connect-timeout', '33']);
    await ready();
    expect(await client.smembers('rq:workers')).toEqual(['rq:worker:w']);
    const [first, second] = receiver.messages();
    expect(first).toEqual({ STATUS: 'connecting to Redis', EXTEND_TIMEOUT_USEC: '93000000' });
    expect(second).toEqual({ READY: '1', STATUS: 'waiting for jobs on q; 0 done' });
  });

  it('is told through an abstract socket just as well', async () => {
    await start(['q'], { NOTIFY_SOCKET: `@tsrq-test-${process.pid}` });
    await ready();
  });

  it('is never ready when it cannot be: Redis is not there', async () => {
    const running = await start(['q', '--connect-timeout', '1', '-u', 'redis://127.0.0.1:1']);
    expect((await running.exited).code).toBe(69);
    expect(receiver.messages().filter(isReady)).toEqual([]);
  });

  it('says what runs, and without its arguments if these are not to be logged', async () => {
    await start(['q', '--disable-job-desc-logging']);
    const id = await put(redis, 'count.sleep', [8_000], { queue: 'q' });
    await statusWith(`1 running: q: ${id}; 0 done`);
    await statusWith('waiting for jobs on q; 1 done');
    expect(receiver.messages().filter(({ STATUS = '' }) => STATUS.includes('8000'))).toEqual([]);
  });

  it('keeps what it asks for from its jobs', async () => {
    writeFileSync(
      join(dir, 'names.js'),
      'export const seen = () => Object.keys(process.env).filter((name) => /NOTIFY|WATCHDOG/.test(name));',
    );
    await start(['q', '--path', dir], { WATCHDOG_USEC: '60000000', WATCHDOG_PID: '1' });
    const id = await put(redis, 'names.seen', [], { queue: 'q' });
    await until('the job is done', async () => (await statusOf(client, id)) === 'finished');
    expect((await latestResult(client, id))?.value).toEqual([]);
  });

  it('works on and says so once when nobody can be told', async () => {
    const running = await start(['-b', 'q'], { NOTIFY_SOCKET: join(dir, 'none') });
    receiver.stop();
    const lost = await runTsrq(['worker', '-b', 'q'], {
      url: fresh.server.url,
      env: { NOTIFY_SOCKET: join(dir, 'nobody'), PATH: receiver.env.PATH },
    });
    expect(lost.code).toBe(0);
    expect(lost.stderr.match(/systemd could not be told how this service does/g)).toHaveLength(1);
    await running.exited;
  });

  it('starts nothing where nobody listens', async () => {
    await start(['q'], {});
    const alone = startTsrq(['worker', 'q'], { url: fresh.server.url });
    await alone.waitFor('listening on');
    expect(childrenOf(alone.pid)).not.toContain('sh');
    await ready();
    expect(childrenOf(worker!.pid)).toContain('sh');
    alone.kill('SIGTERM');
    await alone.exited;
  });
});

describe('a reload', () => {
  it('is announced with its moment, interrupts nothing, gives new jobs fresh code, and ends in READY', async () => {
    const file = join(dir, 'changing.js');
    writeFileSync(file, "export const now = () => 'old';");
    await start(['q', '-C', '2', '--path', dir]);
    await ready();
    const long = await put(redis, 'count.sleep', [3_000], { queue: 'q' });
    const before = await put(redis, 'changing.now', [], { queue: 'q' });
    await until('the old code has run', async () => (await statusOf(client, before)) === 'finished');
    writeFileSync(file, "export const now = () => 'new';");
    const told = receiver.messages().length;
    const asked = process.hrtime.bigint() / 1_000n;
    worker?.kill('SIGHUP');
    const reloading = await receiver.waitFor('RELOADING=1', (message) => message['RELOADING'] === '1', told);
    const moment = BigInt(reloading['MONOTONIC_USEC'] ?? 0);
    expect(moment >= asked && moment <= process.hrtime.bigint() / 1_000n).toBe(true);
    await receiver.waitFor('READY=1 again', isReady, told);
    const after = await put(redis, 'changing.now', [], { queue: 'q' });
    await until('all are done', async () =>
      (await Promise.all([long, after].map((id) => statusOf(client, id)))).every((status) => status === 'finished'),
    );
    expect((await latestResult(client, before))?.value).toBe('old');
    expect((await latestResult(client, after))?.value).toBe('new');
    expect((await latestResult(client, long))?.value).toBe('slept');
  });
});

describe('a stop', () => {
  const extensions = (): number[] =>
    receiver
      .messages()
      .flatMap(({ STOPPING, STATUS, EXTEND_TIMEOUT_USEC: usec }) =>
        STOPPING === undefined && STATUS === undefined && usec !== undefined ? [Number(usec)] : [],
      );

  it('is announced, and lasts as long as a job may still run by its own limit, asked for in portions', async () => {
    const running_ = await start(['q']);
    const id = await put(redis, 'count.sleep', [12_000], { queue: 'q', timeoutSeconds: 600 });
    await running(id);
    running_.kill('SIGTERM');
    await receiver.waitFor('STOPPING=1', (message) => message['STOPPING'] === '1');
    expect((await running_.exited).code).toBe(0);
    expect(await statusOf(client, id)).toBe('finished');
    expect(extensions().length).toBeGreaterThan(1);
    expect(new Set(extensions())).toEqual(new Set([20_000_000]));
  });

  it('does not last longer than the limit and what it takes to end the job', async () => {
    const running_ = await start(['q']);
    const id = await put(redis, 'count.sleep', [60_000], { queue: 'q', timeoutSeconds: 8 });
    await running(id);
    running_.kill('SIGTERM');
    expect((await running_.exited).code).toBe(0);
    expect(await statusOf(client, id)).toBe('failed');
    expect(extensions()).not.toEqual([]);
    expect(Math.max(...extensions())).toBeLessThanOrEqual(18_000_000);
  });

  it('is not prolonged for a job without a limit, unless there is a shutdown timeout', async () => {
    const stop = async (...args: string[]): Promise<void> => {
      const running_ = await start(['q', ...args]);
      const id = await put(redis, 'count.sleep', [5_000], { queue: 'q', timeoutSeconds: -1 });
      await running(id);
      running_.kill('SIGTERM');
      expect((await running_.exited).code).toBe(0);
    };
    await stop();
    expect(extensions()).toEqual([]);
    receiver.stop();
    await stop('--shutdown-timeout', '50');
    expect(new Set(extensions())).toEqual(new Set([20_000_000]));
  });
});

describe('the watchdog', () => {
  const signs = (): number => receiver.messages().filter((message) => message['WATCHDOG'] === '1').length;
  const moreSigns = async (what: string): Promise<void> => {
    const before = signs();
    await until(`signs of life come ${what}`, () => signs() >= before + 5);
  };

  it('gets signs of life while the worker waits, works, is quiet, and while Redis is away', async () => {
    await start(['q'], { WATCHDOG_USEC: '1000000' });
    await ready();
    await moreSigns('from a waiting worker');
    await put(redis, 'count.busy', [20_000], { queue: 'q' });
    await statusWith('count.busy');
    await moreSigns('from a busy worker');
    await fresh.server.kill('SIGKILL');
    await statusWith('Redis is away since');
    await moreSigns('during an outage');
    await fresh.server.restart();
    await moreSigns('after the outage');
    worker?.kill('SIGTSTP');
    await until('it is quiet', () => worker?.stderr().includes('Quiet') === true);
    await moreSigns('from a quiet worker');
  });

  it('gets none from a process that it does not ask', async () => {
    await start(['q'], { WATCHDOG_USEC: '200000', WATCHDOG_PID: '1' });
    await put(redis, 'count.sleep', [1_000], { queue: 'q' });
    await statusWith('1 done');
    expect(signs()).toBe(0);
  });
});

function childrenOf(pid: number): string[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return children.split(' ').flatMap((child) => {
    try {
      return [readFileSync(`/proc/${child}/comm`, 'utf8').trim()];
    } catch {
      return [];
    }
  });
}

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isRedisAway, supervisorOf } from '../../src/cli/systemd/supervised.js';
import { Supervisor, type Service } from '../../src/cli/systemd/supervisor.js';
import type { RedisTarget } from '../../src/redis/target.js';
import { startReceiver, type Receiver } from '../support/notify.js';
import { freePort, startRedis, type TestRedis } from '../support/redis.js';
import { until } from '../support/rq.js';

let dir: string;
let receiver: Receiver;
let supervisor: Supervisor;
let warnings: string[];

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tsrq-test-supervisor-'));
});
afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});
beforeEach(async () => {
  warnings = [];
  receiver = await startReceiver(join(dir, 'socket'));
  supervisor = new Supervisor({
    socket: receiver.env.NOTIFY_SOCKET,
    path: receiver.env.PATH,
    watchdogMs: 400,
    warn: (message) => warnings.push(message),
  });
});
afterEach(async () => {
  await supervisor.end();
  receiver.stop();
  rmSync(join(dir, 'socket'), { force: true });
});

const service = (more: Partial<Service>): Service => ({
  status: () => 'fine',
  hasPulse: () => true,
  isRedisAway: () => Promise.resolve(false),
  remainingMs: () => 0,
  ...more,
});
const signs = (): number => receiver.messages().filter((message) => message['WATCHDOG'] === '1').length;

describe('the watchdog', () => {
  it('gets no sign of life from a service without a pulse while Redis answers; that is said once', async () => {
    let looks = 0;
    supervisor.ready(service({ hasPulse: () => (looks += 1) > Infinity }));
    await until('it was looked at often', () => looks >= 5);
    await supervisor.end();
    expect(signs()).toBe(0);
    expect(warnings).toEqual([expect.stringContaining('no progress although Redis answers')]);
  });

  it('gets signs of life from one that Redis keeps waiting', async () => {
    supervisor.ready(service({ hasPulse: () => false, isRedisAway: () => Promise.resolve(true) }));
    await until('signs come', () => signs() >= 3);
    expect(warnings).toEqual([]);
  });

  it('gets signs of life again once there is a pulse again', async () => {
    let looks = 0;
    supervisor.ready(service({ hasPulse: () => (looks += 1) > 3 }));
    await until('signs come', () => signs() >= 1);
    expect(warnings).toHaveLength(1);
  });
});

it('the status is told when it has changed, in one line, whatever it holds', async () => {
  let status = 'one';
  supervisor.ready(service({ status: () => status }));
  await receiver.waitFor('READY=1 with the status', ({ READY, STATUS }) => READY === '1' && STATUS === 'one');
  status = '$(id) `id` "quoted" *\n\\\t-- grüße 🚀';
  await receiver.waitFor('the other', ({ STATUS }) => STATUS === '$(id) `id` "quoted" * \\ -- grüße 🚀');
  expect(receiver.messages().filter(({ STATUS }) => STATUS !== undefined)).toHaveLength(2);
});

it('nothing is ready any more once it stops, and what was said last arrives', async () => {
  supervisor.ready(service({}));
  let load: () => void = () => undefined;
  const loaded = new Promise<void>((resolve) => {
    load = resolve;
  });
  const reloading = supervisor.reloading(loaded);
  supervisor.stopping();
  load();
  await reloading;
  await supervisor.end();
  await receiver.waitFor('STOPPING=1', (message) => message['STOPPING'] === '1');
  const order = receiver
    .messages()
    .map((message) => ['READY', 'RELOADING', 'STOPPING'].find((name) => name in message));
  expect(order.filter((name) => name !== undefined)).toEqual(['READY', 'RELOADING', 'STOPPING']);
});

it('what asks for it is taken out of the environment, also where only a part is there', async () => {
  const env: NodeJS.ProcessEnv = { WATCHDOG_USEC: '1', WATCHDOG_PID: '1', HOME: '/' };
  expect(await supervisorOf(env, () => undefined)).toBeNull();
  expect(env).toEqual({ HOME: '/' });
});

describe('whether Redis is away', () => {
  let server: TestRedis;
  const target = (port: number): RedisTarget => ({ kind: 'tcp', host: '127.0.0.1', port, db: 0 });
  beforeEach(async () => {
    server = await startRedis();
  });
  afterEach(() => server.stop());

  it('no: it answers', async () => {
    expect(await isRedisAway(target(server.port))).toBe(false);
  });
  it('yes: nobody is there, nobody answers, it refuses us', async () => {
    expect(await isRedisAway(target(await freePort()))).toBe(true);
    await server.client().config('SET', 'requirepass', 'secret');
    expect(await isRedisAway(target(server.port))).toBe(true);
    await server.kill('SIGSTOP');
    expect(await isRedisAway(target(server.port))).toBe(true);
  });
});

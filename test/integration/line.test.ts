import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis as IoRedis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openLine, type Line } from '../../src/redis/line.js';
import { BegunMark } from '../../src/worker/begun-mark.js';
import { startProxy, type Proxy } from '../support/proxy.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { producerTo, until } from '../support/rq.js';

let server: TestRedis;
let client: IoRedis;
let proxy: Proxy;
const closing: { close(): void }[] = [];

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
  proxy = await startProxy(server.port);
});
afterAll(async () => {
  await proxy.stop();
  await server.stop();
});
afterEach(async () => {
  for (const open of closing.splice(0)) open.close();
  await until('all lines are closed', () => proxy.connections() === 0);
  await client.flushall();
});

const target = () => ({ kind: 'tcp', host: '127.0.0.1', port: proxy.port, db: 0 }) as const;

describe('a line', () => {
  const open = async (): Promise<{ line: Line; opened: () => number }> => {
    let opened = 0;
    const line = openLine(target(), 'line-test', () => (opened += 1));
    closing.push(line);
    await until('it is open', () => line.isOpen);
    return { line, opened: () => opened };
  };
  const stored = (key: string, value: string) => until('it arrives', async () => (await client.get(key)) === value);

  it('writes what it is given, in order, and Redis answers nothing', async () => {
    const { line } = await open();
    for (let i = 0; i <= 1_000; i += 1) expect(line.send(['SET', 'k', String(i)])).toBe(true);
    await stored('k', '1000');
    const list = (await client.call('CLIENT', 'LIST')) as string;
    const mine = list.split('\n').find((row) => row.includes('name=line-test'));
    expect(mine).toMatch(/ obl=0 oll=0 /);
  });

  it('is replaced when it is cut, and says so', async () => {
    const { line, opened } = await open();
    proxy.cut();
    await until('it was opened again', () => opened() === 2 && line.isOpen);
    expect(line.send(['SET', 'k', 'after'])).toBe(true);
    await stored('k', 'after');
  });

  it('takes nothing while Redis is away, and is back with it', async () => {
    const { line, opened } = await open();
    await proxy.refuse();
    await until('it knows', () => !line.isOpen);
    expect(line.send(['SET', 'k', 'lost'])).toBe(false);
    await proxy.accept();
    await until('it was opened again', () => opened() === 2 && line.isOpen);
    expect(await client.get('k')).toBeNull();
  });

  it('is replaced when what it writes does not arrive, though the connection stands', async () => {
    const { line, opened } = await open();
    proxy.blackhole();
    expect(line.send(['SET', 'k', 'swallowed'])).toBe(true);
    await until('it knows', () => !line.isOpen, 20_000);
    proxy.heal();
    await until('it was opened again', () => opened() === 2 && line.isOpen, 20_000);
    expect(line.send(['SET', 'k', 'after'])).toBe(true);
    await stored('k', 'after');
  });

  it('stays the same while Redis hears it', { timeout: 20_000 }, async () => {
    const { line, opened } = await open();
    for (let i = 0; i < 80; i += 1) {
      expect(line.send(['SET', 'k', String(i)])).toBe(true);
      await sleep(100);
    }
    expect([line.isOpen, opened()]).toEqual([true, 1]);
    const list = (await client.call('CLIENT', 'LIST')) as string;
    expect(list.split('\n').find((row) => row.includes('name=line-test'))).toMatch(/ obl=0 oll=0 /);
  });

  it('closed while it is opened it leaves no connection', async () => {
    const line = openLine(target(), 'line-test', () => undefined);
    line.close();
    await sleep(100);
    expect(line.isOpen).toBe(false);
  });
});

describe('the mark of begun executions', () => {
  const key = 'rq:tsrq:begun:0123456789abcdef';
  const make = async (): Promise<BegunMark> => {
    const mark = new BegunMark({
      ...{
        target: target(),
        name: 'mark-test',
        isWanted: true,
        processPrefix: '0123456789abcdef',
        onReady: () => undefined,
      },
    });
    closing.push(mark);
    return Promise.resolve(mark);
  };

  it('is not there before it is used, then names what began last', async () => {
    const mark = await make();
    expect(mark.begin('0123456789abcdef-1')).toBe(true);
    expect(await client.exists(key)).toBe(0);
    await until('it is ready', () => mark.isReady);
    await until('it names what began before', async () => (await client.get(key)) === '0123456789abcdef-1');
    expect(mark.begin('0123456789abcdef-3')).toBe(true);
    expect(mark.begin('0123456789abcdef-2')).toBe(true);
    await until('it names the newest', async () => (await client.get(key)) === '0123456789abcdef-3');
    expect(await client.ttl(key)).toBeGreaterThan(3_000);
  });

  it('lets nothing begin that it cannot tell of; withdrawn, all count as begun', async () => {
    const mark = await make();
    await until('it is ready', () => mark.isReady);
    expect(mark.begin('0123456789abcdef-1')).toBe(true);
    await proxy.refuse();
    await until('it is stuck', () => mark.isStuck);
    expect(mark.begin('0123456789abcdef-2')).toBe(false);
    expect(mark.isReady).toBe(false);
    const redis = producerTo(server.port);
    await mark.withdraw(redis);
    redis.close();
    expect(await client.exists(key)).toBe(0);
    expect(mark.begin('0123456789abcdef-2')).toBe(true);
    await proxy.accept();
    await until('it is ready again', () => mark.isReady);
    await until('it names what began meanwhile', async () => (await client.get(key)) === '0123456789abcdef-2');
  });
});

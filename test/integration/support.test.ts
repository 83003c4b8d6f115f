import { once } from 'node:events';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis as IoRedis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findRedisServer, startPrivateRedis } from '../../src/redis/private-redis.js';
import { killAtEndOfFile } from '../support/endings.js';
import { startProxy, type Proxy } from '../support/proxy.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { RespItems } from '../support/resp.js';
import { until } from '../support/rq.js';
import { startSentinels } from '../support/sentinel.js';

/** Starts a private server in a process of its own, and tells of both. */
async function startedElsewhere(end: string): Promise<{ port: number; code: number | null; signal: string | null }> {
  const file = JSON.stringify(fileURLToPath(new URL('../../src/redis/private-redis.ts', import.meta.url)));
  const program = `
    const jiti = require('jiti').createJiti(${file});
    jiti.import(${file}).then(async ({ findRedisServer, startPrivateRedis }) => {
      const { port } = await startPrivateRedis(await findRedisServer(process.env));
      process.stdout.write(port + '\\n', () => { ${end}; });
      setInterval(() => undefined, 1_000);
    });`;
  const child = spawn(process.execPath, ['-e', program], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  killAtEndOfFile(child);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { port: Number(output), code, signal };
}

const isRefused = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => resolve(true));
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
  });

describe('a private Redis', () => {
  it.each([
    ['process.exit(3)', 3, null],
    ['setTimeout(() => { throw 0; })', 1, null],
    ["process.kill(process.pid, 'SIGTERM')", null, 'SIGTERM'],
    ["process.kill(process.pid, 'SIGINT')", null, 'SIGINT'],
    ["process.kill(process.pid, 'SIGKILL')", null, 'SIGKILL'],
  ])('of the demo and of tests ends with its process, and so does that as ever: %s', async (end, code, signal) => {
    const { port, ...ended } = await startedElsewhere(end);
    expect(ended).toEqual({ code, signal });
    expect(port).toBeGreaterThan(0);
    await until('nobody listens on its port', () => isRefused(port));
  });

  it('is the process it says it is, and leaves nothing behind', async () => {
    const server = await startRedis();
    const info = await server.client().info('server');
    expect(info).toContain(`process_id:${server.pid}`);
    await server.stop();
    await server.stop();
    expect(existsSync(server.dir)).toBe(false);
    expect(() => process.kill(server.pid, 0)).toThrow('ESRCH');
  });

  it('restarts on its port and directory, also when it was paused', async () => {
    const server = await startRedis({ conf: { appendonly: 'yes', appendfsync: 'always' } });
    await server.client().set('kept', 'yes');
    const before = server.pid;
    await server.kill('SIGSTOP');
    await server.restart();
    expect(server.pid).not.toBe(before);
    expect(await server.client().get('kept')).toBe('yes');
    await server.stop();
  });

  it('does not take the server of another program on its port for its own', async () => {
    const other = createServer((socket) => socket.end('+PONG\r\n')).listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    await expect(startRedis({ port })).rejects.toThrow('Address already in use');
    other.close();
  });

  it('of the demo wants its password, and is gone with its files after stop', async () => {
    const found = await findRedisServer(process.env);
    if (!found) throw new Error('no server was found');
    const server = await startPrivateRedis(found);
    const stranger = new IoRedis({ port: server.port, lazyConnect: true, retryStrategy: () => null });
    stranger.on('error', () => undefined);
    await expect(stranger.get('x')).rejects.toThrow(/NOAUTH/);
    const client = new IoRedis(server.url, { lazyConnect: true });
    const [, dir] = (await client.config('GET', 'dir')) as [string, string];
    expect(await client.set('x', '1')).toBe('OK');
    stranger.disconnect();
    client.disconnect();
    await server.stop();
    expect(existsSync(dir)).toBe(false);
  });
});

describe('a server of the machine', () => {
  const ENSURE = fileURLToPath(new URL('../../scripts/ensure-redis.js', import.meta.url));
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'tsrq-test-servers-'));
  });
  afterEach(() => {
    rmSync(dir, { recursive: true, force: true });
  });
  const program = (name: string, says: string): string => {
    const path = join(dir, name);
    writeFileSync(path, `#!/bin/sh\necho '${says}'\n`);
    chmodSync(path, 0o755);
    return path;
  };

  it('is the Valkey of the PATH before its Redis, and never one older than 6.2', async () => {
    const redis = program('redis-server', 'Redis server v=6.2.0 sha=0:0');
    const valkey = program('valkey-server', 'Valkey server v=8.1.1 sha=0:0');
    expect(await findRedisServer({ PATH: dir })).toEqual({ path: valkey, product: 'Valkey', version: '8.1.1' });
    program('valkey-server', 'Valkey server v=1.0.0 sha=0:0');
    program('redis-server', 'Redis server v=6.0.16 sha=0:0');
    expect([redis, valkey]).not.toContain((await findRedisServer({ PATH: dir }))?.path);
  });

  it('is the one that is named, and no other when that is none: the script and the program agree', async () => {
    const good = program('mine', 'Redis server v=7.2.4 sha=0:0');
    const old = program('old', 'Redis server v=5.0.7 sha=0:0');
    const ensure = (path: string) =>
      spawnSync(process.execPath, [ENSURE], { env: { ...process.env, TSRQ_REDIS_BINARY: path }, encoding: 'utf8' });
    expect((await findRedisServer({ TSRQ_REDIS_BINARY: good }))?.path).toBe(good);
    expect(ensure(good)).toMatchObject({ status: 0, stdout: '', stderr: '' });
    for (const bad of [old, join(dir, 'nowhere')]) {
      expect(await findRedisServer({ TSRQ_REDIS_BINARY: bad })).toBeNull();
      const { status, stderr } = ensure(bad);
      expect(status).toBe(69);
      expect(stderr).toContain(`TSRQ_REDIS_BINARY is '${bad}'`);
    }
  });
});

describe('three sentinels', () => {
  it('name the new master after a fail-over', async () => {
    const sentinels = await startSentinels();
    const before = await sentinels.master();
    const client = await sentinels.clientOfMaster();
    await client.set('kept', 'yes');
    expect(await client.wait(2, 10_000)).toBe(2);
    await sentinels.failover();
    const after = await sentinels.master();
    expect(after.port).not.toBe(before.port);
    expect(await after.client().get('kept')).toBe('yes');
    await sentinels.stop();
  });
});

describe('the proxy', () => {
  let server: TestRedis;
  let proxy: Proxy;
  let direct: IoRedis;
  const clients: IoRedis[] = [];

  beforeEach(async () => {
    server = await startRedis();
    proxy = await startProxy(server.port);
    direct = server.client();
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.disconnect();
    await proxy.stop();
    await server.stop();
  });

  const connect = (retries: boolean): IoRedis => {
    const strategy = retries ? { retryStrategy: () => 10 } : { retryStrategy: () => null };
    const client = new IoRedis({ port: proxy.port, lazyConnect: true, ...strategy });
    client.on('error', () => undefined);
    clients.push(client);
    return client;
  };
  /** What has become of a call by now. */
  const watch = (call: Promise<unknown>): (() => string) => {
    let state = 'pending';
    call.then(
      () => (state = 'resolved'),
      () => (state = 'rejected'),
    );
    return () => state;
  };

  it('passes everything on, large replies too', async () => {
    const client = connect(false);
    const large = 'x'.repeat(1_000_000);
    await client.set('large', large);
    expect(await client.get('large')).toBe(large);
    expect(proxy.connections()).toBe(1);
  });

  it('drops the reply of the command that matches, which Redis has done; a client that sends it again does it twice', async () => {
    const client = connect(true);
    await client.ping();
    const lost = proxy.dropReply('counter');
    const counted = client.incr('counter');
    await lost;
    expect(await direct.get('counter')).toBe('1');
    expect(await counted).toBe(2);
  });

  it('drops replies as often as it is told, and those of no other command', async () => {
    const client = connect(true);
    const lost = proxy.dropReply('counter', 3);
    const [other, counted] = await Promise.all([client.set('other', 'x'), client.incr('counter'), lost]);
    expect(other).toBe('OK');
    expect(counted).toBe(4);
  });

  it('drops a reply that a blocking command waits for', async () => {
    const client = connect(false);
    const lost = proxy.dropReply('LMOVE');
    const moved = client.blmove('a', 'b', 'LEFT', 'RIGHT', 0);
    const failed = expect(moved).rejects.toThrow();
    await until('the client waits', async () => (await direct.info('clients')).includes('blocked_clients:1'));
    await direct.rpush('a', 'id');
    await lost;
    await failed;
    expect(await direct.lrange('b', 0, -1)).toEqual(['id']);
  });

  it('drops the next reply when a client goes away before there is one', async () => {
    const lost = proxy.dropReply('MOVE');
    const moved = connect(false).blmove('a', 'b', 'LEFT', 'RIGHT', 0);
    const failed = expect(moved).rejects.toThrow();
    await until('the client waits', async () => (await direct.info('clients')).includes('blocked_clients:1'));
    proxy.cut();
    await failed;
    await direct.rpush('a', 'id');
    const again = expect(connect(false).lmove('a', 'b', 'LEFT', 'RIGHT')).rejects.toThrow();
    await lost;
    await again;
    expect(await direct.lrange('b', 0, -1)).toEqual(['id']);
  });

  it('lets nothing pass while it is a black hole, and everything after it', async () => {
    const client = connect(true);
    await client.ping();
    proxy.blackhole();
    const set = client.set('key', 'value');
    const state = watch(set);
    // By then the command has long been at the proxy: it has answered what was sent after it on another way.
    for (let i = 0; i < 20; i++) await direct.ping();
    expect([state(), await direct.exists('key')]).toEqual(['pending', 0]);
    proxy.heal();
    expect(await set).toBe('OK');
  });

  it('resets all connections and accepts new ones after a cut', async () => {
    const client = connect(false);
    await client.ping();
    const waiting = client.blpop('nothing', 0);
    const failed = expect(waiting).rejects.toThrow();
    await until('the client waits', async () => (await direct.info('clients')).includes('blocked_clients:1'));
    proxy.cut();
    await failed;
    expect(await connect(false).ping()).toBe('PONG');
  });

  it('refuses connections until it accepts them again, on the same port', async () => {
    await proxy.refuse();
    await expect(connect(false).connect()).rejects.toThrow();
    await proxy.accept();
    expect(await connect(false).ping()).toBe('PONG');
  });

  it('delays without losing or mixing anything', async () => {
    const client = connect(false);
    proxy.delay(20);
    const numbers = await Promise.all(Array.from({ length: 50 }, () => client.incr('counter')));
    expect(numbers).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    proxy.delay(600_000);
    const state = watch(client.set('key', 'value'));
    for (let i = 0; i < 20; i++) await direct.ping();
    expect([state(), await direct.exists('key')]).toEqual(['pending', 0]);
  });

  it('throttles without losing anything', async () => {
    const client = connect(false);
    await client.set('large', 'x'.repeat(5_000));
    proxy.throttle(50_000);
    expect(await client.get('large')).toHaveLength(5_000);
    proxy.throttle(0.01);
    const state = watch(client.get('large'));
    for (let i = 0; i < 20; i++) await direct.ping();
    expect(state()).toBe('pending');
  });
});

it('RESP is cut into its items wherever the chunks end', () => {
  const items = [
    '+OK\r\n',
    '$-1\r\n',
    '$4\r\na\r\nb\r\n',
    '*2\r\n:1\r\n*1\r\n$1\r\nx\r\n',
    '*-1\r\n',
    '%1\r\n+a\r\n_\r\n',
  ];
  const whole = Buffer.from(items.join(''));
  for (let at = 0; at <= whole.length; at++) {
    const stream = new RespItems();
    const seen = [...stream.push(whole.subarray(0, at)), ...stream.push(whole.subarray(at))];
    expect(seen.map(String)).toEqual(items);
    expect(stream.unfinished).toBe(0);
  }
});

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect as connectTo, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createSecureServer, type TLSSocket } from 'node:tls';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { loadSettings } from '../../src/config/load.js';
import type { TsrqError } from '../../src/errors.js';
import { connect, digest, type ConnectOptions } from '../../src/redis/connect.js';
import type { Redis } from '../../src/redis/redis.js';
import { script } from '../../src/redis/scripts.js';
import { parseRedisUrl, type RedisTarget, type TlsSettings } from '../../src/redis/target.js';
import { startProxy } from '../support/proxy.js';
import { freePort, startRedis, type TestRedis } from '../support/redis.js';
import { until } from '../support/rq.js';

let dir: string;
let server: TestRedis;
let tlsPort: number;
const open: Redis[] = [];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tsrq-test-connect-'));
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: dir, stdio: 'ignore' });
  };
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.crt', '-days', '2', '-subj', '/CN=test ca');
  openssl(
    'req',
    ...key,
    '-keyout',
    'server.key',
    '-out',
    'server.csr',
    '-subj',
    '/CN=server',
    '-addext',
    'subjectAltName=DNS:localhost,IP:127.0.0.1',
  );
  openssl(
    'x509',
    '-req',
    '-in',
    'server.csr',
    '-CA',
    'ca.crt',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-days',
    '2',
    '-copy_extensions',
    'copy',
    '-out',
    'server.crt',
  );
  tlsPort = await freePort();
  server = await startRedis({
    conf: {
      unixsocket: `"${join(dir, 'redis.sock')}"`,
      'tls-port': String(tlsPort),
      'tls-cert-file': `"${join(dir, 'server.crt')}"`,
      'tls-key-file': `"${join(dir, 'server.key')}"`,
      'tls-ca-cert-file': `"${join(dir, 'ca.crt')}"`,
      'tls-auth-clients': 'no',
    },
  });
  await server.client().call('ACL', 'SETUSER', 'bob', 'on', '>p@ss', '~*', '&*', '+@all', '-flushall');
});
afterEach(() => {
  for (const redis of open.splice(0)) redis.close();
});
afterAll(async () => {
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

const to = (target: RedisTarget, options: Partial<ConnectOptions> = {}): Redis => {
  const redis = connect(target, { role: 'producer', deadlineMs: 3_000, ...options });
  open.push(redis);
  return redis;
};
const url = (text: string): Redis => to(parseRedisUrl(text));
const errorOf = (work: Promise<unknown>): Promise<TsrqError> =>
  work.then(
    () => expect.fail('it did not fail'),
    (error: unknown) => error as TsrqError,
  );

describe('ways to a Redis', () => {
  it('a unix socket', async () => {
    expect(await url(`unix://${join(dir, 'redis.sock')}?db=3`).call(['PING'])).toBe('PONG');
  });

  it('TLS, with the authority that signed, from the configuration', async () => {
    const config = {
      env: {
        REDIS_HOST: 'localhost',
        REDIS_PORT: String(tlsPort),
        REDIS_SSL: 'true',
        REDIS_SSL_CA_CERTS: join(dir, 'ca.crt'),
        XDG_CONFIG_HOME: dir,
      },
    };
    const { target } = await loadSettings({ flags: {}, ...config, cwd: dir });
    expect(await to(target).call(['PING'])).toBe('PONG');
  });

  it('TLS to a server that nobody vouches for is refused', async () => {
    const error = await errorOf(url(`rediss://localhost:${tlsPort}`).call(['PING']));
    expect(error.code).toBe('REDIS_UNREACHABLE');
    expect(error.message).toMatch(/certificate/);
    expect(error.hint).toMatch(/redis\.tls\.ca/);
  });

  it('TLS to a server that wants a certificate says so', async () => {
    const pem = (name: string): Buffer => readFileSync(join(dir, name));
    const [ca, key, cert] = [pem('ca.crt'), pem('server.key'), pem('server.crt')];
    const relay = createSecureServer({ key, cert, ca, requestCert: true }, (client) => {
      client.pipe(connectTo(server.port, '127.0.0.1')).pipe(client);
    });
    await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
    const { port } = relay.address() as AddressInfo;
    const redis = (tls: TlsSettings): Redis => to({ kind: 'tcp', host: 'localhost', port, db: 0, tls });
    expect(await redis({ ca, cert, key }).call(['PING'])).toBe('PONG');
    const error = await errorOf(redis({ ca }).call(['PING']));
    expect(error.message).toMatch(/: TLS failed: tlsv13 alert certificate required$/);
    expect(error.hint).toMatch(/redis\.tls\.cert/);
    const unread = await errorOf(redis({ ca, cert: 'no PEM', key: 'no PEM' }).call(['PING']));
    expect([unread.code, unread.hint]).toEqual(['REDIS_UNREACHABLE', expect.stringMatching(/PEM/)]);
    for (const one of open.splice(0)) one.close();
    relay.close();
  });

  it("TLS by redis-py's parameters of an address", async () => {
    const address = `rediss://localhost:${tlsPort}`;
    expect(await url(`${address}?ssl_ca_certs=${join(dir, 'ca.crt')}`).call(['PING'])).toBe('PONG');
    expect(await url(`${address}?ssl_cert_reqs=none`).call(['PING'])).toBe('PONG');
    // The certificate is not of that address.
    const relay = createServer((client) => client.pipe(connectTo(tlsPort, '127.0.0.1')).pipe(client));
    await new Promise<void>((resolve) => relay.listen(0, '127.0.0.2', resolve));
    const { port } = relay.address() as AddressInfo;
    const other = `rediss://127.0.0.2:${port}?ssl_ca_certs=${join(dir, 'ca.crt')}`;
    const error = await errorOf(url(other).call(['PING']));
    expect(error.message).toMatch(/altnames/);
    expect(error.hint).toMatch(/servername/);
    expect(await url(`${other}&ssl_check_hostname=False`).call(['PING'])).toBe('PONG');
    for (const redis of open.splice(0)) redis.close();
    relay.close();
  });

  it('TLS tells the server by which name it is asked for, if that is a name', async () => {
    const asked: string[] = [];
    const relay = createSecureServer(
      { key: readFileSync(join(dir, 'server.key')), cert: readFileSync(join(dir, 'server.crt')) },
      (client) => {
        asked.push(String((client as TLSSocket & { servername: unknown }).servername));
        client.pipe(connectTo(server.port, '127.0.0.1')).pipe(client);
      },
    );
    await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
    const { port } = relay.address() as AddressInfo;
    const tls = { ca: readFileSync(join(dir, 'ca.crt')) };
    for (const host of ['localhost', '127.0.0.1'])
      expect(await to({ kind: 'tcp', host, port, db: 0, tls }).call(['PING'])).toBe('PONG');
    const named = { ...tls, servername: 'other', checkHostname: false };
    expect(await to({ kind: 'tcp', host: '127.0.0.1', port, db: 0, tls: named }).call(['PING'])).toBe('PONG');
    expect(asked).toEqual(['localhost', 'false', 'other']);
    for (const redis of open.splice(0)) redis.close();
    relay.close();
  });

  it('TLS to a server that does not speak it ends by the deadline', async () => {
    const redis = to(parseRedisUrl(`rediss://127.0.0.1:${server.port}`), { deadlineMs: 800 });
    expect((await errorOf(redis.call(['PING']))).code).toBe('REDIS_UNREACHABLE');
  });

  it('a record of TLS that was damaged on its way costs the connection, not the process', async () => {
    let isDamaged = true;
    // The last byte of a large answer.
    const relay = createServer((client) => {
      const there = connectTo(tlsPort, 'localhost');
      client.pipe(there);
      there.on('data', (bytes: Buffer) => {
        if (isDamaged && bytes.length > 3_000) {
          isDamaged = false;
          bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
        }
        client.write(bytes);
      });
      for (const socket of [client, there])
        socket.on('error', () => undefined).on('close', () => (client.destroy(), there.destroy()));
    });
    await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
    const { port } = relay.address() as AddressInfo;
    const lost: string[] = [];
    const target = { ...parseRedisUrl(`rediss://localhost:${port}`), tls: { ca: readFileSync(join(dir, 'ca.crt')) } };
    const redis = to(target, { role: 'consumer', onLost: ({ message }) => lost.push(message) });
    const text = 'x'.repeat(9_000);
    expect(await Promise.all([redis.call(['ECHO', text]), redis.call(['PING']), redis.call(['PING'])])).toEqual([
      text,
      'PONG',
      'PONG',
    ]);
    expect(lost).toEqual([expect.stringMatching(/bad record mac|decryption failed/i)]);
    relay.close();
  });

  it('an answer that came while the event loop was held up counts, although its time is over', async () => {
    const redis = to(parseRedisUrl(server.url), { deadlineMs: 300 });
    await redis.call(['PING']);
    const answer = redis.call(['ECHO', 'there']);
    await new Promise(setImmediate);
    for (const end = performance.now() + 500; performance.now() < end;);
    expect(await answer).toBe('there');
  });

  it('a wrong password is nowhere in the error', async () => {
    const error = await errorOf(url(`redis://bob:hunter2@127.0.0.1:${server.port}`).call(['PING']));
    expect(inspect(error, { depth: null })).toContain('WRONGPASS');
    expect(inspect(error, { depth: null })).not.toContain('hunter2');
  });

  it('a password that the server does not ask for does no harm', async () => {
    expect(await url(server.url.replace('://', '://:unasked@')).call(['PING'])).toBe('PONG');
  });

  it('a server that is full says so, also to who has a name', async () => {
    const full = await startRedis({ conf: { maxclients: '10' } });
    const held: Redis[] = [];
    for (let i = 0; i < 20; i += 1) held.push(to(parseRedisUrl(full.url), { name: 'a name' }));
    const answers = await Promise.all(held.map((redis) => redis.call(['PING']).catch((error: unknown) => error)));
    const errors = answers.filter((answer) => answer instanceof Error).map(({ message }) => message);
    expect(errors).not.toEqual([]);
    // One that is cut off before it was read may not be told.
    const said = errors.filter((message) => !/ECONNRESET|EPIPE|Connection is closed/.test(message));
    for (const message of said) expect(message).toContain('max number of clients reached');
    await full.stop();
  });

  it('all calls of a connection that is given up hear why', async () => {
    const proxy = await startProxy(server.port);
    const lost: string[] = [];
    const redis = to(parseRedisUrl(proxy.url), { deadlineMs: 500, onLost: ({ message }) => lost.push(message) });
    await redis.evaluate(script('tell'), [], ['nobody', '{}']).catch(() => undefined);
    proxy.blackhole();
    const calls = [1, 2].map(() => errorOf(redis.evaluate(script('tell'), [], ['nobody', '{}'])));
    for (const { message } of await Promise.all(calls)) expect(message).toMatch(/no answer within/);
    expect(lost).toEqual([expect.stringMatching(/no answer within/)]);
    await proxy.stop();
  });

  it('a user with a password, and what the user may not do', async () => {
    const bob = url(`redis://bob:p%40ss@127.0.0.1:${server.port}`);
    expect(await bob.call(['ACL', 'WHOAMI'])).toBe('bob');
    expect((await errorOf(bob.call(['FLUSHALL']))).message).toMatch(/NOPERM/);
    const wrong = await errorOf(url(`redis://bob:nope@127.0.0.1:${server.port}`).call(['PING']));
    expect([wrong.code, wrong.message.includes('nope')]).toEqual(['REDIS_REFUSED', false]);
  });

  it('a database that does not exist is refused, not replaced by database 0', async () => {
    expect((await errorOf(url(`redis://127.0.0.1:${server.port}/99`).call(['PING']))).code).toBe('REDIS_REFUSED');
  });
});

describe('a call', () => {
  it('returns text or bytes, and errors of a pipeline in their places', async () => {
    const redis = url(server.url);
    await redis.call(['SET', 'bytes', Buffer.from([0, 255])]);
    expect(await redis.callBuffer(['GET', 'bytes'])).toEqual(Buffer.from([0, 255]));
    const [ok, error, value] = await redis.pipeline([
      ['SET', 'a', 1],
      ['LPUSH', 'a', 1],
      ['GET', 'a'],
    ]);
    expect([ok, value]).toEqual(['OK', '1']);
    expect(error).toBeInstanceOf(Error);
    await expect(redis.call(['LPUSH', 'a', 1])).rejects.toThrow(/WRONGTYPE/);
  });

  it('of a script survives a flushed script cache', async () => {
    const redis = url(server.url);
    await redis.evaluate(script('due'), [], ['', 'q', 1]);
    await redis.call(['SCRIPT', 'FLUSH']);
    expect(await redis.evaluate(script('due'), [], ['', 'q', 1])).toBe(0);
  });

  it('of a consumer waits until Redis is there; of a producer fails at once', async () => {
    const proxy = await startProxy(server.port);
    await proxy.refuse();
    const events: string[] = [];
    const consumer = to(parseRedisUrl(proxy.url), {
      role: 'consumer',
      onLost: () => events.push('lost'),
      onRegained: () => events.push('regained'),
    });
    const answer = consumer.call(['PING']);
    expect((await errorOf(url(proxy.url).call(['PING']))).message).toMatch(/ECONNREFUSED/);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await proxy.accept();
    expect(await answer).toBe('PONG');
    expect(events).toEqual(['lost', 'regained']);
    await proxy.stop();
  });

  it('of a producer that waits finds Redis again when it is back; before it was connected it fails at once', async () => {
    const proxy = await startProxy(server.port);
    const producer = to(parseRedisUrl(proxy.url), { waits: true, deadlineMs: 20_000 });
    await producer.call(['PING']);
    await proxy.refuse();
    // Until it has seen that.
    await new Promise((resolve) => setTimeout(resolve, 100));
    const never = to(parseRedisUrl(proxy.url), { waits: true, deadlineMs: 20_000 });
    const answers = [producer.call(['PING']), producer.evaluate(script('due'), [], ['', 'q', 1])];
    const failed = await Promise.race([errorOf(never.call(['PING'])), ...answers]);
    expect(failed).toMatchObject({ code: 'REDIS_UNREACHABLE' });
    await new Promise((resolve) => setTimeout(resolve, 300));
    await proxy.accept();
    expect(await Promise.all(answers)).toEqual(['PONG', 0]);
    await proxy.stop();
  });

  it('whose deadline is over before the connection is opened ends, and throws nothing that nobody catches', async () => {
    for (const deadlineMs of [0, -1, 0.5]) {
      const producer = to(parseRedisUrl(server.url), { role: 'producer', deadlineMs });
      const outcome = await producer.call(['PING']).catch((error: unknown) => (error as TsrqError).code);
      expect(['PONG', 'REDIS_UNREACHABLE']).toContain(outcome);
    }
  });

  it('of a consumer finds another way out of a connection that fell silent', async () => {
    const proxy = await startProxy(server.port);
    const consumer = to(parseRedisUrl(proxy.url), { role: 'consumer', replyTimeoutMs: 300 });
    await consumer.call(['PING']);
    proxy.blackhole();
    const answer = consumer.call(['PING']);
    await new Promise((resolve) => setTimeout(resolve, 500));
    proxy.heal();
    expect(await answer).toBe('PONG');
    await proxy.stop();
  });

  it('of a consumer takes a reply that takes its time to arrive, and asks for it once', async () => {
    const proxy = await startProxy(server.port);
    await server.client().set('long', 'x'.repeat(10_000));
    await server.client().config('RESETSTAT');
    const consumer = to(parseRedisUrl(proxy.url), { role: 'consumer', replyTimeoutMs: 400 });
    await consumer.call(['PING']);
    proxy.throttle(10_000);
    expect(await consumer.call(['GET', 'long'])).toHaveLength(10_000);
    expect(await server.client().info('commandstats')).toMatch(/cmdstat_get:calls=1,/);
    // Of a producer no call takes longer than it may.
    const producer = to(parseRedisUrl(proxy.url), { deadlineMs: 400 });
    expect((await errorOf(producer.call(['GET', 'long']))).code).toBe('REDIS_UNREACHABLE');
    await proxy.stop();
  });

  it('that waits for replicas keeps no other call waiting, and many wait for them together', async () => {
    const producer = to(parseRedisUrl(server.url));
    const source = "return redis.call('INCR', 'written')";
    const count = { name: 'count', source, sha: digest(source) };
    const told: string[] = [];
    await server.client().config('RESETSTAT');
    const durable = Array.from({ length: 20 }, async () => {
      const { replicas } = await producer.evaluateDurably(count, [], { replicas: 1, timeoutMs: 500 });
      told.push('durable');
      return replicas;
    });
    await until('the first is waited for', async () => /cmd=wait/.test(String(await server.client().client('LIST'))));
    await producer.call(['PING']);
    told.push('plain');
    expect(await Promise.all(durable)).toEqual(durable.map(() => 0));
    expect(told[0]).toBe('plain');
    const waits = /cmdstat_wait:calls=(\d+)/.exec(await server.client().info('commandstats'))?.[1];
    expect(Number(waits)).toBeLessThanOrEqual(2);
  });

  it('after close is refused, and close ends the calls under way', async () => {
    const proxy = await startProxy(server.port);
    const consumer = to(parseRedisUrl(proxy.url), { role: 'consumer' });
    await consumer.call(['PING']);
    proxy.blackhole();
    const pending = errorOf(consumer.call(['PING']));
    consumer.close();
    consumer.close();
    expect((await pending).code).toBe('CLOSED');
    expect((await errorOf(consumer.call(['PING']))).code).toBe('CLOSED');
    await proxy.stop();
  });
});

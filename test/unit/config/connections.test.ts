import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeTarget } from '../../../src/redis/target.js';
import { ConfigFolder } from '../../support/config-folder.js';

let folder: ConfigFolder;
beforeEach(() => {
  folder = new ConfigFolder();
});
afterEach(() => {
  folder.remove();
});

describe('a URL and what stands beside it', () => {
  it.each(['redis://h', 'rediss://h'])('%s takes the certificates of tls', async (url) => {
    folder.write('ca.pem', 'a certificate');
    const tls = { ca: 'ca.pem', servername: 's' };
    const expected = { host: 'h', tls: { ca: 'a certificate', servername: 's' } };
    expect((await folder.with({ redis: { url, tls } })).target).toMatchObject(expected);
    const named = await folder.with({ connections: { a: { url, tls } }, connection: 'a' });
    expect(named.target).toMatchObject(expected);
  });

  it("the parameters of an address are TLS's as well, what stands beside it goes before", async () => {
    const url = 'rediss://h?ssl_cert_reqs=none&ssl_check_hostname=false';
    const expected = { tls: { rejectUnauthorized: false, checkHostname: true, servername: 's' } };
    const tls = { checkHostname: true, servername: 's' };
    expect((await folder.with({ redis: { url, tls } })).target).toMatchObject(expected);
    expect((await folder.with({ connections: { a: { url, tls } }, connection: 'a' })).target).toMatchObject(expected);
  });

  it('rediss:// is TLS, whatever a switch says', async () => {
    expect((await folder.with({ redis: { url: 'rediss://h', tls: false } })).target).toMatchObject({ tls: {} });
  });

  it('of the Sentinel form takes the password of the same source', async () => {
    const env = { REDIS_URL: 'redis+sentinel://h/m', REDIS_PASSWORD: 'p' };
    expect((await folder.load({}, env)).target).toMatchObject({ kind: 'sentinel', masterName: 'm', password: 'p' });
  });

  it('takes a port, a database and a password of a higher source', async () => {
    const env = { REDIS_PORT: '9', REDIS_DB: '3', REDIS_PASSWORD: 'p' };
    const settings = await folder.with({ redis: { url: 'redis://h:1/2' } }, env);
    expect(settings.target).toEqual({ kind: 'tcp', host: 'h', port: 9, db: 3, password: 'p' });
  });
});

describe('the sections redis and sentinel', () => {
  it('give way to each other by precedence', async () => {
    const sentinel = { instances: ['s'], masterName: 'm' };
    expect(describeTarget((await folder.with({ sentinel }, { REDIS_HOST: 'h' })).target)).toBe('redis://h:6379/0');
    const redis = { host: 'h', db: 3, password: 'p' };
    expect((await folder.with({ redis }, { REDIS_URL: 'redis+sentinel://s/m' })).target).toEqual({
      kind: 'sentinel',
      instances: [{ host: 's', port: 26379 }],
      masterName: 'm',
      db: 0,
    });
  });

  it('are the default connection, which no named one can be', async () => {
    expect(await folder.problems({ connections: { default: 'redis://d' } })).toEqual([
      "file: connections.default: 'default' is the connection of redis or sentinel: it belongs there",
    ]);
    const settings = await folder.with({ redis: { host: 'h' } });
    expect(describeTarget(settings.connections['default']!)).toBe('redis://h:6379/0');
  });
});

describe("Flask-RQ's rules", () => {
  it('a chain of aliases ends at its connection, in whatever order it is written', async () => {
    const settings = await folder.with({
      connections: { mail: 'redis://mail' },
      queueConnections: { c: 'b', b: 'a', a: 'mail' },
    });
    expect(['a', 'b', 'c'].map((queue) => settings.connectionNameOf(queue))).toEqual(['mail', 'mail', 'mail']);
    expect(settings.usedConnections().map(({ name }) => name)).toEqual(['default', 'mail']);
  });
  it('an alias of default, or of a queue of the same name as a connection, is no circle', async () => {
    const settings = await folder.with({
      connections: { mail: 'redis://mail' },
      queueConnections: { mail: 'mail', b: 'default' },
    });
    expect(settings.connectionNameOf('mail')).toBe('mail');
    expect(settings.connectionNameOf('b')).toBe('default');
  });
  it.each(['constructor', '__proto__', 'toString'])('%s is no connection by accident', async (name) => {
    expect(await folder.problems({ queueConnections: { a: name } })).toHaveLength(1);
  });
  it('a queue that is its own alias is a circle', async () => {
    expect(await folder.problems({ queueConnections: { a: 'a' } })).toEqual([
      'file: queueConnections.a: goes in a circle: a → a',
    ]);
  });
  it('--connection default takes back TSRQ_CONNECTION', async () => {
    const file = { redis: { host: 'main' }, connections: { mail: 'redis://mail' } };
    const env = { TSRQ_CONNECTION: 'mail' };
    expect(describeTarget((await folder.with(file, env)).target)).toBe('redis://mail:6379/0');
    expect(describeTarget((await folder.with(file, env, { connection: 'default' })).target)).toBe(
      'redis://main:6379/0',
    );
  });
});

describe('passwordFile', () => {
  it('stands below a password of a higher source, and loses one end of line only', async () => {
    folder.write('secret', 'geheim\n\n');
    const file = { redis: { host: 'h', passwordFile: 'secret' } };
    expect((await folder.with(file)).target.password).toBe('geheim\n');
    expect((await folder.with(file, { REDIS_PASSWORD: 'p' })).target.password).toBe('p');
  });
  it('that cannot be read is a problem', async () => {
    expect(await folder.problems({ sentinel: { instances: ['h'], passwordFile: 'nope' } })).toEqual([
      "file: sentinel.passwordFile: the file 'nope' cannot be read (ENOENT)",
    ]);
  });
});

describe("RQ's SENTINEL", () => {
  it('takes IPv6 addresses, words for switches, and lets the KWARGS win', async () => {
    const settings = await folder.with({
      SENTINEL: {
        CONNECTION_KWARGS: { password: 'wins' },
        PASSWORD: 'loses',
        SSL: 'True',
        INSTANCES: [['::1', 5], ['h']],
      },
    });
    expect(settings.target).toEqual({
      kind: 'sentinel',
      instances: [
        { host: '::1', port: 5 },
        { host: 'h', port: 26379 },
      ],
      masterName: 'mymaster',
      db: 0,
      password: 'wins',
      tls: {},
    });
  });
  it.each([
    [{ INSTANCES: 'h:1' }, "file SENTINEL.INSTANCES: sentinel.instances: is 'h:1': an array is needed"],
    [{ INSTANCES: [{}] }, 'file SENTINEL.INSTANCES: sentinel.instances.0: is {}: a string is needed'],
    [{ INSTANCES: [['h', 'x']] }, "file SENTINEL.INSTANCES: sentinel.instances: 'h:x' is no host:port"],
    [{ SENTINEL_KWARGS: 'x' }, 'file: SENTINEL.SENTINEL_KWARGS: is not an object'],
    [{ SSL: 'maybe' }, "file SENTINEL.SSL: sentinel.tls: is 'maybe': a boolean or an object is needed"],
  ])('%j is refused, never read as localhost', async (dictionary, line) => {
    expect(await folder.problems({ SENTINEL: dictionary })).toEqual([line]);
  });
});

describe('settings', () => {
  it('are frozen', async () => {
    const settings = await folder.load();
    for (const part of [settings, settings.worker, settings.log, settings.queues, settings.connections]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });
});

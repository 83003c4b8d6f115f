import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Problems, shown, withoutSecrets } from '../../../src/config/problems.js';
import { TsrqError } from '../../../src/errors.js';
import { ConfigFolder } from '../../support/config-folder.js';

let folder: ConfigFolder;
beforeEach(() => {
  folder = new ConfigFolder();
});
afterEach(() => {
  folder.remove();
});

describe('Problems', () => {
  it('lets pass what is no error of the configuration', () => {
    const problems = new Problems();
    const bug = new TypeError('a bug');
    expect(() =>
      problems.attempt('file', 'a', () => {
        throw bug;
      }),
    ).toThrow(bug);
    expect(() => {
      problems.throwIfAny();
    }).not.toThrow();
    expect(
      problems.attempt('file', 'a', () => {
        throw new TsrqError('CONFIG', 'no');
      }),
    ).toBeNull();
    expect(() => {
      problems.throwIfAny();
    }).toThrow('a problem in the configuration:\n  file: a: no');
  });
});

describe('secrets', () => {
  it('are hidden at any depth, private keys too, and before a long value is cut', () => {
    expect(withoutSecrets({ a: [{ password: 'x', sentinelPassword: null, passwordFile: 'f' }] })).toEqual({
      a: [{ password: '******', sentinelPassword: null, passwordFile: 'f' }],
    });
    expect(withoutSecrets({ key: '-----BEGIN RSA PRIVATE KEY-----\nx', ca: '-----BEGIN CERTIFICATE-----\ny' })).toEqual(
      {
        key: '******',
        ca: '-----BEGIN CERTIFICATE-----\ny',
      },
    );
    expect(shown('redis.password', 'x')).toBe('******');
    expect(shown('a', `${'x'.repeat(60)} redis://u:${'geheim'.repeat(5)}@h`)).not.toContain('geheim');
  });

  it.each([
    ['an array for an object', { redis: [{ password: 'geheim' }] }],
    ['an array for connections', { connections: [{ password: 'geheim' }] }],
    ['a URL for an object', { redis: 'redis://:geheim@h' }],
    ['a list for a password', { sentinel: { instances: ['h'], sentinelPassword: ['geheim'] } }],
    ['a password of RQ that is no text', { SENTINEL: { SENTINEL_KWARGS: { password: { geheim: 1 } } } }],
    ['a text for SENTINEL', { SENTINEL: 'geheim' }],
    ['a mistyped key', { redis: { passwrd: 'geheim' } }],
    ['the URL of a queue', { queueConnections: { a: 'foo://:geheim@h' } }],
    ['the URL of a connection', { connections: { a: { url: 'redis://u:x/geheim@h' } } }],
  ])('are not in the problem of %s', async (_what, file) => {
    const lines = await folder.problems(file);
    expect(lines).not.toEqual([]);
    expect(lines.join('\n')).not.toContain('geheim');
  });

  // Which line of JSON it is, newer versions of Node do not always say.
  it.each([
    ['.tsrqrc.json', '{\n"redis": {"password": "geheim" "x": 1}}', 'is not valid JSON'],
    ['.tsrqrc.json', '{\n// a comment\n"queues": ["geheim"]}', 'is not valid JSON'],
    ['.tsrqrc.yaml', 'redis:\n  password: "geheim\n x: [', 'line 4 is not valid YAML'],
  ])('of a broken %s are not quoted', async (name, content, reason) => {
    folder.write(name, content);
    const error = (await folder.load().catch((thrown: unknown) => thrown)) as TsrqError;
    expect(error.message).toContain(reason);
    expect(`${error.message}${String(error.cause)}`).not.toContain('geheim');
  });

  it('are in no entry', async () => {
    const settings = await folder.with({
      redis: { password: 'geheim', tls: { key: '-----BEGIN PRIVATE KEY-----geheim' } },
      connections: {
        a: 'redis://:geheim@h',
        b: 'redis+sentinel://h/m?sentinel_password=geheim',
        c: { host: 'h', password: 'geheim' },
        d: { sentinel: { instances: ['h'], sentinelPassword: 'geheim' } },
      },
      queueConnections: { q: 'redis://h?password=geheim' },
    });
    expect(settings.target.password).toBe('geheim');
    expect(JSON.stringify(settings.entries())).not.toContain('geheim');
  });
});

describe('each value', () => {
  it.each([
    [{ redis: { port: 0 } }, 'redis.port: is 0: it must be at least 1'],
    [{ redis: { port: 'x' } }, "redis.port: is 'x': a number is needed"],
    [{ redis: { db: -1 } }, 'redis.db: is -1: it must be at least 0'],
    [{ redis: { host: '' } }, "redis.host: is '': it must not be empty"],
    [{ redis: null }, 'redis: is null: an object is needed'],
    [{ redis: { tls: 'yes' } }, "redis.tls: is 'yes': a boolean or an object is needed"],
    [{ redis: { tls: { cert: 1 } } }, 'redis.tls.cert: is 1: a string is needed'],
    [{ redis: { tls: { cart: 'x' } } }, 'redis.tls.cart: unknown key; did you mean "cert"?'],
    [{ sentinel: { instances: [] } }, 'sentinel.instances: is []: it must not be empty'],
    [{ sentinel: { instances: ['h:x'] } }, "sentinel.instances: 'h:x' is no host:port"],
    [{ sentinel: { masterName: 'm' } }, 'sentinel.instances: no sentinel is named'],
    [{ sentinel: { masterNme: 'm' } }, 'sentinel.masterNme: unknown key; did you mean "masterName"?'],
    [{ connections: { a: 5 } }, 'connections.a: is 5: a string or an object is needed'],
    [{ connections: { a: { prt: 1 } } }, 'connections.a.prt: unknown key; did you mean "port"?'],
    [{ connections: { a: { port: 0 } } }, 'connections.a.port: is 0: it must be at least 1'],
    [{ queueConnections: { a: 1 } }, 'queueConnections.a: is 1: a string is needed'],
    [{ queues: [] }, 'queues: is []: it must not be empty'],
    [{ queues: [1] }, 'queues.0: is 1: a string is needed'],
    [{ worker: { concurrency: 1.5 } }, 'worker.concurrency: is 1.5: a whole number is needed'],
    [{ worker: { maxMemory: '0M' } }, "worker.maxMemory: is '0M': a size as 512M or 1G is needed"],
    [{ worker: { maxMemory: 0 } }, 'worker.maxMemory: is 0: it must be more than 0'],
    [{ worker: { resultsTtl: -2 } }, 'worker.resultsTtl: is -2: it must be at least -1'],
    [{ worker: { burst: 'yes' } }, "worker.burst: is 'yes': a boolean is needed"],
    [{ log: { level: 'loud' } }, "log.level: is 'loud': one of debug, info, warning, error is needed"],
    [{ REDIS_HOTS: 'h' }, 'REDIS_HOTS: unknown key; did you mean "REDIS_HOST"?'],
  ])('%j is refused with the reason', async (file, line) => {
    expect(await folder.problems(file)).toEqual([`file: ${line}`]);
  });

  it('of the environment is refused under the name of its variable', async () => {
    const lines = await folder.problems(
      {},
      { TSRQ_BURST: 'maybe', TSRQ_CONCURRENCY: '0', REDIS_SSL: 'maybe', TSRQ_LOG_FORMAT: 'x', TSRQ_CONNECTION: 'no' },
    );
    expect(lines.toSorted()).toEqual(
      [
        "environment TSRQ_BURST: is 'maybe': true or false is needed",
        "environment TSRQ_CONNECTION: connection: there is no connection named 'no'; there are none",
        'environment TSRQ_CONCURRENCY: worker.concurrency: is 0: it must be at least 1',
        "environment TSRQ_LOG_FORMAT: log.format: is 'x': one of auto, pretty, json, logfmt is needed",
        "environment: REDIS_SSL: is 'maybe': true or false is needed",
      ].toSorted(),
    );
  });

  it('that is wrong does not make another one look wrong', async () => {
    const file = {
      connections: { mail: { port: 0 } },
      connection: 'mail',
      queueConnections: { a: 'mail', b: 1, c: 'b' },
    };
    expect(await folder.problems(file)).toEqual([
      'file: connections.mail.port: is 0: it must be at least 1',
      'file: queueConnections.b: is 1: a string is needed',
    ]);
    expect(
      await folder.problems({ connections: [], connection: 'mail', queueConnections: { a: 'mail' } }),
    ).toHaveLength(1);
  });
});

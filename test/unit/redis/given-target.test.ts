import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { targetOfClient } from '../../../src/redis/given-target.js';

const made: Redis[] = [];
const optionsOf = (...args: readonly unknown[]): object => {
  const client = new Redis(...([...args, { lazyConnect: true }] as never as [string]));
  made.push(client);
  return client.options;
};
afterEach(() => {
  for (const client of made.splice(0)) client.disconnect();
});

describe('a client of the application leads', () => {
  it('to a host and port, with its login', () => {
    expect(targetOfClient(optionsOf())).toEqual({ kind: 'tcp', db: 0, host: 'localhost', port: 6379 });
    expect(targetOfClient(optionsOf('redis://me:secret@example.org:7000/2'))).toEqual({
      kind: 'tcp',
      db: 2,
      username: 'me',
      password: 'secret',
      host: 'example.org',
      port: 7000,
    });
  });

  it('to a host with TLS', () => {
    expect(targetOfClient(optionsOf('rediss://example.org'))).toMatchObject({ host: 'example.org', tls: {} });
    const tls = { ca: 'authority', servername: 'redis', minVersion: 'TLSv1.3' };
    expect(targetOfClient({ host: 'example.org', tls })).toEqual({
      kind: 'tcp',
      db: 0,
      host: 'example.org',
      port: 6379,
      tls: { ca: 'authority', servername: 'redis' },
    });
  });

  it('to a socket', () => {
    const options = optionsOf('/run/redis.sock');
    expect(targetOfClient(options)).toEqual({ kind: 'socket', db: 0, path: '/run/redis.sock' });
  });

  it('to a master that Sentinels know', () => {
    const sentinels = [{ host: 'one', port: 1 }, { host: 'two' }];
    const options = { sentinels, name: 'main', password: 'a', sentinelPassword: 'b', tls: {}, sentinelTLS: {} };
    const target = {
      kind: 'sentinel',
      db: 0,
      password: 'a',
      instances: [
        { host: 'one', port: 1 },
        { host: 'two', port: 26_379 },
      ],
      masterName: 'main',
      sentinelPassword: 'b',
      sentinelTls: {},
    };
    expect(targetOfClient(options)).toEqual(target);
    expect(targetOfClient({ ...options, enableTLSForSentinelMode: true })).toEqual({ ...target, tls: {} });
  });
});

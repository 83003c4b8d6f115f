import { describe, expect, it } from 'vitest';
import { describeTarget, maskUrls, parseRedisUrl } from '../../../src/redis/target.js';

describe('parseRedisUrl', () => {
  it.each([
    ['redis://h', { kind: 'tcp', host: 'h', port: 6379, db: 0 }],
    ['redis://', { kind: 'tcp', host: 'localhost', port: 6379, db: 0 }],
    ['valkey://h:1/2', { kind: 'tcp', host: 'h', port: 1, db: 2 }],
    ['redis://u:p%40w@[::1]:7/3', { kind: 'tcp', host: '::1', port: 7, db: 3, username: 'u', password: 'p@w' }],
    ['redis://:pw@h?db=5', { kind: 'tcp', host: 'h', port: 6379, db: 5, password: 'pw' }],
    ['rediss://h', { kind: 'tcp', host: 'h', port: 6379, db: 0, tls: {} }],
    ['unix:///run/r.sock?db=2', { kind: 'socket', path: '/run/r.sock', db: 2 }],
    ['unix://u:pw@/run/r.sock', { kind: 'socket', path: '/run/r.sock', db: 0, username: 'u', password: 'pw' }],
    [
      'redis+sentinel://u:pw@h1:1,h2,[::1]:3/mymaster/4?sentinel_password=s',
      {
        kind: 'sentinel',
        instances: [
          { host: 'h1', port: 1 },
          { host: 'h2', port: 26379 },
          { host: '::1', port: 3 },
        ],
        masterName: 'mymaster',
        db: 4,
        username: 'u',
        password: 'pw',
        sentinelPassword: 's',
      },
    ],
  ])('%s', (url, target) => {
    expect(parseRedisUrl(url)).toEqual(target);
  });

  it.each([
    ['http://h', /does not begin with/],
    ['h:6379', /does not begin with/],
    ['', /does not begin with/],
    ['redis://h/x', /database 'x' is not a number/],
    ['redis://h?timeout=1', /parameter 'timeout' is not known/],
    ['redis://h:99999', /not a valid URL/],
    ['unix://', /no path of a socket/],
    ['redis+sentinel:///m', /names no sentinel/],
    ['redis+sentinel://h', /must be \/MASTER/],
    ['redis+sentinel://h:x/m', /'h:x' is not the address/],
  ])('%j is refused with the reason', (url, message) => {
    expect(() => parseRedisUrl(url)).toThrow(message);
  });

  it('never shows a password', () => {
    expect(() => parseRedisUrl('redis://u:geheim@h/x')).toThrow(/^((?!geheim).)*$/);
    expect(maskUrls('see rediss://u:geheim@h and redis://:other@i/0')).toBe(
      'see rediss://u:******@h and redis://:******@i/0',
    );
  });
});

describe('describeTarget', () => {
  it.each([
    ['redis://u:pw@h:1/2', 'redis://h:1/2'],
    ['rediss://[::1]', 'rediss://[::1]:6379/0'],
    ['unix://:pw@/run/r.sock?db=2', 'unix:///run/r.sock?db=2'],
    ['redis+sentinel://:pw@a:1,b:2/m/3', 'redis+sentinel://a:1,b:2/m/3'],
  ])('%s', (url, text) => {
    expect(describeTarget(parseRedisUrl(url))).toBe(text);
  });
});

import { describe, expect, it } from 'vitest';
import { describeTarget, maskUrls, parseRedisUrl } from '../../../src/redis/target.js';

describe('parseRedisUrl', () => {
  it.each([
    ['redis://h', { kind: 'tcp', host: 'h', port: 6379, db: 0 }],
    ['redis://', { kind: 'tcp', host: 'localhost', port: 6379, db: 0 }],
    ['valkey://h:1/2', { kind: 'tcp', host: 'h', port: 1, db: 2 }],
    ['redis://u:p%40w@[::1]:7/3', { kind: 'tcp', host: '::1', port: 7, db: 3, username: 'u', password: 'p@w' }],
    ['redis://:pw@h?db=5', { kind: 'tcp', host: 'h', port: 6379, db: 5, password: 'pw' }],
    // As redis-py: the query is asked first.
    ['redis://h/1?db=5', { kind: 'tcp', host: 'h', port: 6379, db: 5 }],
    ['rediss://h', { kind: 'tcp', host: 'h', port: 6379, db: 0, tls: {} }],
    [
      'rediss://h?ssl_cert_reqs=none',
      { kind: 'tcp', host: 'h', port: 6379, db: 0, tls: { rejectUnauthorized: false } },
    ],
    ['rediss://h?ssl_cert_reqs=Required', { kind: 'tcp', host: 'h', port: 6379, db: 0, tls: {} }],
    [
      'rediss://h?ssl_check_hostname=False',
      { kind: 'tcp', host: 'h', port: 6379, db: 0, tls: { checkHostname: false } },
    ],
    ['rediss://h?ssl_check_hostname=1', { kind: 'tcp', host: 'h', port: 6379, db: 0, tls: {} }],
    ['rediss://h?ssl_ca_data=-----BEGIN', { kind: 'tcp', host: 'h', port: 6379, db: 0, tls: { ca: '-----BEGIN' } }],
    // What is meant for other clients of the same address.
    ['redis://h/2?socket_timeout=5&protocol=3&max_connections=9', { kind: 'tcp', host: 'h', port: 6379, db: 2 }],
    ['redis://h?family=0', { kind: 'tcp', host: 'h', port: 6379, db: 0 }],
    ['unix:///run/r.sock?db=2', { kind: 'socket', path: '/run/r.sock', db: 2 }],
    ['unix://u:pw@/run/r.sock', { kind: 'socket', path: '/run/r.sock', db: 0, username: 'u', password: 'pw' }],
    [
      'rediss+sentinel://h/m?socket_timeout=2.5&ssl_cert_reqs=none',
      {
        ...{ kind: 'sentinel', instances: [{ host: 'h', port: 26379 }], masterName: 'm', db: 0 },
        ...{ socketTimeoutSeconds: 2.5, tls: { rejectUnauthorized: false } },
      },
    ],
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
    ['redis://h?timeuot=1', /parameter 'timeuot' is not known/],
    ['redis://h?decode_responses=true', /parameter 'decode_responses' is not known/],
    ['redis://h?ssl_cert_reqs=none', /ssl_cert_reqs is for an address of TLS, which begins with rediss/],
    ['rediss://h?ssl_cert_reqs=no', /ssl_cert_reqs is none, optional or required/],
    ['rediss://h?ssl_ca_data=x', /ssl_ca_data is no PEM/],
    ['rediss://h?ssl_keyfile=/dev/null', /ssl_keyfile is no PEM/],
    ['rediss://h?ssl_ca_certs=/nowhere/ca.pem', /the file of ssl_ca_certs cannot be read \(ENOENT\)/],
    ['redis://h:99999', /not a valid URL/],
    ['unix://', /no path of a socket/],
    ['redis+sentinel:///m', /names no sentinel/],
    ['redis+sentinel://h', /must be \/MASTER/],
    ['redis+sentinel://h:x/m', /'h:x' is not the address/],
    ['redis+sentinel://h/m/0/1', /must be \/MASTER/],
    ['redis+sentinel://h/m?password=x', /parameter 'password' is not known/],
    ['redis://h:0', /no port 0/],
    ['redis://h/9999999999', /database '9999999999' is not a number/],
    ['redis://u:%zz@h', /% that encodes nothing/],
    ['redis+sentinel://h/%zz', /% that encodes nothing/],
    ['unix:///%zz', /% that encodes nothing/],
  ])('%j is refused with the reason', (url, message) => {
    expect(() => parseRedisUrl(url)).toThrow(message);
  });

  it('takes everything before the last @ for the login', () => {
    expect(parseRedisUrl('redis+sentinel://u:p@w@h/m')).toMatchObject({
      instances: [{ host: 'h', port: 26379 }],
      username: 'u',
      password: 'p@w',
    });
  });

  it.each([
    ['redis://u:geheim@h/x'],
    ['redis://u:a:geheim@h/x'],
    ['redis://:a@geheim@h/x'],
    ['redis://u:a/geheim@h/x'],
    ['redis://u:12/geheim@h'],
    ['redis://u:12?geheim@h'],
    ['redis://u:12#geheim@h'],
    ['redis://u:ge heim@h:99999'],
    ['redis://geheim@h/x'],
    ['redis://u:%zzgeheim@h'],
    ['redis://h/x?password=geheim'],
    ['redis://h?pass=geheim'],
    ['redis+sentinel://u:a/geheim@h'],
    ['redis+sentinel://u:a@geheim@h:x/m'],
    ['redis+sentinel://h/x/y/z?sentinel_password=geheim'],
    ['unix://u:geheim@/s?db=x'],
    ['u:geheim@h:6379'],
    ['//u:geheim@h'],
    ['red1s://u:geheim@h'],
  ])('refuses %j without showing the password', (url) => {
    let message = '';
    try {
      parseRedisUrl(url);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toMatch(/is no address of a Redis/);
    expect(message).toContain('******');
    expect(message).not.toMatch(/geheim|heim@/);
  });
});

describe('maskUrls', () => {
  it('hides the passwords of all URLs of a text, and nothing twice', () => {
    const once = maskUrls('a redis://u:p/geheim@h, b redis://h?password=geheim&db=1, c redis://h/0 mail a@b');
    expect(once).toBe('a redis://u:******@h, b redis://h?password=******&db=1, c redis://h/0 mail a@b');
    expect(maskUrls(once)).toBe(once);
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

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TsrqError } from '../../src/errors.js';
import { describeTarget, maskUrls, parseHostPort, parseRedisUrl, type RedisTarget } from '../../src/redis/target.js';
import { fuzz, parameters, thrown } from './fuzz.js';

/** Recognised wherever it turns up; an URL's host is written in small letters. */
const SECRET = /geheim/i;

fuzz('redis-url', (input) => {
  const url = input.toString();
  const target = read(url).target;
  if (target) checkTarget(target);
  expect(maskUrls(maskUrls(url))).toBe(maskUrls(url));
});

// The corpus is what stands around a password: `before` to the first line's end, `after` behind it.
fuzz('redis-url-login', (input) => {
  const [before = '', after = ''] = input.toString().replaceAll('@', '').split('\n', 2);
  for (const password of [
    'geheim',
    'geheim/Geheim==',
    '1?GEHEIM=geheim',
    '%geheim%',
    'geheim#geheim',
    'geheim geheim',
  ]) {
    // What stands before the colon is the name of a user, which may be shown.
    expect(read(`${before}:${password}@${after}`).message).not.toMatch(SECRET);
  }
});

describe('a URL of a Redis', () => {
  const odd = fc.constantFrom(
    ...'/?#@:%[]&=+\\"\'<>^`{|} ,;.!$*()~-_09',
    '\t',
    '\n',
    '\r',
    '\0',
    'ü',
    '\u{1f600}',
    '\ud800',
  );
  const filling = fc.array(odd, { maxLength: 4 }).map((chars) => chars.join(''));
  /** A recognisable part on either side of odd characters: also half a password is a secret. */
  const secret = fc
    .tuple(filling, fc.constantFrom('', 'geheim', '12'), filling, filling)
    .map(([first, head, between, last]) => `${first}${head}${between}geheim${last}`);
  const scheme = fc.constantFrom(
    ...['redis://', 'rediss://', 'valkey://', 'redis+sentinel://', 'rediss+sentinel://', 'unix://', 'redis+unix://'],
    ...['REDIS://', 'http://', 'redis:/', 'redis:', 'redis//', '//', ''],
  );
  const user = fc.constantFrom('', 'u', 'app-1', 'a%40b', 'ü');
  const host = fc.constantFrom(
    '',
    'h',
    'h:1',
    'h:0',
    'h:99999',
    '[::1]',
    '[::1',
    'h:x',
    'h,i',
    'h:1,i:x',
    '/run/s',
    '%zz',
  );
  const end = fc.constantFrom(
    '',
    '/',
    '/0',
    '/x',
    '/m',
    '/m/0',
    '/m/x',
    '/m/0/1',
    '/%zz',
    '?db=1',
    '?db=x',
    '?x=1',
    '#x',
    '/0?x=y#z',
  );

  it('that cannot be read is refused without its password, wherever that stands in the login', () => {
    fc.assert(
      fc.property(scheme, user, secret, host, end, (start, name, password, address, rest) => {
        for (const login of [`${name}:${password}`, `:${password}`]) {
          const { message, target } = read(`${start}${login}@${address}${rest}`);
          expect(message).not.toMatch(SECRET);
          if (target) checkTarget(target);
        }
      }),
      parameters(2),
    );
  });

  it('that cannot be read is refused without a password of its query, whatever its name', () => {
    const name = fc.constantFrom('password', 'sentinel_password', 'PASSWORD', 'pass', 'Redis_Password', 'pass%77ord');
    const other = fc.constantFrom('', 'db=x', 'db=1', 'x=y', 'username=u', 'password=', 'password');
    // An & ends a value, and a # the query, in every reader of URLs.
    const value = secret.map((password) => password.replace(/[&#]/g, ''));
    fc.assert(
      fc.property(scheme, host, fc.constantFrom('', '/', '/x', '/m/0'), other, name, value, (...parts) => {
        const [start, address, path, before, key, password] = parts;
        const { message, target } = read(
          `${start}${address}${path}?${before}${before && '&'}${key}=${password}&${before}`,
        );
        expect(message).not.toMatch(SECRET);
        if (target) expect(describeTarget(target)).not.toMatch(SECRET);
      }),
      parameters(2),
    );
  });

  it('with its login percent-encoded is read, and described without the login', () => {
    const scheme = fc.constantFrom('redis', 'rediss', 'valkey', 'valkeys', 'unix', 'redis+unix', 'redis+sentinel');
    const name = fc.string({ unit: 'grapheme', maxLength: 8 });
    fc.assert(
      fc.property(scheme, name, secret, fc.integer({ min: 0, max: 999 }), (kind, username, password, db) => {
        const address = /unix/.test(kind) ? `/run/s?db=${db}` : /sentinel/.test(kind) ? `h:1,i/m/${db}` : `h:1/${db}`;
        const login = [username, wellFormed(password)].map(encodeURIComponent).join(':');
        const { target, message } = read(`${kind}://${login}@${address}`);
        expect(message).toBe('');
        expect(target).toMatchObject({
          db,
          password: wellFormed(password),
          ...(username === '' ? {} : { username }),
        });
        if (!target) return;
        checkTarget(target);
        expect(describeTarget(target)).not.toMatch(SECRET);
        expect(parseRedisUrl(describeTarget(target))).toEqual(withoutLogin(target));
      }),
      parameters(2),
    );
  });

  it('within any text loses its password, and no other letter of the text changes', () => {
    const word = fc.stringMatching(/^[a-zA-Z0-9.,;()'" -]{0,20}$/);
    const password = fc.stringMatching(/^[^\s@]{0,6}geheim[^\s@]{0,6}$/);
    fc.assert(
      fc.property(word, user, password, word, (before, name, secretText, after) => {
        const text = `${before} redis://${name}:${secretText}@h:1/0 ${after}`;
        expect(maskUrls(text)).toBe(`${before} redis://${name}:******@h:1/0 ${after}`);
      }),
      parameters(),
    );
  });
});

describe('host:port', () => {
  it('of any text is a host and a port that exist, or nothing', () => {
    const text = fc.string({
      unit: fc.constantFrom('h', ':', '[', ']', '1', '0', '9', ' ', 'ü', '.'),
      maxLength: 12,
    });
    fc.assert(
      fc.property(text, (said) => {
        const address = parseHostPort(said, 26_379);
        if (!address) return;
        expect(address.host).not.toBe('');
        expect(address.port).toSatisfy((port: number) => Number.isInteger(port) && port >= 1 && port <= 65_535);
      }),
      parameters(),
    );
  });
});

function read(url: string): { target: RedisTarget | null; message: string } {
  let target: RedisTarget | null = null;
  const refused = thrown(() => (target = parseRedisUrl(url)), TsrqError);
  if (refused) expect(refused.code).toBe('CONFIG');
  return { target, message: refused ? `${refused.message} ${refused.hint ?? ''}` : '' };
}

function checkTarget(target: RedisTarget): void {
  expect(target.db).toSatisfy((db: number) => Number.isInteger(db) && db >= 0);
  const places = target.kind === 'tcp' ? [target] : target.kind === 'sentinel' ? target.instances : [];
  for (const { host, port } of places) {
    expect(host).not.toBe('');
    expect(port).toSatisfy((number: number) => Number.isInteger(number) && number >= 1 && number <= 65_535);
  }
  if (target.kind === 'sentinel') expect(target.instances.length).toBeGreaterThan(0);
  if (target.kind === 'socket') expect(target.path).toMatch(/^\/./s);
  expect(describeTarget(target)).toMatch(/^[a-z+]+:\/\//);
}

/** A lone surrogate has no encoding. */
const wellFormed = (text: string): string => Buffer.from(text).toString();

function withoutLogin(target: RedisTarget): unknown {
  const { username: _username, password: _password, ...rest } = target;
  return rest;
}

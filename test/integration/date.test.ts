import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { formatDate } from '../../src/protocol/time.js';
import { freshRedis, type FreshRedis } from '../support/fresh-redis.js';

let fresh: FreshRedis;
freshRedis((given) => {
  fresh = given;
});

const source = readFileSync(new URL('../../src/redis/lua/shared/date.lua', import.meta.url), 'utf8');
const dateOf = (ms: number): Promise<unknown> =>
  fresh.client.eval(`${source}\nreturn date_of(ARGV)`, 0, Math.floor(ms / 1_000), (ms % 1_000) * 1_000);

it.each([
  '1970-01-01',
  '1999-12-31',
  '2000-02-29',
  '2000-03-01',
  '2024-02-29',
  '2026-12-31',
  '2100-02-28',
  '2100-03-01',
])('scripts write the moments of %s as RQ does', async (day) => {
  for (const time of ['00:00:00.000', '09:08:07.006', '23:59:59.999']) {
    const ms = Date.parse(`${day}T${time}Z`);
    expect(await dateOf(ms)).toBe(`${day}T${time}000Z`);
  }
});

it('scripts write any moment as everybody else here does', async () => {
  const moment = fc.date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true });
  await fc.assert(
    fc.asyncProperty(moment, async (date) => {
      expect(await dateOf(date.getTime())).toBe(formatDate(date.getTime()));
    }),
    { numRuns: 300 },
  );
});

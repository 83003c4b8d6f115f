import { expect, it } from 'vitest';
import { isPlain, PLAIN } from '../../../src/config/plain.js';
import { fileSchema } from '../../../src/config/schema.js';

const VALUES: readonly unknown[] = [
  ...['', 'a', 'process', 'none', 'info', 'auto', 'redis://h:1', 'a b', 'h/1', 'u@h', '10.0.0.1', '::1'],
  ...[0, 1, -1, 1.5, 65_535, 65_536, 2 ** 53, NaN, Infinity, '6379'],
  ...[true, false, null, undefined, {}, [], ['a'], [''], ['a', ''], [1], [['a']]],
];

it.each(Object.keys(PLAIN))('%s: what counts as plain is right by the schema', (path) => {
  const [section = '', key] = path.split('.');
  const asFile = (value: unknown): unknown => ({ [section]: key === undefined ? value : { [key]: value } });
  const plain = VALUES.filter((value) => isPlain([path, value]));
  expect(plain.length).toBeGreaterThan(0);
  for (const value of plain) expect(fileSchema.safeParse(asFile(value)).success, String(value)).toBe(true);
});

it('leaves everything else to the schema', () => {
  expect(isPlain(['redis.passwordFile', 'x'])).toBe(false);
  expect(isPlain(['toString', 'x'])).toBe(false);
  expect(isPlain(['worker.concurency', 1])).toBe(false);
});

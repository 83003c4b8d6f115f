import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { canonicalDump } from './dump.js';
import type { TestRedis } from './redis.js';

type Dump = Record<string, { ttl: number | null; value: unknown }>;

/** `path: theirs → ours` for everything that differs. */
function differences(theirs: unknown, ours: unknown, path = ''): string[] {
  if (isRecord(theirs) && isRecord(ours)) {
    const keys = [...new Set([...Object.keys(theirs), ...Object.keys(ours)])].sort();
    return keys.flatMap((key) => differences(theirs[key], ours[key], path === '' ? key : `${path} ${key}`));
  }
  if (Array.isArray(theirs) && Array.isArray(ours)) {
    const length = Math.max(theirs.length, ours.length);
    return Array.from({ length }, (_, i) => differences(theirs[i], ours[i], `${path}[${i}]`)).flat();
  }
  return JSON.stringify(theirs) === JSON.stringify(ours) ? [] : [`${path}: ${show(theirs)} → ${show(ours)}`];
}
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const show = (value: unknown): string => (value === undefined ? 'absent' : JSON.stringify(value));

/** Both sides have done the same; their keys differ only as docs/compatibility.md says. */
export async function expectSameKeys(theirs: TestRedis, ours: TestRedis, documented: readonly string[]): Promise<void> {
  const [a, b] = await Promise.all([theirs, ours].map((server) => canonicalDump(server.client()) as Promise<Dump>));
  const found = differences(a, b);
  expect(found).toEqual([...documented].sort());
  const text = readFileSync(new URL('../../docs/compatibility.md', import.meta.url), 'utf8');
  for (const line of found) expect(text).toContain(`\`${line}\``);
}

import { describe, expect, it } from 'vitest';
import { moment, timespan } from '../../../src/cli/values.js';

const NOW = Date.parse('2026-11-21T12:00:00Z');

describe('an age or a date', () => {
  it.each([
    ['90', 90],
    ['0', 0],
    ['30s', 30],
    ['5m', 300],
    ['5 min', 300],
    ['2h ago', 7_200],
    ['2 hours ago', 7_200],
    ['1 Day', 86_400],
  ])('%j is %i seconds ago', (text, seconds) => {
    expect(moment(text, NOW)).toBe(NOW - seconds * 1_000);
  });

  it.each([
    ['2026-11-20T10:00:00Z', Date.parse('2026-11-20T10:00:00Z')],
    ['2026-11-20 10:00:00.5+02:00', Date.parse('2026-11-20T08:00:00.500Z')],
    ['2026-11-20T10:00', new Date(2026, 10, 20, 10).getTime()],
    ['2026-11-20', new Date(2026, 10, 20).getTime()],
  ])('%j is a date', (text, ms) => {
    expect(moment(text, NOW)).toBe(ms);
  });

  it.each(['', 'soon', '-5m', '5 weeks', '2026-02-30', '2026-13-01', '2026-11-20T25:00', 'ago', '5m 3s'])(
    '%j is neither',
    (text) => {
      expect(() => moment(text, NOW)).toThrow(/an age is needed/);
    },
  );
});

describe('a duration', () => {
  it('is more than none', () => {
    expect(timespan('10m')).toBe(600);
    for (const text of ['0', '-1', '', 'long']) expect(() => timespan(text)).toThrow(/a time above 0/);
  });
});

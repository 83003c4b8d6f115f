import { describe, expect, it } from 'vitest';
import { parseExpression } from '../../../src/cron/expression.js';
import { dueOccurrences, occurrenceAfter, type Schedule } from '../../../src/cron/occurrences.js';
import { UTC } from '../../../src/cron/zone.js';

const cron = (text: string): Schedule => ({ kind: 'cron', expression: parseExpression(text), zone: UTC, text });
const MINUTE: Schedule = { kind: 'interval', seconds: 60, text: '' };
const T = 1_767_225_600; // 2026-01-01T00:00:00Z

const due = (schedule: Schedule, missed: 'skip' | 'once' | 'all', now: number, maxMissed = 100) =>
  dueOccurrences({ schedule, missed, maxMissed }, T, now);

describe.each([
  ['a cron expression', cron('* * * * *')],
  ['an interval', MINUTE],
])('what is due of %s', (_name, schedule) => {
  it('is nothing before its time', () => {
    expect(due(schedule, 'once', T + 59)).toEqual({ moments: [], last: null });
  });

  it.each(['skip', 'once', 'all'] as const)('is one occurrence at its time (%s)', (missed) => {
    expect(due(schedule, missed, T + 60)).toEqual({ moments: [T + 60], last: T + 60 });
  });

  it('is the last one of those that were missed under once', () => {
    expect(due(schedule, 'once', T + 1_000)).toEqual({ moments: [T + 960], last: T + 960 });
  });

  it('is each of them under all, at most maxMissed, the latest', () => {
    expect(due(schedule, 'all', T + 200).moments).toEqual([T + 60, T + 120, T + 180]);
    expect(due(schedule, 'all', T + 7_200, 2).moments).toEqual([T + 7_140, T + 7_200]);
  });
});

it('is nothing under skip when it is more than a minute late, and that is dealt with', () => {
  expect(due(cron('0 1 * * *'), 'skip', T + 3_600 + 60).moments).toEqual([T + 3_600]);
  expect(due(cron('0 1 * * *'), 'skip', T + 3_600 + 61)).toEqual({ moments: [], last: T + 3_600 });
});

it('finds the last occurrence of what has slept for years, be it frequent or rare', () => {
  const now = T + 5 * 365 * 86_400 + 30;
  expect(due(cron('* * * * * *'), 'once', now).moments).toEqual([now]);
  expect(due(cron('0 0 29 2 *'), 'all', now).moments).toEqual([Date.UTC(2028, 1, 29) / 1_000]);
});

it('has no end where an expression never holds', () => {
  expect(occurrenceAfter(cron('0 0 31 2 *'), T)).toBeNull();
  expect(due(cron('0 0 31 2 *'), 'all', T + 86_400)).toEqual({ moments: [], last: null });
});

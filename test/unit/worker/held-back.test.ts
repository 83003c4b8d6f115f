import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { HeldBack } from '../../../src/worker/held-back.js';

let asked = 0;
let held: HeldBack;

beforeEach(() => {
  vi.useFakeTimers();
  asked = 0;
  held = new HeldBack(() => (asked += 1));
});
afterEach(() => {
  vi.useRealTimers();
});

it('holds a queue back for as long as it is told, and asks once then', () => {
  held.add([{ queue: 'q', afterMs: 3_000 }]);
  vi.advanceTimersByTime(2_900);
  expect([held.has('q'), held.has('r'), asked]).toEqual([true, false, 0]);
  vi.advanceTimersByTime(200);
  expect([held.has('q'), asked]).toEqual([false, 1]);
  vi.advanceTimersByTime(3_600_000);
  expect(asked).toBe(1);
});

it('asks for each queue at its own time', () => {
  held.add([
    { queue: 'q', afterMs: 3_000 },
    { queue: 'r', afterMs: 1_000 },
  ]);
  vi.advanceTimersByTime(1_100);
  expect([asked, held.has('r'), held.has('q')]).toEqual([1, false, true]);
  vi.advanceTimersByTime(2_000);
  expect(asked).toBe(2);
});

it('where the time is not known looks less and less often, down to once a second', () => {
  const add = (): void => {
    held.add([{ queue: 'q', afterMs: null }]);
  };
  held = new HeldBack(() => {
    asked += 1;
    add();
  });
  add();
  vi.advanceTimersByTime(100);
  expect(asked).toBe(1);
  vi.advanceTimersByTime(60_000);
  expect(asked).toBeGreaterThan(55);
  expect(asked).toBeLessThan(70);
});

it('looks soon again at a queue that had come free', () => {
  held.add([{ queue: 'q', afterMs: null }]);
  vi.advanceTimersByTime(60_000);
  expect(asked).toBe(1);
  held.add([{ queue: 'q', afterMs: null }]);
  vi.advanceTimersByTime(60);
  expect(asked).toBe(2);
});

it('does not lose the time of one queue when another is held back at that moment', () => {
  held.add([{ queue: 'q', afterMs: 1_000 }]);
  vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 1_500);
  held.add([{ queue: 'r', afterMs: 60_000 }]);
  vi.advanceTimersByTime(10);
  expect([asked, held.isWaiting]).toEqual([1, true]);
  vi.restoreAllMocks();
});

it('forgets', () => {
  held.add([{ queue: 'q', afterMs: 1_000 }]);
  held.forget();
  vi.advanceTimersByTime(5_000);
  expect([asked, held.has('q')]).toEqual([0, false]);
});

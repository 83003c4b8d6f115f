import { afterEach, describe, expect, it, vi } from 'vitest';
import { clock } from '../../src/clock.js';

const system = Date.now;
const ahead = (ms: number): void => {
  vi.spyOn(Date, 'now').mockImplementation(() => system() + ms);
};
afterEach(() => {
  vi.restoreAllMocks();
});

describe('the clock', () => {
  it('has microseconds, and does not go back', () => {
    const seen = Array.from({ length: 1_000 }, clock);
    expect(seen.some((ms) => !Number.isInteger(ms))).toBe(true);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(Math.abs(clock() - system())).toBeLessThan(100);
  });

  it.each([
    ['forwards, as after a sleep of the machine', 8 * 3_600_000],
    ['back', -60_000],
  ])('follows the system where that is set %s, and has microseconds then as well', (_, ms) => {
    clock();
    ahead(ms);
    for (let i = 0; i < 2; i += 1) expect(Math.abs(clock() - ms - system())).toBeLessThan(100);
    expect(Array.from({ length: 1_000 }, clock).some((now) => !Number.isInteger(now))).toBe(true);
    vi.restoreAllMocks();
    expect(Math.abs(clock() - system())).toBeLessThan(100);
  });
});

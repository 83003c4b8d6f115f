import { describe, expect, it } from 'vitest';
import { parseSize, workerSettings } from '../../../src/config/worker-settings.js';

describe('parseSize', () => {
  it.each([
    ['512M', 512 * 2 ** 20],
    ['1G', 2 ** 30],
    ['1.5g', 1.5 * 2 ** 30],
    ['10 KiB', 10_240],
    ['1048576', 2 ** 20],
    [2048, 2048],
    ['5T', NaN],
    ['', NaN],
    ['-1M', NaN],
  ])('%j is %d bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });
});

describe('workerSettings', () => {
  it('accepts both spellings of strategies', () => {
    expect(workerSettings({ dequeueStrategy: 'default' }).dequeueStrategy).toBe('ordered');
    expect(workerSettings({ dequeueStrategy: 'round-robin' }).dequeueStrategy).toBe('round_robin');
    expect(workerSettings({ dequeueStrategy: 'weighted' }).dequeueStrategy).toBe('weighted');
  });
  it('turns sizes into bytes and the switched-off description round', () => {
    expect(workerSettings({ maxMemory: '1M', disableJobDescLogging: true })).toMatchObject({
      maxMemoryBytes: 2 ** 20,
      logJobDescription: false,
    });
  });
});

it('limits are told apart by queue, several of one are kept', () => {
  const { limits } = workerSettings({ limit: ['mail=10/s', 'odd=name=3/h', 'mail=5'] });
  expect([...limits]).toEqual([
    ['mail', '10/s 5'],
    ['odd=name', '3/h'],
  ]);
});

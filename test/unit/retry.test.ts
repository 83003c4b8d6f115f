import { describe, expect, it } from 'vitest';
import { isRetry, Retry } from '../../src/jobs/retry.js';
import { deserialise, serialisedBytes, serialiseRetry } from '../../src/protocol/payload.js';
import { readRetryErrors } from '../../src/protocol/retry-error.js';
import { backoffIntervals } from '../../src/queue/backoff.js';

describe('Retry', () => {
  it('refuses what RQ refuses', () => {
    expect(() => new Retry({ max: 0 })).toThrow('max from 1');
    expect(() => new Retry({ max: 1, interval: [1, -1] })).toThrow('not -1');
    expect(() => new Retry({ max: 1, interval: 0.5 })).toThrow('whole seconds');
  });

  it('is known in whatever copy of the module it was made, and nothing else is', () => {
    const other = Object.create({ [Symbol.for('tsrq.Retry')]: true }) as object;
    expect([new Retry({ max: 1 }), other].every(isRetry)).toBe(true);
    expect([null, undefined, 1, {}, new Error('Retry')].some(isRetry)).toBe(false);
  });

  it('is no data to JSON, and to pickle an object that only Python reads', () => {
    const retry = { max: 2, intervals: [1, 2] };
    expect(deserialise(serialisedBytes(serialiseRetry(retry, 'json')))).toBe('Unserializable return value');
    expect(() => deserialise(serialisedBytes(serialiseRetry(retry, 'pickle')))).toThrow('rq.job');
  });
});

describe('a back-off', () => {
  it('doubles from retry to retry, up to the longest wait', () => {
    expect(backoffIntervals(5, { initialSeconds: 5, maxSeconds: 30 }, () => 0)).toEqual([5, 10, 20, 30, 30]);
    expect(backoffIntervals(1_000, { initialSeconds: 1 }, () => 0).at(-1)).toBe(3_600);
  });

  it('leaves a part of each wait to chance, and always waits', () => {
    expect(backoffIntervals(3, { initialSeconds: 8, jitter: 1 }, () => 0.5)).toEqual([4, 8, 16]);
    expect(backoffIntervals(2, { initialSeconds: 1, jitter: 1 }, () => 0.999)).toEqual([1, 1]);
  });
});

describe('the errors of retried attempts', () => {
  it('are read tolerantly', () => {
    const fields = new Map([
      ['retry_error_1', Buffer.from('2026-01-02T00:00:00Z e2  w with spaces')],
      ['retry_error_2', Buffer.from('2026-01-01T00:00:00Z e1 bm90IHpsaWI=')],
      ['retry_error_3', Buffer.from('rubbish')],
    ]);
    expect(readRetryErrors(fields)).toEqual([
      { endedAtMs: Date.parse('2026-01-01T00:00:00Z'), executionId: 'e1', error: '', workerName: '' },
      { endedAtMs: Date.parse('2026-01-02T00:00:00Z'), executionId: 'e2', error: '', workerName: 'w with spaces' },
    ]);
  });
});

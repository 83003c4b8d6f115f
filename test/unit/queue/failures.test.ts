import { describe, expect, it } from 'vitest';
import { kindOfError } from '../../../src/queue/failures.js';

describe('the kind of an error', () => {
  it.each([
    ['TypeError: x is 17\n    at f (a.js:1:2)', 'TypeError: x is N'],
    [
      'Traceback (most recent call last):\n  File "a.py", line 3, in f\n    1 / 0\nZeroDivisionError: division by zero\n',
      'ZeroDivisionError: division by zero',
    ],
    [
      'Traceback (most recent call last):\n  File "a.py", line 3, in f\n    g()\napp.Odd: first\nsecond line\n',
      'app.Odd: first',
    ],
    ['Error: job 7a96b1c0-11f0-4a52-8e3d-0123456789ab is gone', 'Error: job <id> is gone'],
    ['Error: at 0x7fff12 of 5f1a9bc2d7', 'Error: at <id> of <id>'],
    ['Error: 1.5 s at 12:30:01 for 1,000 users', 'Error: N s at N for N users'],
    [
      'Moved to FailedJobRegistry, due to AbandonedJobError, at 2026-11-21T12:00:00.5Z',
      'Moved to FailedJobRegistry, due to AbandonedJobError, at <date>',
    ],
    ['Error: deadbeef defaced', 'Error: deadbeef defaced'],
    ['', ''],
  ])('of %j is %j', (text, kind) => {
    expect(kindOfError(text)).toBe(kind);
  });

  it('is short, whatever the error is', () => {
    expect(kindOfError('x'.repeat(100_000))).toHaveLength(200);
  });
});

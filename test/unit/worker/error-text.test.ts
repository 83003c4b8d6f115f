import { expect, it } from 'vitest';
import { describeError } from '../../../src/worker/horses/error-text.js';

it.each([
  ['a name that is a symbol', Object.assign(new Error('x'), { name: Symbol('no text') })],
  ['a message without a text form', Object.assign(new Error('x'), { message: Object.create(null) as string })],
  [
    'a message that throws',
    Object.defineProperty(new Error('x'), 'message', {
      get: () => {
        throw new Error('of the getter');
      },
    }),
  ],
])('an error with %s is told of', (_, error) => {
  const { error: text, summary } = describeError(error);
  expect(text).not.toBe('');
  expect(summary).not.toBe('');
});

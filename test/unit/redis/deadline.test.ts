import { expect, it } from 'vitest';
import { withDeadline } from '../../../src/redis/deadline.js';

const never = new Promise<never>(() => undefined);

it('calls give up in the order in which their time is over, however they began', async () => {
  const order: string[] = [];
  const calls = ([1_600, 200, 1_200, 200, 2_000, 900] as const).map((ms, i) =>
    withDeadline(never, ms).catch((error: unknown) => order.push(`${i}: ${(error as Error).message}`)),
  );
  await calls[1];
  // One that begins while the timer waits for a later one.
  calls.push(withDeadline(never, 60).catch(() => order.push('6')));
  await Promise.all(calls);
  expect(order.map((text) => text[0])).toEqual(['1', '3', '6', '5', '2', '0', '4']);
  expect(order[0]).toBe('1: no answer within 200 ms');
});

it('what is in time is answered, and its deadline is nobody’s any more', async () => {
  const slow = withDeadline(never, 400).catch(() => 'slow');
  await expect(withDeadline(Promise.resolve('answer'), 50)).resolves.toBe('answer');
  await expect(withDeadline(Promise.reject(new Error('broken')), 50)).rejects.toThrow('broken');
  await expect(withDeadline(Promise.resolve('for ever'), Infinity)).resolves.toBe('for ever');
  await expect(slow).resolves.toBe('slow');
});

it('a deadline that is over already is one', async () => {
  await expect(withDeadline(never, -5)).rejects.toThrow('no answer within -5 ms');
});

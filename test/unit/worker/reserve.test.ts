import { expect, it } from 'vitest';
import type { ClaimedJob } from '../../../src/queue/claim.js';
import { Reserve } from '../../../src/worker/reserve.js';

const jobs = (...numbers: readonly number[]): ClaimedJob[] =>
  numbers.map((n) => ({ id: `j${n}`, executionId: `e${n}` }) as ClaimedJob);
const ids = (list: readonly ClaimedJob[]): string[] => list.map(({ id }) => id);

it('begins nothing while older jobs are to go back, and gives back all in the order it was taken', () => {
  const reserve = new Reserve(4);
  reserve.add(jobs(1, 2));
  expect(ids(reserve.first(4))).toEqual(['j1', 'j2']);
  reserve.giveUp();
  reserve.add(jobs(3, 4));
  expect(ids(reserve.first(4))).toEqual([]);
  const returns = reserve.takeReturns();
  expect(ids(returns)).toEqual(['j1', 'j2', 'j3', 'j4']);
  // The call that should have given them back has failed, another has brought more.
  reserve.add(jobs(5));
  reserve.keepReturns(returns);
  expect(ids(reserve.first(4))).toEqual([]);
  expect(ids(reserve.takeReturns())).toEqual(['j1', 'j2', 'j3', 'j4', 'j5']);
  reserve.add(jobs(6));
  expect(ids(reserve.first(4))).toEqual(['j6']);
});

it('lets jobs wait when they are short, none when one did not end in time, and some again once one has ended', () => {
  const reserve = new Reserve(4);
  for (let i = 0; i < 5; i += 1) reserve.observe(1, 1);
  expect(reserve.target).toBeGreaterThan(4);
  reserve.observeStill();
  expect(reserve.target).toBe(0);
  reserve.observe(1, 1);
  expect(reserve.target).toBeGreaterThan(0);
});

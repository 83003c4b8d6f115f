import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { job } from '../../../src/index.js';
import { inline, runJobs, startTestRedis, waitForJob, type TestRedis } from '../../../src/app/testing.js';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startTestRedis();
});
afterAll(() => redis.stop());
afterEach(() => {
  vi.useRealTimers();
});

const double = job('kit.double', (n: number) => n * 2);

it('the kit works while a test holds the clock', async () => {
  vi.useFakeTimers({ now: new Date('2030-01-01T00:00:00Z') });
  const made = await double.enqueue(21);
  expect(await runJobs()).toHaveLength(1);
  expect(await (await waitForJob(made)).result()).toBe(42);
  expect(await (await inline(() => double.enqueue(4))).result()).toBe(8);
});

// Testing jobs with Vitest.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { buildReport, sendReset } from './jobs.js';
import { inline, runJobs, startTestRedis, type TestRedis } from 'tsrq/testing';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startTestRedis();
});
afterAll(() => redis.stop());
beforeEach(() => redis.empty());

test('a report is mailed', async () => {
  const report = await buildReport.enqueue('2026-11');
  const ended = await runJobs();
  expect(ended.map(({ queue }) => queue)).toEqual(['reports', 'email']);
  expect(await report.result()).toEqual({ month: '2026-11', lines: 42 });
});

test('a reset is sent as it is enqueued', async () => {
  const reset = await inline(() => sendReset.enqueue(42));
  expect(await reset.result()).toBe('sent to 42');
});

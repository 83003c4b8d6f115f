// Testing jobs with node:test: node --test examples/testing.node.js
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { job, Queue } from 'tsrq';
import { inline, runJobs, startTestRedis, waitForJob } from 'tsrq/testing';

const double = job('example.double', (n) => n * 2);
const fail = job('example.fail', () => {
  throw new Error('on purpose');
});

let redis;
before(async () => {
  redis = await startTestRedis();
});
after(() => redis.stop());
beforeEach(() => redis.empty());

test('what a job returns is its result', async () => {
  const made = await double.enqueue(21);
  assert.equal((await runJobs()).length, 1);
  assert.equal(await made.result(), 42);
});

test('jobs are run as they are enqueued', async () => {
  const made = await inline(() => double.enqueue(4));
  assert.equal(await made.result(), 8);
  assert.equal(await new Queue().length(), 0);
});

test('a job that fails says why', async () => {
  const made = await fail.enqueue();
  const [ended] = await runJobs('default');
  assert.match(ended.error, /on purpose/);
  assert.equal((await waitForJob(made)).status, 'failed');
});

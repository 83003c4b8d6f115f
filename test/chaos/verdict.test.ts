import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis as IoRedis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { deflateText } from '../../src/protocol/payload.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import type { Entry } from './ledger.js';
import type { Accepted } from './producer.js';
import { judge, judgeCounters, type Blows, type Verdict } from './verdict.js';

let server: TestRedis;
let client: IoRedis;
let dir: string;

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
  dir = mkdtempSync(join(tmpdir(), 'tsrq-verdict-'));
});
beforeEach(() => client.flushall());
afterAll(async () => {
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

const JOB: Accepted = { id: 'a', queue: 'q', retries: 0, failAbove: -1 };
const RETRIED: Accepted = { ...JOB, retries: 2 };
const NO_BLOWS: Blows = { workerKilledAt: () => null, processKilledAt: () => null };

/** A job as it should be: finished, in its registry, with a time to live. */
async function finished(): Promise<void> {
  await client.hset('rq:job:a', 'status', 'finished');
  await client.expire('rq:job:a', 99);
  await client.zadd('rq:finished:q', '99', 'a');
}

async function failed(reason: string): Promise<void> {
  await client.hset('rq:job:a', { status: 'failed', retries_left: '0', worker_name: 'w' });
  await client.expire('rq:job:a', 99);
  await client.zadd('rq:failed:q', '99', 'a');
  await client.xadd('rq:results:a', '*', 'type', '2', 'exc_string', deflateText(reason).toString('base64'));
  await client.expire('rq:results:a', 99);
}

/** Runs of the job: when each began and ended, null for not. */
async function verdict(runs: [number, number | null][], job = JOB, blows: Partial<Blows> = {}): Promise<Verdict> {
  const entries = runs.flatMap(([begin, end], i): Entry[] => {
    const run = { key: 'a', execution: `e${i}`, left: 0, worker: 'w', pid: i };
    return [{ t: begin, what: 'begin', ...run }, ...(end === null ? [] : [{ t: end, what: 'end' as const, ...run }])];
  });
  writeFileSync(join(dir, 'ledger'), entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
  return judge(client, [job], join(dir, 'ledger'), { ...NO_BLOWS, ...blows });
}

it('is clean for a job that ran once and is finished', async () => {
  await finished();
  expect(await verdict([[100, 200]])).toMatchObject({ finished: 1, repeatedRuns: 0, violations: [] });
});

it('sees a job that is gone', async () => {
  expect((await verdict([[100, 200]])).violations).toEqual(['lost: a has no hash; it ran 1 times']);
});

it('sees a job in two places, and one in none', async () => {
  await finished();
  await client.rpush('rq:queue:q', 'a');
  expect((await verdict([[100, 200]])).violations).toEqual(['a is finished and in [rq:queue:q, rq:finished:q]']);
  await client.del('rq:queue:q', 'rq:finished:q');
  expect((await verdict([[100, 200]])).violations).toEqual(['a is finished and in []']);
});

it('sees a job that is finished and never ended', async () => {
  await finished();
  expect((await verdict([[100, null]])).violations).toEqual(['a is finished and never ended']);
});

it('sees a second run, unless the first was hit', async () => {
  await finished();
  const runs: [number, number | null][] = [
    [100, null],
    [9_000, 9_100],
  ];
  expect((await verdict(runs, RETRIED)).violations).toHaveLength(1);
  expect((await verdict(runs, RETRIED, { workerKilledAt: () => 150 })).violations).toEqual([]);
  expect((await verdict(runs, RETRIED, { processKilledAt: (pid) => (pid === 0 ? 150 : null) })).violations).toEqual([]);
  // A kill long after the first run had ended explains nothing.
  const ended: [number, number | null][] = [
    [100, 200],
    [9_000, 9_100],
  ];
  expect((await verdict(ended, RETRIED, { workerKilledAt: () => 5_000 })).violations).toHaveLength(1);
  expect((await verdict(ended, RETRIED, { excuse: () => true })).violations).toEqual([]);
});

it('sees a failure without a blow, and one without a reason', async () => {
  await failed('AbandonedJobError');
  expect((await verdict([[100, null]])).violations).toHaveLength(1);
  expect((await verdict([[100, null]], JOB, { workerKilledAt: () => 150 })).violations).toEqual([]);
  await client.del('rq:results:a');
  expect((await verdict([[100, null]])).violations).toEqual(['a failed and no reason is recorded']);
});

it('sees keys that nobody will remove, and counters that do not count', async () => {
  await finished();
  await client.hset('rq:execution:a:e0', 'id', 'e0');
  expect((await verdict([[100, 200]])).violations).toEqual(['rq:execution:a:e0 has no time to live']);
  await client.xadd('rq:results:a', '*', 'type', '1', 'worker_name', 'w');
  expect(await judgeCounters(client, ['w'], 0)).toEqual(['w counts 0 successes, 1 results bear its name']);
  await client.hset('rq:worker:w', 'successful_job_count', '1');
  expect(await judgeCounters(client, ['w'], 0)).toEqual([]);
});

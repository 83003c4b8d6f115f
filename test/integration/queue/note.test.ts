import { describe, expect, it } from 'vitest';
import { claim, type ClaimedJob, type Wish, type WorkerStamp } from '../../../src/queue/claim.js';
import { deleteJob } from '../../../src/queue/end-job.js';
import { empty } from '../../../src/queue/empty.js';
import { enqueue, type NewJob } from '../../../src/queue/enqueue.js';
import { finish, type Ended } from '../../../src/queue/finish.js';
import { fetchLog } from '../../../src/queue/job-log.js';
import { writeNote } from '../../../src/queue/note.js';
import { requeueIds } from '../../../src/queue/requeue.js';
import { register } from '../../../src/worker/registration.js';
import { freshRedis, type FreshRedis } from '../../support/fresh-redis.js';

const WORKER: WorkerStamp = {
  ...{ name: 'w', birth: '2026-11-21T00:00:00.000000Z', monitoringIntervalSeconds: 30 },
  ...{ idleTtlSeconds: 480, defaultTimeoutSeconds: 180 },
};
const wish = (count: number): Wish => ({
  ...{ count, strategy: 'ordered', seed: 0, queues: [{ name: 'q', weight: 1 }] },
  processPrefix: '0123456789abcdef',
});
const LOG = 'rq:tsrq:log:j';
const WEEK = 604_800;

let { client, redis } = {} as FreshRedis;
freshRedis((fresh) => ({ client, redis } = fresh));

async function run(more: Partial<NewJob> = {}): Promise<ClaimedJob> {
  await enqueue(redis, { functionName: 'a.b', queue: 'q', id: 'j', ...more });
  return begin();
}
async function begin(): Promise<ClaimedJob> {
  await register(redis, { stamp: WORKER, queues: ['q'], date: WORKER.birth, version: '1' });
  const claimed = await claim(redis, WORKER, wish(1), '');
  const job = claimed.state === 'ok' ? claimed.jobs[0] : undefined;
  if (!job) throw new Error('nothing was claimed');
  return job;
}
const end = (job: ClaimedJob, how: Partial<Ended> = {}) =>
  finish(
    redis,
    WORKER,
    [{ ...job, kind: 'finished', startedAtMs: 1, endedAtMs: 2, resultTtlSeconds: 500, value: null, ...how }],
    wish(0),
    '',
  );
const log = (job: ClaimedJob, firstLine: number, ...lines: string[]) =>
  writeNote(redis, job, { meta: null, lines, firstLine });
const texts = async (): Promise<string[]> => (await fetchLog(redis, 'j')).map(({ text }) => text);

describe('a note of a running job', () => {
  it('adds lines to its log, and writes none of them twice', async () => {
    const job = await run();
    expect(await log(job, 1, 'one', 'two')).toBe(true);
    expect(await log(job, 1, 'one', 'two')).toBe(true);
    expect(await log(job, 2, 'two', 'three')).toBe(true);
    expect(await texts()).toEqual(['one', 'two', 'three']);
    const [first, , last] = await fetchLog(redis, 'j');
    expect(first?.executionId).toBe(job.executionId);
    expect(await fetchLog(redis, 'j', { most: 1 })).toEqual([last]);
    expect((await fetchLog(redis, 'j', { after: first?.entryId ?? '' })).map(({ text }) => text)).toEqual([
      'two',
      'three',
    ]);
    expect(await client.ttl(LOG)).toBeGreaterThan(WEEK - 60);
  });

  it('is refused when the execution is not its own any more', async () => {
    const job = await run();
    await client.zrem('rq:wip:q', `j:${job.executionId}`);
    expect(await writeNote(redis, job, { meta: '{"a": 1}', lines: ['late'], firstLine: 1 })).toBe(false);
    expect(await client.exists(LOG)).toBe(0);
    expect(await client.hexists('rq:job:j', 'meta')).toBe(0);
  });

  it('keeps the last thousand lines', async () => {
    const job = await run();
    await log(job, 1, ...Array.from({ length: 900 }, (_, i) => `${i + 1}`));
    await log(job, 901, ...Array.from({ length: 900 }, (_, i) => `${i + 901}`));
    const all = await texts();
    expect([all.length, all[0], all.at(-1)]).toEqual([1_000, '801', '1800']);
  });

  it('writes meta alone without a log', async () => {
    const job = await run();
    await writeNote(redis, job, { meta: '{"a": 1}', lines: [], firstLine: 0 });
    expect(await client.hget('rq:job:j', 'meta')).toBe('{"a": 1}');
    expect(await client.hexists('rq:job:j', 'tsrq_log')).toBe(0);
    await end(job);
    expect(await client.exists(LOG)).toBe(0);
  });
});

describe('the log of a job', () => {
  it.each([
    ['its result', { resultTtlSeconds: 500 }, 500],
    ['its failure', { kind: 'failed' }, 60],
  ] as const)('is kept as long as %s', async (_, how, seconds) => {
    const job = await run({ failureTtlSeconds: 60 });
    await log(job, 1, 'one');
    await end(job, how);
    expect(await client.ttl(LOG)).toBeGreaterThan(seconds - 30);
    expect(await client.ttl(LOG)).toBeLessThanOrEqual(seconds);
  });

  it('is kept when the result is kept for ever', async () => {
    const job = await run();
    await log(job, 1, 'one');
    await end(job, { resultTtlSeconds: -1 });
    expect(await client.ttl(LOG)).toBeGreaterThan(WEEK * 52);
  });

  it('goes with a job of which nothing is kept, that is deleted, replaced or emptied', async () => {
    const gone = await run();
    await log(gone, 1, 'one');
    await end(gone, { resultTtlSeconds: 0 });
    expect(await client.exists(LOG)).toBe(0);
    const deleted = await run();
    await log(deleted, 1, 'one');
    await end(deleted);
    await deleteJob(redis, 'j');
    expect(await client.exists(LOG)).toBe(0);
    const replaced = await run();
    await log(replaced, 1, 'one');
    await end(replaced, { kind: 'failed' });
    await enqueue(redis, { functionName: 'a.b', queue: 'q', id: 'j' });
    expect(await client.exists(LOG)).toBe(0);
    const emptied = await begin();
    await log(emptied, 1, 'one');
    await end(emptied, { kind: 'failed' });
    await requeueIds(redis, ['j']);
    await empty(redis, 'q');
    expect(await client.keys('rq:job:j')).toEqual([]);
    expect(await client.exists(LOG)).toBe(0);
  });

  it('goes on with the next attempt, and lives as long as that says', async () => {
    const first = await run({ retry: { max: 1 } });
    await log(first, 1, 'one');
    await end(first, { kind: 'failed' });
    const second = await begin();
    await log(second, 1, 'again');
    expect((await fetchLog(redis, 'j')).map(({ executionId, text }) => [executionId, text])).toEqual([
      [first.executionId, 'one'],
      [second.executionId, 'again'],
    ]);
    await end(second, { endedAtMs: 3 });
    expect(await client.ttl(LOG)).toBeLessThanOrEqual(500);
  });
});

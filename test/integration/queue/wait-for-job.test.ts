import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseRedisUrl } from '../../../src/redis/target.js';
import { claim, type Wish, type WorkerStamp } from '../../../src/queue/claim.js';
import { cancelJob, deleteJob } from '../../../src/queue/end-job.js';
import { enqueue, type NewJob } from '../../../src/queue/enqueue.js';
import { finish, type Ended } from '../../../src/queue/finish.js';
import { waitForJob } from '../../../src/queue/wait-for-job.js';
import { connect } from '../../../src/redis/connect.js';
import { deflateText } from '../../../src/protocol/payload.js';
import { register } from '../../../src/worker/registration.js';
import { freshRedis, type FreshRedis } from '../../support/fresh-redis.js';
import { startProxy, type Proxy } from '../../support/proxy.js';
import { until } from '../../support/rq.js';

const WORKER: WorkerStamp = {
  ...{ name: 'w', birth: '2026-11-21T00:00:00.000000Z', monitoringIntervalSeconds: 30 },
  ...{ idleTtlSeconds: 480, defaultTimeoutSeconds: 180 },
};
const wish = (count: number): Wish => ({
  ...{ count, strategy: 'ordered', seed: 0, queues: [{ name: 'q', weight: 1 }] },
  processPrefix: '0123456789abcdef',
});

let { server, client, redis } = {} as FreshRedis;
freshRedis((fresh) => ({ server, client, redis } = fresh));

const put = (more: Partial<NewJob> = {}) => enqueue(redis, { functionName: 'a.b', queue: 'q', id: 'j', ...more });

/** Begins the job; returns how to end it. */
async function run(): Promise<(how: Partial<Ended>) => Promise<void>> {
  await register(redis, { stamp: WORKER, queues: ['q'], date: WORKER.birth, version: '1' });
  const claimed = await claim(redis, WORKER, wish(1), '');
  const job = claimed.state === 'ok' ? claimed.jobs[0] : undefined;
  if (!job) throw new Error('nothing was claimed');
  const ended = { kind: 'finished', startedAtMs: 1, endedAtMs: 2, resultTtlSeconds: 500, value: null } as const;
  return async (how) => {
    await finish(redis, WORKER, [{ ...job, ...ended, ...how }], wish(0), '');
  };
}
async function looked(): Promise<void> {
  await client.config('RESETSTAT');
  await until('the job is looked at', async () => (await client.info('commandstats')).includes('cmdstat_hmget'));
}

describe('waitForJob', () => {
  it('returns the result of a job that ends while it waits, and of one that has ended', async () => {
    await put();
    const waiting = waitForJob(redis, 'j');
    await looked();
    await (
      await run()
    )({ value: Buffer.from('[1, 2]') });
    const end = { id: 'j', status: 'finished', result: [1, 2], unreadable: null, error: null, kept: true };
    expect(await waiting).toEqual(end);
    expect(await waitForJob(redis, 'j')).toEqual(end);
  });

  it('tells the error of one that failed, and waits on while a retry is left', async () => {
    await put({ retry: { max: 1 } });
    const waiting = waitForJob(redis, 'j');
    await (
      await run()
    )({ kind: 'failed', value: deflateText('first') });
    await looked();
    await (
      await run()
    )({ kind: 'failed', value: deflateText('second') });
    expect(await waiting).toMatchObject({ status: 'failed', result: null, error: 'second' });
  });

  it('tells of jobs that were canceled and stopped', async () => {
    await put();
    await cancelJob(redis, 'j');
    expect(await waitForJob(redis, 'j')).toMatchObject({ status: 'canceled', result: null });
    await client.hset('rq:job:j', 'status', 'stopped');
    expect(await waitForJob(redis, 'j')).toMatchObject({ status: 'stopped' });
  });

  it('is null for a job that there is not', async () => {
    expect(await waitForJob(redis, 'nobody')).toBeNull();
  });

  it('counts a job of which nothing was to be kept as finished when it vanishes', async () => {
    await put({ resultTtlSeconds: 0 });
    const waiting = waitForJob(redis, 'j');
    await looked();
    await (
      await run()
    )({ resultTtlSeconds: 0 });
    expect(await waiting).toEqual({
      id: 'j',
      status: 'finished',
      result: null,
      unreadable: null,
      error: null,
      kept: false,
    });
    expect(await waitForJob(redis, 'j', { enqueued: { resultTtlSeconds: 0 } })).toMatchObject({ status: 'finished' });
  });

  it.each([
    ['deleted', {}],
    ['kept neither way', { resultTtlSeconds: 0, failureTtlSeconds: 0 }],
    ['limited in its time in the queue', { resultTtlSeconds: 0, ttlSeconds: 60 }],
  ])('cannot tell of a vanished job that was %s', async (_, more) => {
    await put(more);
    const waiting = waitForJob(redis, 'j');
    await looked();
    await deleteJob(redis, 'j');
    expect(await waiting).toMatchObject({ status: 'gone', kept: false });
  });

  it('gives up when its time is over, and when it is told to', async () => {
    await put();
    await expect(waitForJob(redis, 'j', { timeoutSeconds: 0.05 })).rejects.toMatchObject({
      code: 'TIMED_OUT',
      message: expect.stringMatching(/j has not ended within 0.05 s: it is queued/) as string,
    });
    for (const timeoutSeconds of [0.001_3, 1 / 300, 0, -1])
      await expect(waitForJob(redis, 'j', { timeoutSeconds })).rejects.toMatchObject({ code: 'TIMED_OUT' });
    const stop = new AbortController();
    const waiting = waitForJob(redis, 'j', { signal: stop.signal, timeoutSeconds: 1e9 });
    const reason = new Error('enough');
    stop.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(waitForJob(redis, 'j', { signal: stop.signal })).rejects.toBe(reason);
  });
});

describe('over a connection that is lost', () => {
  let proxy: Proxy;
  beforeAll(async () => {
    proxy = await startProxy(server.port);
  });
  afterAll(() => proxy.stop());

  it('waitForJob goes on when Redis is back', async () => {
    await put();
    let lost = false;
    const own = connect(parseRedisUrl(proxy.url), {
      role: 'producer',
      deadlineMs: 500,
      onLost: () => {
        lost = true;
      },
    });
    const waiting = waitForJob(own, 'j');
    await looked();
    await proxy.refuse();
    await until('it is noticed', () => lost);
    await (
      await run()
    )({ value: Buffer.from('"late"') });
    await proxy.accept();
    expect(await waiting).toMatchObject({ status: 'finished', result: 'late' });
    own.close();
  });

  it('waitForJob fails at once when Redis cannot be reached to begin with', async () => {
    const own = connect(parseRedisUrl('redis://127.0.0.1:1'), { role: 'producer', deadlineMs: 200 });
    await expect(waitForJob(own, 'j')).rejects.toMatchObject({ code: 'REDIS_UNREACHABLE' });
    own.close();
  });
});

import { describe, expect, it } from 'vitest';
import { claim, type WorkerStamp } from '../../../src/queue/claim.js';
import { cancelJob, deleteJob, stopJob } from '../../../src/queue/end-job.js';
import { enqueue, type NewJob } from '../../../src/queue/enqueue.js';
import { finish } from '../../../src/queue/finish.js';
import { heartbeat } from '../../../src/queue/heartbeat.js';
import { register } from '../../../src/worker/registration.js';
import { freshRedis, type FreshRedis } from '../../support/fresh-redis.js';
import { placesOf, statusOf } from '../../support/rq.js';

const WORKER: WorkerStamp = {
  ...{ name: 'w', birth: '2026-11-21T00:00:00.000000Z', monitoringIntervalSeconds: 30 },
  ...{ idleTtlSeconds: 480, defaultTimeoutSeconds: 180 },
};

let { server, client, redis } = {} as FreshRedis;
freshRedis((fresh) => ({ server, client, redis } = fresh));

const put = (id: string, more: Partial<NewJob> = {}) =>
  enqueue(redis, { functionName: 'a.b', queue: 'q', id, ...more });
const wish = {
  count: 1,
  strategy: 'ordered',
  seed: 0,
  queues: [{ name: 'q', weight: 1 }],
  processPrefix: '0123456789abcdef',
} as const;
async function run(id: string) {
  await register(redis, { stamp: WORKER, queues: ['q'], date: WORKER.birth, version: '1' });
  const claimed = await claim(redis, WORKER, wish, '');
  const job = claimed.state === 'ok' ? claimed.jobs[0] : undefined;
  if (job?.id !== id) throw new Error(`${id} was not claimed`);
  return job;
}
const ended = { kind: 'finished', startedAtMs: 1, endedAtMs: 2, resultTtlSeconds: 500, value: null } as const;

describe('cancelJob', () => {
  it('takes a waiting job from its queue, a scheduled and a deferred one from their registries', async () => {
    await put('parent');
    await put('queued');
    await put('later', { scheduleInSeconds: 60 });
    await put('child', { dependsOn: 'parent' });
    for (const id of ['queued', 'later', 'child']) {
      expect(await cancelJob(redis, id)).toEqual({ state: 'canceled' });
      expect(await statusOf(client, id)).toBe('canceled');
      // RQ changes nothing else of it.
      expect(await client.hget(`rq:job:${id}`, 'ended_at')).toBe('');
      expect(await placesOf(client, id, 'q')).toEqual(['canceled']);
      expect(await cancelJob(redis, id)).toEqual({ state: 'ended', status: 'canceled' });
    }
    expect(await client.exists('rq:job:parent:dependents')).toBe(0);
    expect(await cancelJob(redis, 'nobody')).toEqual({ state: 'gone' });
  });

  it('of a running job fences its worker off', async () => {
    await put('runs');
    const job = await run('runs');
    await cancelJob(redis, 'runs');
    const beaten = await heartbeat(redis, WORKER, [{ ...job, timeoutSeconds: 180 }], { state: '', workingSeconds: 1 });
    expect(beaten).toMatchObject({ state: 'ok', lost: [job.executionId] });
    const result = await finish(redis, WORKER, [{ ...job, ...ended }], { ...wish, count: 0 }, '');
    expect(result.endings).toEqual([{ state: 'lost', status: 'canceled' }]);
    expect(await placesOf(client, 'runs', 'q')).toEqual(['canceled']);
    expect(await client.keys('rq:execution*')).toEqual([]);
  });

  it('lets those that depend on it wait on, or releases them', async () => {
    await put('parent');
    await put('child', { dependsOn: 'parent' });
    await cancelJob(redis, 'parent');
    expect(await placesOf(client, 'child', 'q')).toEqual(['deferred']);
    await client.flushall();
    await put('parent');
    await put('child', { dependsOn: 'parent' });
    await cancelJob(redis, 'parent', { enqueueDependents: true });
    expect(await placesOf(client, 'child', 'q')).toEqual(['rq:queue:q']);
    expect(await statusOf(client, 'child')).toBe('queued');
  });
});

describe('a heartbeat', () => {
  it('prolongs the lease of a job that has not begun, and writes no records of it', async () => {
    await put('waits');
    const job = await run('waits');
    const member = `waits:${job.executionId}`;
    await client.zadd('rq:wip:q', '5', member);
    await heartbeat(redis, WORKER, [{ ...job, timeoutSeconds: null }], { state: '', workingSeconds: 0 });
    expect(Number(await client.zscore('rq:wip:q', member))).toBeGreaterThan(Date.now() / 1_000 + 60);
    expect(await client.keys('rq:execution*')).toEqual([]);
    await heartbeat(redis, WORKER, [{ ...job, timeoutSeconds: 180 }], { state: '', workingSeconds: 0 });
    expect(await client.keys('rq:execution*')).toHaveLength(2);
  });
});

describe('deleteJob', () => {
  it('leaves nothing of a finished job but what tells a late repetition', async () => {
    await put('done');
    const job = await run('done');
    await finish(redis, WORKER, [{ ...job, ...ended }], { ...wish, count: 0 }, '');
    expect(await deleteJob(redis, 'done')).toBe(true);
    const left = await client.keys('*done*');
    expect(left).toEqual(['rq:tsrq:enqueued:done']);
    expect(await placesOf(client, 'done', 'q')).toEqual([]);
    expect(await deleteJob(redis, 'done')).toBe(false);
  });

  it('releases those that depend on it', async () => {
    await put('parent');
    await put('child', { dependsOn: 'parent' });
    expect(await deleteJob(redis, 'parent')).toBe(true);
    expect(await client.lrange('rq:queue:q', '0', '-1')).toEqual(['child']);
  });
});

describe('stopJob', () => {
  it('tells the worker in the words of RQ', async () => {
    await put('runs');
    await run('runs');
    expect(await stopJob(redis, 'runs')).toEqual({ state: 'unheard' });
    const listener = server.client();
    const heard = new Promise<string>((resolve) =>
      listener.on('message', (_, message: string) => {
        resolve(message);
      }),
    );
    await listener.subscribe('rq:pubsub:w');
    expect(await stopJob(redis, 'runs')).toEqual({ state: 'sent' });
    expect(JSON.parse(await heard)).toEqual({ command: 'stop-job', job_id: 'runs' });
  });

  it('tells nobody of a job that does not run', async () => {
    await put('waits');
    expect(await stopJob(redis, 'waits')).toEqual({ state: 'not-running', status: 'queued' });
    expect(await stopJob(redis, 'nobody')).toEqual({ state: 'gone' });
  });
});

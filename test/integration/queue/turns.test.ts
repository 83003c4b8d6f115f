import type { Redis as IoRedis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { endAbandoned } from '../../../src/queue/abandoned.js';
import { adopt, claim, type Claim, type ClaimedJob, type Wish, type WorkerStamp } from '../../../src/queue/claim.js';
import { empty } from '../../../src/queue/empty.js';
import { finish, type Ended } from '../../../src/queue/finish.js';
import { heartbeat } from '../../../src/queue/heartbeat.js';
import { requeueAll, requeueIds, type Requeued } from '../../../src/queue/requeue.js';
import { holdSchedulerLocks, moveDue, releaseSchedulerLocks } from '../../../src/queue/schedule.js';
import { rescueStranded } from '../../../src/queue/stranded.js';
import { suspend } from '../../../src/queue/suspend.js';
import type { Redis } from '../../../src/redis/redis.js';
import { claimMoved } from '../../support/claim-moved.js';
import { startRedis, type TestRedis } from '../../support/redis.js';
import { placesOf, producerTo, put, statusOf } from '../../support/rq.js';

let server: TestRedis;
let client: IoRedis;
let redis: Redis;

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
  redis = producerTo(server.port);
});
afterAll(async () => {
  redis.close();
  await server.stop();
});

const worker: WorkerStamp = {
  name: 'w',
  birth: '2026-01-01T00:00:00.000000Z',
  monitoringIntervalSeconds: 30,
  idleTtlSeconds: 480,
  defaultTimeoutSeconds: 180,
};
beforeEach(async () => {
  await client.flushall();
  await client.hset('rq:worker:w', 'birth', worker.birth);
});

const PROCESS = 'feedfacefeedface';
const wish = (count: number, ...queues: string[]): Wish => {
  return {
    count,
    strategy: 'ordered',
    seed: 1,
    queues: queues.map((name) => ({ name, weight: 1 })),
    processPrefix: PROCESS,
  };
};
const jobsOf = (result: Claim): readonly ClaimedJob[] => {
  if (result.state !== 'ok') throw new Error(result.state);
  return result.jobs;
};
const take = async (count: number, ...queues: string[]): Promise<readonly ClaimedJob[]> =>
  jobsOf(await claim(redis, worker, wish(count, ...queues), ''));
const ended = (job: ClaimedJob | undefined, kind: Ended['kind'] = 'finished', more: Partial<Ended> = {}): Ended => {
  if (!job) throw new Error('nothing was claimed');
  const { id, executionId, queue } = job;
  return {
    id,
    executionId,
    queue,
    kind,
    startedAtMs: 1e12,
    endedAtMs: 1e12 + 5,
    resultTtlSeconds: 500,
    value: null,
    ...more,
  };
};
const end = async (...runs: Ended[]): Promise<readonly unknown[]> =>
  (await finish(redis, worker, runs, wish(0), '')).endings;

describe('claim', () => {
  it('moves a job from its queue to the started registry; the records of its execution come with the first heartbeat', async () => {
    const id = await put(redis, 'a.b', [], { queue: 'q' });
    const [job] = await take(5, 'p', 'q');
    expect(job).toMatchObject({ id, queue: 'q', timeout: '180', attempt: 1 });
    expect(await placesOf(client, id, 'q')).toEqual(['wip']);
    expect(await statusOf(client, id)).toBe('started');
    expect(await client.hget('rq:worker:w', 'current_job')).toBe(id);
    const records = [`rq:execution:${id}:${job?.executionId ?? ''}`, `rq:executions:${id}`];
    expect(await client.exists(...records)).toBe(0);
    const running = [{ id, executionId: job?.executionId ?? '', queue: 'q', timeoutSeconds: 180 }];
    await heartbeat(redis, worker, running, { state: '', workingSeconds: 1 });
    expect(await client.exists(...records)).toBe(2);
    const lease =
      Number(await client.zscore('rq:wip:q', `${id}:${job?.executionId ?? ''}`)) - Math.floor(Date.now() / 1_000);
    expect(lease).toBeGreaterThan(80);
    expect(lease).toBeLessThanOrEqual(90);
  });

  it('gives a job with a short timeout a short lease', async () => {
    const id = await put(redis, 'a.b', [], { queue: 'q', timeoutSeconds: 2 });
    const [job] = await take(1, 'q');
    const score = Number(await client.zscore('rq:wip:q', `${id}:${job?.executionId ?? ''}`));
    expect(score - Math.floor(Date.now() / 1_000)).toBeLessThanOrEqual(62);
  });

  it('does nothing for a worker that is not registered, or whose name another has taken', async () => {
    await put(redis, 'a.b', [], { queue: 'q' });
    await client.hset('rq:worker:w', 'birth', 'another');
    expect(await claim(redis, worker, wish(1, 'q'), '')).toEqual({ state: 'replaced' });
    await client.del('rq:worker:w');
    expect(await claim(redis, worker, wish(1, 'q'), '')).toEqual({ state: 'unregistered' });
    expect(await client.llen('rq:queue:q')).toBe(1);
  });

  it('takes nothing while RQ is suspended, nor what a wait has moved', async () => {
    const id = await put(redis, 'a.b', [], { queue: 'q' });
    await suspend(redis, null);
    expect(await claim(redis, worker, wish(1, 'q'), '')).toMatchObject({ suspended: true, jobs: [] });
    await client.lmove('rq:queue:q', 'rq:queue:q:intermediate:tsrq', 'LEFT', 'RIGHT');
    expect(await claimMoved(redis, worker, { queue: 'q', processPrefix: PROCESS })).toMatchObject({
      suspended: true,
      jobs: [],
    });
    expect(await placesOf(client, id, 'q')).toEqual(['rq:queue:q']);
  });

  it('starts what waits have moved one by one, the newest first, and says when there is nothing', async () => {
    const ids = [await put(redis, 'a.b', [], { queue: 'q' }), await put(redis, 'a.b', [], { queue: 'q' })];
    for (const id of ids)
      expect(await client.lmove('rq:queue:q', 'rq:queue:q:intermediate:tsrq', 'LEFT', 'RIGHT')).toBe(id);
    const moved = { queue: 'q', processPrefix: PROCESS };
    const results = [await claimMoved(redis, worker, moved), await claimMoved(redis, worker, moved)];
    expect(results.map((result) => result && jobsOf(result).map((job) => job.id))).toEqual([[ids[1]], [ids[0]]]);
    expect(await claimMoved(redis, worker, moved)).toBeNull();
    expect(await client.keys('*intermediate*')).toEqual([]);
  });

  it('what a wait has moved goes back to the head when the worker is not registered', async () => {
    const ids = [await put(redis, 'a.b', [], { queue: 'q' }), await put(redis, 'a.b', [], { queue: 'q' })];
    await client.lmove('rq:queue:q', 'rq:queue:q:intermediate:tsrq', 'LEFT', 'RIGHT');
    await client.del('rq:worker:w');
    expect(await claimMoved(redis, worker, { queue: 'q', processPrefix: PROCESS })).toEqual({ state: 'unregistered' });
    expect(await client.lrange('rq:queue:q', '0', '-1')).toEqual(ids);
  });

  it('what a wait has moved is dated by the clock of Redis', async () => {
    const id = await put(redis, 'a.b', [], { queue: 'q' });
    await client.lmove('rq:queue:q', 'rq:queue:q:intermediate:tsrq', 'LEFT', 'RIGHT');
    const before = await client.time();
    await claimMoved(redis, worker, { queue: 'q', processPrefix: PROCESS });
    const after = await client.time();
    const dates = await client.hmget(`rq:job:${id}`, 'started_at', 'last_heartbeat');
    expect(dates).toEqual([dates[0], dates[0]]);
    const date = dates[0] ?? '';
    expect(date).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    const of = ([seconds, micros]: readonly unknown[]): number => Number(seconds) * 1_000 + Number(micros) / 1_000;
    expect(Date.parse(date)).toBeGreaterThanOrEqual(Math.floor(of(before)));
    expect(Date.parse(date)).toBeLessThanOrEqual(of(after));
  });

  it('goes on with the other queues when one is of a wrong type', async () => {
    await client.set('rq:queue:bad', 'text');
    await client.set('rq:wip:worse', 'text');
    const worse = await put(redis, 'a.b', [], { queue: 'worse' });
    const good = await put(redis, 'a.b', [], { queue: 'good' });
    const result = await claim(redis, worker, wish(5, 'bad', 'worse', 'good'), '');
    expect(jobsOf(result).map((job) => job.id)).toEqual([good]);
    expect(result).toMatchObject({ skipped: [{ queue: 'bad' }, { queue: 'worse', id: worse }] });
    expect(await placesOfList('worse')).toEqual([worse]);
  });

  it('finds again what it opened in a call whose reply was lost', async () => {
    const ids = [await put(redis, 'a.b', [], { queue: 'q' }), await put(redis, 'a.b', [], { queue: 'q' })];
    // The same call twice, as when its reply is lost: other executions, told apart.
    const jobs = [...(await take(1, 'q')), ...(await take(1, 'q'))];
    expect(new Set(jobs.map((job) => job.executionId)).size).toBe(2);
    for (const job of jobs) expect(job.executionId).toMatch(/^[0-9a-f]{32}$/);
    const [known] = jobs;
    const found = await adopt(redis, { processPrefix: PROCESS, known: [known?.executionId ?? ''], queues: ['p', 'q'] });
    expect(found.map((job) => job.id)).toEqual([ids[1]]);
    expect(found[0]?.executionId).toBe(jobs[1]?.executionId);
    expect(await end(ended(found[0], 'returned'))).toEqual([{ state: 'returned' }]);
    expect(await placesOf(client, ids[1] ?? '', 'q')).toEqual(['rq:queue:q']);
    expect(await statusOf(client, ids[1] ?? '')).toBe('queued');
  });
});

const placesOfList = (queue: string): Promise<string[]> => client.lrange(`rq:queue:${queue}`, '0', '-1');

describe('finish', () => {
  it('records a batch and claims the next in one call', async () => {
    const ids = [];
    for (let i = 0; i < 3; i += 1) ids.push(await put(redis, 'a.b', [], { queue: 'q' }));
    const jobs = await take(2, 'q');
    const result = await finish(
      redis,
      worker,
      jobs.map((job) => ended(job)),
      wish(2, 'q'),
      '',
    );
    expect(result.endings).toEqual([{ state: 'finished' }, { state: 'finished' }]);
    expect(jobsOf(result).map((job) => job.id)).toEqual([ids[2]]);
    expect(await client.hget('rq:worker:w', 'successful_job_count')).toBe('2');
  });

  it('recognises an outcome that was recorded before', async () => {
    const id = await put(redis, 'a.b', [], { queue: 'q' });
    const [job] = await take(1, 'q');
    expect(await end(ended(job))).toEqual([{ state: 'finished' }]);
    expect(await end(ended(job))).toEqual([{ state: 'repeated' }]);
    expect(await client.xlen(`rq:results:${id}`)).toBe(1);
    expect(await client.hget('rq:worker:w', 'successful_job_count')).toBe('1');
  });

  it.each(['canceled', 'deleted'])('leaves a job that was %s while it ran as it is', async (how) => {
    const id = await put(redis, 'a.b', [], { queue: 'q' });
    const [job] = await take(1, 'q');
    if (how === 'deleted') await client.del(`rq:job:${id}`);
    else await client.hset(`rq:job:${id}`, 'status', 'canceled');
    expect(await end(ended(job))).toEqual([{ state: 'lost', status: how === 'deleted' ? '' : 'canceled' }]);
    expect(await statusOf(client, id)).toBe(how === 'deleted' ? null : 'canceled');
    expect(await client.exists(`rq:results:${id}`)).toBe(0);
    expect(await client.zcard('rq:finished:q')).toBe(0);
  });

  it('keeps results and failures as long as they say', async () => {
    const forever = await put(redis, 'a.b', [], { queue: 'q' });
    const failing = await put(redis, 'a.b', [], { queue: 'q', failureTtlSeconds: -1 });
    const short = await put(redis, 'a.b', [], { queue: 'q', failureTtlSeconds: 60 });
    const none = await put(redis, 'a.b', [], { queue: 'q', failureTtlSeconds: 0 });
    const [a, b, c, d] = await take(4, 'q');
    await end(
      ended(a, 'finished', { resultTtlSeconds: -1 }),
      ended(b, 'failed'),
      ended(c, 'stopped'),
      ended(d, 'failed'),
    );
    expect(await client.zscore('rq:finished:q', forever)).toBe('inf');
    expect([await client.ttl(`rq:job:${forever}`), await client.ttl(`rq:results:${forever}`)]).toEqual([-1, -1]);
    expect(await client.zscore('rq:failed:q', failing)).toBe('-1');
    expect([await client.ttl(`rq:job:${failing}`), await client.ttl(`rq:results:${failing}`)]).toEqual([-1, -1]);
    expect(await statusOf(client, short)).toBe('stopped');
    expect([await client.ttl(`rq:job:${short}`), await client.ttl(`rq:results:${short}`)]).toEqual([60, 60]);
    expect(await client.exists(`rq:job:${none}`)).toBe(0);
    expect(await client.zscore('rq:failed:q', none)).toBeNull();
  });

  it.each(['1.5', '99999999999999999999', 'soon', 'nan', '-7', ''])(
    'records a job whose failure_ttl is %j',
    async (ttl) => {
      const id = await put(redis, 'a.b', [], { queue: 'q' });
      await client.hset(`rq:job:${id}`, { failure_ttl: ttl, ttl, retries_left: ttl });
      const [job] = await take(1, 'q');
      const [ending] = (await end(ended(job, 'stopped'))) as { state: string }[];
      expect(ending?.state).toBe('stopped');
      expect(await placesOf(client, id, 'q')).toEqual(['failed']);
      expect((await requeueIds(redis, [id])).map((result) => result.requeued)).toEqual([true]);
      expect(await placesOf(client, id, 'q')).toEqual(['rq:queue:q']);
    },
  );

  it('has changed nothing when Redis is out of memory', async () => {
    const id = await put(redis, 'a.b', [], { queue: 'q' });
    const waiting = await put(redis, 'a.b', [], { queue: 'q' });
    const [job] = await take(1, 'q');
    await client.config('SET', 'maxmemory', '1');
    await expect(finish(redis, worker, [ended(job)], wish(1, 'q'), '')).rejects.toThrow(/OOM/);
    await expect(claim(redis, worker, wish(1, 'q'), '')).rejects.toThrow(/OOM/);
    await client.config('SET', 'maxmemory', '0');
    expect(await placesOf(client, id, 'q')).toEqual(['wip']);
    expect(await placesOf(client, waiting, 'q')).toEqual(['rq:queue:q']);
    expect(await end(ended(job))).toEqual([{ state: 'finished' }]);
  });
});

describe('heartbeat', () => {
  it('prolongs leases, and tells which are lost', async () => {
    await put(redis, 'a.b', [], { queue: 'q' });
    await put(redis, 'a.b', [], { queue: 'q' });
    const [kept, lost] = await take(2, 'q');
    const member = `${kept?.id ?? ''}:${kept?.executionId ?? ''}`;
    await client.zadd('rq:wip:q', 'XX', '1', member);
    await client.zrem('rq:wip:q', `${lost?.id ?? ''}:${lost?.executionId ?? ''}`);
    const running = [kept, lost].flatMap((job) => (job ? [{ ...job, timeoutSeconds: 180 }] : []));
    expect(await heartbeat(redis, worker, running, { state: '', workingSeconds: 1 })).toEqual({
      state: 'ok',
      lost: [lost?.executionId],
    });
    expect(Number(await client.zscore('rq:wip:q', member))).toBeGreaterThan(Date.now() / 1_000 + 80);
    expect(await client.ttl('rq:worker:w')).toBeLessThanOrEqual(90);
  });
});

describe('what dead workers leave behind', () => {
  it('an execution without a lease is failed or retried once, however many look', async () => {
    const fails = await put(redis, 'a.b', [], { queue: 'q' });
    const again = await put(redis, 'a.b', [], { queue: 'q', retry: { max: 1 } });
    for (const job of await take(2, 'q')) await client.zadd('rq:wip:q', '1', `${job.id}:${job.executionId}`);
    const found = (await Promise.all([1, 2, 3].map(() => endAbandoned(redis, 'q')))).flat();
    expect(found.map(({ id, ending, workerName }) => [id, ending.state, workerName]).sort()).toEqual(
      [
        [fails, 'failed', 'w'],
        [again, 'retried', 'w'],
      ].sort(),
    );
    expect(await placesOf(client, fails, 'q')).toEqual(['failed']);
    expect(await placesOf(client, again, 'q')).toEqual(['rq:queue:q']);
  });

  it('a bare id of older versions of RQ is recovered as well', async () => {
    const id = await put(redis, 'a.b', [], { queue: 'q' });
    await client.del('rq:queue:q');
    await client.hset(`rq:job:${id}`, 'status', 'started');
    await client.zadd('rq:wip:q', '1', id);
    expect((await endAbandoned(redis, 'q')).map((job) => job.ending.state)).toEqual(['failed']);
  });

  it.each([
    ['the intermediate list', 'rq:queue:q:intermediate'],
    ['the list of waits', 'rq:queue:q:intermediate:tsrq'],
  ])('an id in %s goes back to the head of its queue once it has lain there too long', async (_what, list) => {
    const ids = [await put(redis, 'a.b', [], { queue: 'q' }), await put(redis, 'a.b', [], { queue: 'q' })];
    await client.lmove('rq:queue:q', list, 'LEFT', 'RIGHT');
    await client.rpush(list, 'without-a-job');
    expect(await rescueStranded(redis, 'q', 0)).toEqual({ back: [], dropped: [] });
    expect(await rescueStranded(redis, 'q', 60)).toEqual({ back: [], dropped: [] });
    expect(await rescueStranded(redis, 'q', 0)).toEqual({ back: [ids[0]], dropped: ['without-a-job'] });
    expect(await client.lrange('rq:queue:q', '0', '-1')).toEqual(ids);
    expect(await client.keys('*intermediate*')).toEqual([]);
    expect(await client.keys(list)).toEqual([]);
  });
});

describe('requeue', () => {
  const fail = async (count: number, queue = 'q'): Promise<string[]> => {
    const ids = [];
    for (let i = 0; i < count; i += 1) ids.push(await put(redis, 'a.b', [], { queue }));
    const jobs = await take(count, queue);
    await end(...jobs.map((job) => ended(job, 'failed')));
    return ids;
  };

  it('--all puts every failed job of every queue back, oldest first, and reports per id', async () => {
    const [a, b] = [await fail(3, 'a'), await fail(2, 'b')];
    const results: Requeued[] = [];
    const count = await requeueAll(redis, { onResults: (some) => results.push(...some) });
    expect(count).toEqual({ requeued: 5, total: 5 });
    expect(results.every((result) => result.requeued)).toBe(true);
    expect((await placesOfList('a')).sort()).toEqual(a.sort());
    expect((await placesOfList('b')).sort()).toEqual(b.sort());
    expect(await client.zcard('rq:failed:a')).toBe(0);
    for (const id of a) expect([await statusOf(client, id), await client.ttl(`rq:job:${id}`)]).toEqual(['queued', -1]);
  });

  it('by id finds the registry, and says of each other id what it is', async () => {
    const [id = ''] = await fail(1, 'a');
    const queued = await put(redis, 'a.b', [], { queue: 'q' });
    await client.zadd('rq:failed:a', '99', 'ghost');
    await client.hset('rq:job:bare', 'status', 'failed');
    await client.zadd('rq:failed:a', '99', 'bare');
    const results = await requeueIds(redis, ['nope', id, queued, 'ghost', 'bare', id]);
    expect(
      results.map((result) => [result.id, result.requeued, result.requeued ? result.queue : result.reason]),
    ).toEqual([
      ['nope', false, 'no such job'],
      [id, true, 'a'],
      [queued, false, 'it is queued, not failed'],
      ['ghost', false, 'its job does not exist any more; the entry was removed'],
      ['bare', false, 'it has no data'],
    ]);
  });

  it('gives retries back unless they are to be kept', async () => {
    for (const [keepRetries, left] of [
      [false, '2'],
      [true, '0'],
    ] as const) {
      await client.flushall();
      await client.hset('rq:worker:w', 'birth', worker.birth);
      const id = await put(redis, 'a.b', [], { queue: 'q', retry: { max: 2 } });
      for (let i = 0; i < 3; i += 1) await end(ended((await take(1, 'q'))[0], 'failed', { endedAtMs: 1e12 + i }));
      await requeueAll(redis, { keepRetries });
      expect(await client.hget(`rq:job:${id}`, 'retries_left')).toBe(left);
    }
  });

  it('of a stale entry does not make a second copy of a job that lives elsewhere', async () => {
    const id = await put(redis, 'a.b', [], { queue: 'q' });
    await client.zadd('rq:failed:q', '99', id);
    const results: Requeued[] = [];
    await requeueAll(redis, { onResults: (some) => results.push(...some) });
    expect(results).toHaveLength(1);
    expect(results[0]).toMatchObject({ requeued: false, reason: 'it is queued, not failed' });
    expect(await client.llen('rq:queue:q')).toBe(1);
  });
});

describe('empty', () => {
  it('removes queued jobs with their keys and leaves running ones alone', async () => {
    const running = await put(redis, 'a.b', [], { queue: 'q' });
    await take(1, 'q');
    const id = await put(redis, 'a.b', [], { queue: 'q' });
    await client.sadd(`rq:job:${id}:dependents`, 'x');
    await client.sadd(`rq:job::${id}:dependencies`, 'y');
    await client.rpush('rq:queue:q', running, 'dangling');
    expect(await empty(redis, 'q')).toBe(3);
    expect(await client.keys(`*${id}*`)).toEqual([]);
    expect(await statusOf(client, running)).toBe('started');
  });

  it('works in batches', async () => {
    await client.rpush('rq:queue:q', ...Array.from({ length: 434 }, (_, i) => `id-${i}`));
    const seen: number[] = [];
    expect(await empty(redis, 'q', (done) => seen.push(done))).toBe(434);
    expect(seen).toEqual([100, 200, 300, 400, 434]);
  });
});

describe('scheduled jobs', () => {
  it('that are due are moved once, however many schedulers there are', async () => {
    const ids = [];
    for (let i = 0; i < 5; i += 1) {
      const id = await put(redis, 'a.b', [], { queue: 'q' });
      await client.hset(`rq:job:${id}`, 'status', 'scheduled');
      await client.zadd('rq:scheduled:q', i === 4 ? '99999999999' : '1', id);
      ids.push(id);
    }
    await client.del('rq:queue:q');
    await client.set('rq:scheduler-lock:q', 'me');
    const moved = await Promise.all([1, 2, 3].map(() => moveDue(redis, 'q', 'me')));
    expect(moved.reduce((sum, count) => sum + count, 0)).toBe(4);
    expect((await placesOfList('q')).sort()).toEqual(ids.slice(0, 4).sort());
    expect(await client.zcard('rq:scheduled:q')).toBe(1);
  });

  it('are left alone by a scheduler whose lock another one has by now', async () => {
    await put(redis, 'a.b', [], { id: 'late', queue: 'q', scheduleAt: new Date(1_000) });
    const mine = { name: 'a'.repeat(32), hostname: 'h', pid: 1, createdAt: '' };
    expect(await holdSchedulerLocks(redis, mine, ['q'])).toEqual(['q']);
    expect(await holdSchedulerLocks(redis, { ...mine, name: 'other' }, ['q', 'free'])).toEqual(['free']);
    // Its process stood still until the lock had run out.
    await client.set('rq:scheduler-lock:q', 'python');
    expect(await moveDue(redis, 'q', mine.name)).toBe(0);
    expect(await holdSchedulerLocks(redis, mine, ['q'])).toEqual([]);
    await releaseSchedulerLocks(redis, mine.name, ['q', 'free']);
    expect(await client.get('rq:scheduler-lock:q')).toBe('python');
    expect(await client.get('rq:scheduler-lock:free')).toBe('other');
    expect(await client.zcard('rq:scheduled:q')).toBe(1);
  });
});

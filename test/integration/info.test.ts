import type { Redis as IoRedis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { snapshot, type QueueCounts, type QueueInfo } from '../../src/info.js';
import { dumpsPickle } from '../../src/protocol/pickle-writer.js';
import { formatDate } from '../../src/protocol/time.js';
import type { Redis, RedisCommand } from '../../src/redis/redis.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { producerTo, put } from '../support/rq.js';

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
beforeEach(() => client.flushall());

const seconds = (): number => Math.floor(Date.now() / 1_000);

function counted(queues: readonly QueueInfo[], name: string): QueueCounts {
  const queue = queues.find((each) => each.name === name);
  if (!queue || queue.error !== null) throw new Error(`${name}: ${queue?.error ?? 'is missing'}`);
  return queue;
}

/** The same Redis, with the calls to it noted: what is sent together is one round trip. */
function noting(trips: RedisCommand[][]): Redis {
  let together: RedisCommand[] | null = null;
  const note = (commands: readonly RedisCommand[]): void => {
    if (together) {
      together.push(...commands);
      return;
    }
    together = [...commands];
    trips.push(together);
    queueMicrotask(() => {
      together = null;
    });
  };
  return {
    description: redis.description,
    call: (command) => (note([command]), redis.call(command)),
    callBuffer: (command) => (note([command]), redis.callBuffer(command)),
    pipeline: (commands) => (note(commands), redis.pipeline(commands)),
    pipelineBuffer: (commands) => (note(commands), redis.pipelineBuffer(commands)),
    evaluate: (script, keys, args) => (note([['EVALSHA']]), redis.evaluate(script, keys, args)),
    evaluateDurably: (script, args, how) => (note([['EVALSHA']]), redis.evaluateDurably(script, args, how)),
    close: () => undefined,
  };
}

async function addWorker(
  name: string,
  queues: readonly string[],
  fields: Record<string, string | number> = {},
): Promise<void> {
  const now = formatDate(Date.now());
  const base = { birth: now, last_heartbeat: now, queues: queues.join(','), pid: 7, hostname: 'box', state: 'idle' };
  await client.hset(`rq:worker:${name}`, { ...base, ...fields });
  await client.sadd('rq:workers', `rq:worker:${name}`);
  for (const queue of queues) await client.sadd(`rq:workers:${queue}`, `rq:worker:${name}`);
}

async function seed(queues: number, workers: number): Promise<void> {
  const pipeline = client.pipeline();
  for (let i = 0; i < queues; i += 1) {
    pipeline.sadd('rq:queues', `rq:queue:q${i}`).rpush(`rq:queue:q${i}`, `job-${i}`);
    pipeline.hset(`rq:job:job-${i}`, 'enqueued_at', formatDate(Date.now()));
    pipeline.zadd(`rq:wip:q${i}`, seconds() + 1_000, `running-${i}:e`).zadd(`rq:failed:q${i}`, 5, 'expired');
  }
  await pipeline.exec();
  for (let i = 0; i < workers; i += 1) await addWorker(`w${i}`, ['q0']);
  await client.sadd('rq:workers', 'rq:worker:gone');
}

describe('snapshot', () => {
  it('of an empty Redis is empty', async () => {
    const now = await snapshot(redis);
    expect(now).toMatchObject({ queues: [], workers: [], suspended: false, suspendedForSeconds: null, problems: [] });
    expect(Object.values(now.totals).every((count) => count === 0)).toBe(true);
    expect(Math.abs(now.timeMs - Date.now())).toBeLessThan(60_000);
  });

  it('counts queue and registries as RQ does after its cleaning, which it does not do', async () => {
    await put(redis, 'a.b', [], { queue: 'high' });
    await put(redis, 'a.b', [], { queue: 'high' });
    await client.rpush('rq:queue:high:intermediate', 'x');
    const later = seconds() + 1_000;
    await client.zadd('rq:wip:high', 1, 'dead:e', later, 'a:e', later, 'b:e', later, 'c:e');
    await client.zadd('rq:finished:high', 1, 'old', later, 'a', '+inf', 'b');
    await client.zadd('rq:failed:high', 1, 'old', later, 'a', -1, 'kept for ever', later, 'c', later, 'd');
    await client.zadd('rq:deferred:high', 1, 'a');
    await client.zadd('rq:scheduled:high', 1, 'a', 2, 'b');
    await client.zadd('rq:canceled:high', 1, 'a', 2, 'b', 3, 'c');
    const now = await snapshot(redis);
    expect(counted(now.queues, 'high')).toMatchObject({
      queued: 2,
      intermediate: 1,
      started: 3,
      abandoned: 1,
      finished: 2,
      failed: 4,
      deferred: 1,
      scheduled: 2,
      canceled: 3,
    });
    expect(now.totals).toMatchObject({ queues: 1, queued: 2, started: 3, failed: 4, canceled: 3 });
  });

  it('tells since when the job at the head has been waiting', async () => {
    const at = Date.now() - 90_000;
    await client.sadd('rq:queues', 'rq:queue:q', 'rq:queue:silent', 'rq:queue:broken');
    await client.rpush('rq:queue:q', 'head', 'tail');
    await client.hset('rq:job:head', 'enqueued_at', formatDate(at));
    await client.rpush('rq:queue:silent', 'no-hash');
    await client.rpush('rq:queue:broken', 'job');
    await client.set('rq:job:job', 'a string');
    const { queues } = await snapshot(redis);
    expect(counted(queues, 'q').oldestQueuedAtMs).toBe(at);
    expect(counted(queues, 'q').oldestAgeSeconds).toBeGreaterThan(80);
    expect(counted(queues, 'silent')).toMatchObject({ queued: 1, oldestQueuedAtMs: null, oldestAgeSeconds: null });
    expect(counted(queues, 'broken')).toMatchObject({ queued: 1, oldestQueuedAtMs: null });
  });

  it('sorts the queues by name, and shows named ones in the order given, unknown ones as empty', async () => {
    for (const queue of ['low', 'High', 'default']) await put(redis, 'a.b', [], { queue });
    expect((await snapshot(redis)).queues.map((queue) => queue.name)).toEqual(['High', 'default', 'low']);
    const named = await snapshot(redis, { queues: ['nosuch', 'low'] });
    expect(named.queues.map((queue) => queue.name)).toEqual(['nosuch', 'low']);
    expect(counted(named.queues, 'nosuch')).toMatchObject({ queued: 0, started: 0, workers: [] });
  });

  it.each([
    ['json', Buffer.from('{"progress": 42.5, "progress_text": "half way"}')],
    ['pickle', dumpsPickle({ progress: 42.5, progress_text: 'half way' })],
    ['nothing', Buffer.from('no meta')],
  ])('tells how far running jobs are by their meta (%s)', async (how, meta) => {
    await addWorker('w', ['q'], { state: 'busy', current_job: 'j' });
    await client.sadd('rq:queues', 'rq:queue:q');
    await client.zadd('rq:wip:q', seconds() + 1_000, 'j:e');
    await client.hset('rq:execution:j:e', { worker_name: 'w', created_at: seconds() });
    await client.hset('rq:job:j', 'meta', meta);
    const { workers } = await snapshot(redis);
    const progress = how === 'nothing' ? null : { percent: 42.5, text: 'half way' };
    expect(workers[0]?.running).toMatchObject([{ id: 'j', queue: 'q', progress }]);
  });

  it('reads what a worker tells, and of named queues only their workers', async () => {
    await addWorker('w', ['high', 'low'], {
      ip_address: '127.0.0.1:99',
      state: 'busy',
      current_job: 'j1',
      current_job_working_time: '1.5',
      successful_job_count: 9,
      failed_job_count: 2,
      total_working_time: '12.25',
      version: '2.10.0',
    });
    await addWorker('elsewhere', ['other']);
    const { workers, queues } = await snapshot(redis, { queues: ['low'] });
    expect(workers).toHaveLength(1);
    expect(workers[0]).toMatchObject({
      name: 'w',
      gone: false,
      stale: false,
      hostname: 'box',
      ipAddress: '127.0.0.1:99',
      pid: 7,
      state: 'busy',
      queues: ['high', 'low'],
      currentJob: 'j1',
      currentJobSeconds: 1.5,
      running: [{ id: 'j1', queue: null, seconds: 1.5 }],
      successful: 9,
      failed: 2,
      workingSeconds: 12.25,
      version: '2.10.0',
    });
    expect(counted(queues, 'low').workers).toEqual(['w']);
    expect((await snapshot(redis)).workers.map((worker) => worker.name)).toEqual(['elsewhere', 'w']);
  });

  it('shows all jobs that a worker runs at once, the longest first', async () => {
    await client.sadd('rq:queues', 'rq:queue:q');
    await addWorker('w', ['q'], { state: 'busy', current_job: 'first', current_job_working_time: '0' });
    for (const [id, age] of [
      ['second', 5],
      ['first', 70],
    ] as const) {
      await client.zadd('rq:wip:q', seconds() + 1_000, `${id}:e-${id}`);
      await client.hset(`rq:execution:${id}:e-${id}`, {
        worker_name: 'w',
        created_at: String(Date.now() / 1_000 - age),
      });
    }
    const [worker] = (await snapshot(redis)).workers;
    expect(worker?.running.map((job) => [job.id, job.queue])).toEqual([
      ['first', 'q'],
      ['second', 'q'],
    ]);
    expect(worker?.currentJobSeconds).toBeGreaterThan(60);
  });

  it('shows registered workers whose hash is gone, or whose heartbeat is old, as such', async () => {
    await client.sadd('rq:queues', 'rq:queue:q');
    await addWorker('silent', ['q'], { last_heartbeat: formatDate(Date.now() - 481_000) });
    await addWorker('quiet', ['q'], { last_heartbeat: formatDate(Date.now() - 400_000) });
    await client.sadd('rq:workers', 'rq:worker:ghost');
    await client.sadd('rq:workers:q', 'rq:worker:ghost');
    const { workers, queues } = await snapshot(redis);
    expect(workers.map(({ name, gone, stale, state }) => [name, gone, stale, state])).toEqual([
      ['ghost', true, true, '?'],
      ['quiet', false, false, 'idle'],
      ['silent', false, true, 'idle'],
    ]);
    expect(counted(queues, 'q').workers).toEqual(['quiet', 'silent']);
  });

  it('finds workers that only their queue knows', async () => {
    await put(redis, 'a.b', [], { queue: 'q' });
    await addWorker('w', ['q']);
    await client.del('rq:workers');
    expect((await snapshot(redis)).workers.map((worker) => worker.name)).toEqual(['w']);
  });

  it('tells whether RQ is suspended, and for how long', async () => {
    await client.set('rq:suspended', '1');
    expect(await snapshot(redis)).toMatchObject({ suspended: true, suspendedForSeconds: null });
    await client.set('rq:suspended', '1', 'EX', 100);
    const { suspendedForSeconds } = await snapshot(redis);
    expect(suspendedForSeconds).toBeGreaterThan(50);
    expect(suspendedForSeconds).toBeLessThanOrEqual(100);
  });
});

describe('keys that RQ would not have written', () => {
  it.each([
    ['rq:queue:bad', 'list'],
    ['rq:queue:bad:intermediate', 'list'],
    ['rq:workers:bad', 'set'],
    ['rq:wip:bad', 'sorted set'],
    ['rq:canceled:bad', 'sorted set'],
  ])('%s: its queue says so, the others are counted', async (key, kind) => {
    await put(redis, 'a.b', [], { queue: 'good' });
    await client.sadd('rq:queues', 'rq:queue:bad');
    await client.set(key, 'a string');
    const { queues, totals } = await snapshot(redis);
    expect(queues.find((queue) => queue.name === 'bad')).toEqual({ name: 'bad', error: `key ${key} holds no ${kind}` });
    expect(counted(queues, 'good').queued).toBe(1);
    expect(totals).toMatchObject({ queues: 2, queued: 1 });
  });

  it('alien members of rq:queues and rq:workers are told of', async () => {
    await put(redis, 'a.b', [], { queue: 'good' });
    await client.sadd('rq:queues', 'alien', 'rq:queue:');
    await client.sadd('rq:workers', 'stranger');
    const { queues, problems } = await snapshot(redis);
    expect(queues.map((queue) => [queue.name, queue.error])).toEqual([
      ['good', null],
      ['alien', 'this member of rq:queues is no queue'],
      ['rq:queue:', 'this member of rq:queues is no queue'],
    ]);
    expect(problems).toEqual(["'stranger' in rq:workers is no worker"]);
  });

  it('rq:queues, rq:workers and a worker of a wrong type are told of', async () => {
    await client.set('rq:queues', 'a string');
    await client.sadd('rq:workers', 'rq:worker:odd');
    await client.set('rq:worker:odd', 'a string');
    const now = await snapshot(redis);
    expect(now.problems).toEqual(['key rq:queues holds no set']);
    expect(now.workers).toMatchObject([{ name: 'odd', error: 'key rq:worker:odd holds no hash' }]);
  });

  it('bad fields of a worker are taken as unknown', async () => {
    await addWorker('w', ['q'], {
      pid: 'x',
      birth: 'yesterday',
      last_heartbeat: '',
      successful_job_count: 'many',
      total_working_time: 'NaN',
    });
    await client.hdel('rq:worker:w', 'state', 'queues', 'hostname');
    expect((await snapshot(redis)).workers).toMatchObject([
      {
        state: '?',
        queues: [],
        hostname: null,
        pid: null,
        birthMs: null,
        heartbeatAgeSeconds: null,
        successful: 0,
        workingSeconds: 0,
        stale: false,
      },
    ]);
  });

  it('ids and members that are no text of RQ’s do no harm', async () => {
    await client.sadd('rq:queues', 'rq:queue:q');
    await client.rpush('rq:queue:q', Buffer.from([0xff, 0xfe]), '');
    await client.zadd('rq:wip:q', '+inf', 'no colon', '+inf', '');
    expect(counted((await snapshot(redis)).queues, 'q')).toMatchObject({ queued: 2, started: 2 });
  });
});

describe('what a snapshot costs', () => {
  it.each([
    [1, 1],
    [1_000, 50],
  ])('%i queues and %i workers take four round trips, three where nothing runs', async (queues, workers) => {
    await seed(queues, workers);
    const trips: RedisCommand[][] = [];
    const now = await snapshot(noting(trips));
    expect(trips).toHaveLength(4);
    expect(now.totals).toMatchObject({ queues, workers: workers + 1, queued: queues, started: queues, failed: 0 });
    for (let i = 0; i < queues; i += 1) await client.del(`rq:wip:q${i}`);
    await snapshot(noting(trips));
    expect(trips).toHaveLength(4 + 3);
  });

  it('changes nothing', async () => {
    await seed(20, 3);
    await client.set('rq:queue:bad', 'a string');
    await client.sadd('rq:queues', 'rq:queue:bad', 'alien');
    await client.zadd('rq:wip:q0', 1, 'dead:e');
    const dump = async (): Promise<string[]> => {
      const keys = (await client.keys('*')).sort();
      return Promise.all(
        keys.map(async (key) => `${key} ${(await client.dumpBuffer(key)).toString('hex')} ${await client.ttl(key)}`),
      );
    };
    const changes = async (): Promise<string | undefined> =>
      /rdb_changes_since_last_save:\d+/.exec(await client.info('persistence'))?.[0];
    const [before, changesBefore] = [await dump(), await changes()];
    await snapshot(redis);
    await snapshot(redis, { queues: ['q0', 'nosuch'] });
    expect(await dump()).toEqual(before);
    expect(await changes()).toBe(changesBefore);
    expect(changesBefore).toBeDefined();
  });
});

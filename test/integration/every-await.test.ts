import type { Redis as IoRedis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endAbandoned } from '../../src/queue/abandoned.js';
import { adopt, claim, type Claim, type ClaimedJob, type WorkerStamp } from '../../src/queue/claim.js';
import { cleanQueue } from '../../src/queue/clean-queue.js';
import { clean } from '../../src/queue/clean.js';
import { beatCron, beginCronEntry, endCron, enqueueOccurrence } from '../../src/queue/cron.js';
import { compactQueue } from '../../src/queue/compact.js';
import { deleteQueue } from '../../src/queue/delete-queue.js';
import { emptyRegistry } from '../../src/queue/empty-registry.js';
import { empty, emptyOld } from '../../src/queue/empty.js';
import { cancelJob, deleteJob } from '../../src/queue/end-job.js';
import { enqueueGroup } from '../../src/queue/enqueue-group.js';
import { enqueueMany } from '../../src/queue/enqueue-many.js';
import { enqueue } from '../../src/queue/enqueue.js';
import { finish, returnToQueue, type Ended } from '../../src/queue/finish.js';
import { forgetWorker } from '../../src/queue/forget-worker.js';
import { cleanGroups, deleteGroup } from '../../src/queue/group.js';
import { heartbeat } from '../../src/queue/heartbeat.js';
import { writeNote } from '../../src/queue/note.js';
import { moveJobs } from '../../src/queue/move-jobs.js';
import { moveQueue } from '../../src/queue/move.js';
import { pauseQueue } from '../../src/queue/pause.js';
import { releaseForgotten, releaseRest } from '../../src/queue/release.js';
import { requeueAll, requeueIds } from '../../src/queue/requeue.js';
import { rescueStranded } from '../../src/queue/stranded.js';
import { writeMeta } from '../../src/queue/write-meta.js';
import { connect } from '../../src/redis/connect.js';
import type { Redis } from '../../src/redis/redis.js';
import { register, unregister } from '../../src/worker/registration.js';
import { Scheduler } from '../../src/worker/scheduler.js';
import { claimMoved } from '../support/claim-moved.js';
import { startProxy, type Fate, type Proxy } from '../support/proxy.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { producerTo, put } from '../support/rq.js';

let server: TestRedis;
let proxy: Proxy;
let client: IoRedis;
/** Leads past the proxy, for setting the scene. */
let quiet: Redis;

beforeAll(async () => {
  server = await startRedis();
  proxy = await startProxy(server.port);
  client = server.client();
  quiet = producerTo(server.port);
});
afterAll(async () => {
  quiet.close();
  await proxy.stop();
  await server.stop();
});

const DATE = '2026-01-01T00:00:00.000000Z';
const WORKER: WorkerStamp = {
  ...{ name: 'w', birth: DATE, monitoringIntervalSeconds: 30, idleTtlSeconds: 480, defaultTimeoutSeconds: 180 },
};
const BIRTH = { stamp: WORKER, queues: ['a', 'b'], date: DATE, version: '0' };
const PREFIX = 'feedfacefeedface';
const wish = (count: number) => ({
  ...{ count, strategy: 'ordered' as const, seed: 1, processPrefix: PREFIX },
  queues: ['a', 'b'].map((name) => ({ name, weight: 1, limits: '90/h 90' })),
});
const jobsOf = (result: Claim): readonly ClaimedJob[] => {
  if (result.state !== 'ok') throw new Error(result.state);
  return result.jobs;
};
const endOf = ({ id, executionId, queue }: ClaimedJob, kind: Ended['kind']): Ended => ({
  ...{ id, executionId, queue, kind, startedAtMs: 1e12, endedAtMs: 1e12 + 5, resultTtlSeconds: 500, value: null },
});
const running = (): Promise<readonly ClaimedJob[]> => claim(quiet, WORKER, wish(2), '').then(jobsOf);

async function jobs(count: number, more: Parameters<typeof put>[3] = {}): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < count; i += 1) {
    ids.push(await put(quiet, 'a.b', [i], { id: `j${i}`, queue: i % 2 === 0 ? 'a' : 'b', ...more }));
  }
  return ids;
}

async function failedJobs(count: number): Promise<void> {
  await jobs(count);
  await finishing('failed')(quiet, jobsOf(await claim(quiet, WORKER, wish(count), '')));
}

const finishing =
  (kind: Ended['kind'], more: Partial<Ended> = {}): Operation['run'] =>
  (redis, claimed) => {
    const ended = claimed.map((job) => ({ ...endOf(job, kind), ...more }));
    return finish(redis, WORKER, ended, wish(0), '');
  };

interface Operation {
  /** Sets the scene; what it returns is handed to `run`. */
  readonly scene: () => Promise<readonly ClaimedJob[]>;
  readonly run: (redis: Redis, claimed: readonly ClaimedJob[]) => Promise<unknown>;
}

const MANY = Array.from({ length: 90 }, (_, i) => ({
  functionName: 'a.b',
  id: `new${i}`,
  queue: i % 3 === 0 ? 'b' : 'a',
}));

const CHILDREN = Array.from({ length: 130 }, (_, i) => ({
  ...{ functionName: 'a.b', id: `child${i}`, queue: 'b', dependsOn: 'j0' },
}));

/** Everything that tsrq does to Redis, each step of which may be cut off before or after Redis has done it. */
const OPERATIONS: Readonly<Record<string, Operation>> = {
  enqueue: {
    scene: async () => (await jobs(1), []),
    run: (redis) => enqueue(redis, { functionName: 'a.b', id: 'new', queue: 'a', retry: { max: 2 } }),
  },
  'enqueue of a job that leaves nothing behind': {
    scene: () => Promise.resolve([]),
    run: (redis) => enqueue(redis, { functionName: 'a.b', id: 'new', queue: 'a', resultTtlSeconds: 0 }),
  },
  'enqueue in the place of another': {
    scene: async () => (await jobs(3), []),
    run: (redis) => enqueue(redis, { functionName: 'c.d', id: 'j0', queue: 'b', onExistingId: 'replace' }),
  },
  'enqueue of a job that waits for another': {
    scene: async () => (await jobs(1), []),
    run: (redis) => enqueue(redis, { functionName: 'a.b', id: 'new', queue: 'a', dependsOn: 'j0' }),
  },
  'enqueue of a job for later': {
    scene: () => Promise.resolve([]),
    run: (redis) => enqueue(redis, { functionName: 'a.b', id: 'new', queue: 'a', scheduleInSeconds: 60 }),
  },
  'enqueue of many': {
    scene: async () => (await jobs(1), []),
    run: (redis) => enqueueMany(redis, MANY),
  },
  'enqueue of a group': {
    scene: async () => (await jobs(1), []),
    run: (redis) => enqueueGroup(redis, MANY, { group: 'g' }),
  },
  'deleting a group': {
    scene: async () => (await enqueueGroup(quiet, MANY, { group: 'g' }), []),
    run: (redis) => deleteGroup(redis, 'g'),
  },
  'cleaning groups': {
    scene: async () => (await enqueueGroup(quiet, MANY, { group: 'g' }), await client.del('rq:job:new1'), []),
    run: (redis) => cleanGroups(redis),
  },
  'forgetting a worker that is gone': {
    scene: async () => (
      await client.sadd('rq:workers', 'rq:worker:gone'),
      await client.sadd('rq:workers:a', 'rq:worker:gone'),
      []
    ),
    run: (redis) => forgetWorker(redis, 'gone', ['a']),
  },
  'canceling a job': {
    scene: async () => (await jobs(2), await put(quiet, 'a.b', [], { id: 'child', queue: 'a', dependsOn: 'j0' }), []),
    run: (redis) => cancelJob(redis, 'j0', { enqueueDependents: true }),
  },
  'releasing those that wait for a job': {
    scene: async () => {
      await put(quiet, 'a.b', [], { id: 'j0', queue: 'a' });
      await enqueueMany(quiet, CHILDREN);
      return running();
    },
    run: async (redis, claimed) => {
      await finishing('finished')(redis, claimed);
      await releaseRest(redis);
      // Which hundred are the first is left to chance.
      await client.call('SORT', 'rq:queue:b', 'ALPHA', 'STORE', 'rq:queue:b');
    },
  },
  'releasing what was forgotten': {
    scene: async () => {
      await put(quiet, 'a.b', [], { id: 'j0', queue: 'a' });
      await enqueueMany(quiet, CHILDREN);
      await client.del('rq:job:j0', 'rq:queue:a');
      return [];
    },
    run: async (redis) => {
      await releaseForgotten(redis, 'b', -1);
      // Those of one second come in the order of their names.
      await client.call('SORT', 'rq:queue:b', 'ALPHA', 'STORE', 'rq:queue:b');
    },
  },
  'canceling a running job': {
    scene: async () => (await jobs(2), running()),
    run: (redis) => cancelJob(redis, 'j0'),
  },
  'deleting a job': {
    scene: async () => (await jobs(2), await put(quiet, 'a.b', [], { id: 'child', queue: 'a', dependsOn: 'j0' }), []),
    run: (redis) => deleteJob(redis, 'j0'),
  },
  heartbeat: {
    scene: async () => (await jobs(4), running()),
    run: (redis, claimed) =>
      heartbeat(
        redis,
        WORKER,
        claimed.map((job) => ({ ...job, timeoutSeconds: 180 })),
        { state: '', workingSeconds: 1 },
      ),
  },
  'finish of a success': {
    scene: async () => (await jobs(4), running()),
    run: finishing('finished'),
  },
  'finish of a failure with retries': {
    scene: async () => (await jobs(4, { retry: { max: 2 } }), running()),
    run: finishing('failed'),
  },
  'finish of a failure with a delayed retry': {
    scene: async () => (await jobs(4, { retry: { max: 1, intervals: [60] } }), running()),
    run: finishing('failed'),
  },
  'finish of a job that is repeated': {
    scene: async () => (await jobs(4, { repeat: { times: 2, interval: [60, 0] } }), running()),
    run: finishing('finished'),
  },
  'finish of a job that asks for another attempt': {
    scene: async () => (await jobs(4), running()),
    run: finishing('failed', { retry: { max: 2, intervals: [0], value: Buffer.from('"r"') } }),
  },
  'finish of a stopped job': {
    scene: async () => (await jobs(4), running()),
    run: finishing('stopped'),
  },
  'return to the queue': {
    scene: async () => (await jobs(4), running()),
    run: (redis, claimed) => returnToQueue(redis, WORKER, claimed, ''),
  },
  'meta written from outside of the job': {
    scene: async () => (await jobs(1), []),
    run: (redis) => writeMeta(redis, 'j0', { step: 1 }),
  },
  'a note of meta and log': {
    scene: async () => (await jobs(2), running()),
    run: (redis, [job]) =>
      job
        ? writeNote(redis, job, { meta: '{"a": 1}', lines: ['one', 'two'], firstLine: 1 })
        : Promise.reject(new Error('no job')),
  },
  requeue: {
    scene: async () => (await failedJobs(4), []),
    run: (redis) => requeueAll(redis),
  },
  'requeue by id': {
    scene: async () => (await failedJobs(4), []),
    run: (redis) => requeueIds(redis, ['j0', 'j3']),
  },
  empty: {
    scene: async () => (await jobs(600, { queue: 'a' }), []),
    run: (redis) => empty(redis, 'a'),
  },
  'emptying a queue of old jobs': {
    scene: async () => (await jobs(600, { queue: 'a' }), []),
    run: (redis) => emptyOld(redis, 'a', { beforeMs: Date.now() + 60_000 }),
  },
  'emptying a registry': {
    scene: async () => (await failedJobs(4), []),
    run: (redis) => emptyRegistry(redis, 'failed', 'a'),
  },
  'moving a queue': {
    scene: async () => (await jobs(600, { queue: 'a' }), []),
    run: (redis) => moveQueue(redis, 'a', 'b'),
  },
  'moving some jobs of a queue': {
    scene: async () => (await jobs(4, { queue: 'a' }), []),
    run: (redis) => moveJobs(redis, 'queued', 'a', 'b', { functionName: 'a.b' }),
  },
  'moving failed jobs': {
    scene: async () => (await failedJobs(4), []),
    run: (redis) => moveJobs(redis, 'failed', 'a', 'b'),
  },
  'compacting a queue': {
    scene: async () => (await jobs(4), await client.del('rq:job:j0'), []),
    run: (redis) => compactQueue(redis, 'a'),
  },
  'deleting a queue': {
    scene: async () => (await jobs(4), []),
    run: (redis) => deleteQueue(redis, 'a'),
  },
  'pausing a queue': {
    scene: () => Promise.resolve([]),
    run: (redis) => pauseQueue(redis, 'a', null),
  },
  'birth and death': {
    scene: () => Promise.resolve([]),
    run: async (redis) => (await register(redis, BIRTH), unregister(redis, BIRTH, DATE)),
  },
  'the sweep of what is abandoned': {
    scene: async () => {
      await jobs(4, { retry: { max: 1 } });
      for (const { queue, id, executionId } of await running()) {
        await client.zadd(`rq:wip:${queue}`, '1', `${id}:${executionId}`);
      }
      return [];
    },
    run: async (redis) => [await endAbandoned(redis, 'a'), await endAbandoned(redis, 'b')],
  },
  'the rescue of what is stranded': {
    scene: async () => {
      await jobs(4);
      await client.lmove('rq:queue:a', 'rq:queue:a:intermediate', 'LEFT', 'RIGHT');
      await rescueStranded(quiet, 'a');
      return [];
    },
    run: (redis) => rescueStranded(redis, 'a', 0),
  },
  'the scheduler': {
    scene: async () => {
      await jobs(2);
      for (const id of ['j0', 'j1']) {
        await client.hset(`rq:job:${id}`, 'status', 'scheduled');
        await client.zadd('rq:scheduled:a', '1', id);
      }
      await client.del('rq:queue:a', 'rq:queue:b');
      return [];
    },
    run: async (redis) => {
      const scheduler = new Scheduler(redis, ['a', 'b']);
      await scheduler.runOnce();
      await scheduler.release();
    },
  },
  'cron, from birth to death': {
    scene: async () => {
      await client.hset('rq:tsrq:cron:n', 'what', 'w', 'done', '1000');
      return [];
    },
    run: async (redis) => {
      const entry = { key: 'n', what: 'w', name: 'n' };
      await beatCron(redis, 'me', [['name', 'me']]);
      await beginCronEntry(redis, entry, null);
      const { state } = await enqueueOccurrence(
        redis,
        { ...entry, moment: 2_000 },
        { functionName: 'a.b', queue: 'a' },
      );
      expect(state).toBe('queued');
      await endCron(redis, 'me');
      // Random ids stand in its keys.
      expect(await client.llen('rq:queue:a')).toBe(1);
      await client.del('rq:queue:a', 'rq:cron_job:n:jobs', ...(await client.keys('rq:job:*')));
    },
  },
  cleaning: {
    scene: async () => {
      await failedJobs(2);
      await client.zadd('rq:failed:a', '5', 'gone', '1e12', 'stays');
      await client.sadd('rq:workers:a', 'rq:worker:ghost');
      return [];
    },
    run: (redis) => clean(redis, 'a', { token: 'token' }),
  },
  'cleaning a queue on demand': {
    scene: async () => {
      await failedJobs(2);
      await client.zadd('rq:failed:a', '5', 'over', '-1', 'gone');
      await client.zadd('rq:canceled:a', '5', 'gone');
      await client.sadd('rq:workers:a', 'rq:worker:ghost');
      return [];
    },
    run: (redis) => cleanQueue(redis, 'a'),
  },
};

const FATES: readonly Fate[] = ['unsent', 'unanswered'];

describe.each(Object.entries(OPERATIONS))('%s', (_name, { scene, run }) => {
  it('comes to the same wherever its connection is cut, before or after Redis has done a step', async () => {
    const undisturbed = await perform(0, 'unsent', scene, run);
    expect(undisturbed.commands).toBeGreaterThan(0);
    for (const fate of FATES) {
      for (let n = 1; n <= undisturbed.commands; n += 1) {
        const { keys } = await perform(n, fate, scene, run);
        expect({ fate, n, keys }).toEqual({ fate, n, keys: undisturbed.keys });
      }
    }
  });
});

describe.each(['claim', 'claim of what a wait has moved', 'finish and claim'])('%s', (how) => {
  it('loses no execution wherever its connection is cut: what it does not return is found', async () => {
    const scene = async (): Promise<readonly ClaimedJob[]> => {
      await jobs(6);
      if (how === 'finish and claim') return running();
      if (how !== 'claim') await client.lmove('rq:queue:a', 'rq:queue:a:intermediate:tsrq', 'LEFT', 'RIGHT');
      return [];
    };
    const given: string[] = [];
    const run = async (redis: Redis, claimed: readonly ClaimedJob[]): Promise<void> => {
      const result =
        how === 'claim'
          ? await claim(redis, WORKER, wish(2), '')
          : how === 'finish and claim'
            ? await finish(
                redis,
                WORKER,
                claimed.map((job) => endOf(job, 'finished')),
                wish(2),
                '',
              )
            : await claimMoved(redis, WORKER, { queue: 'a', processPrefix: PREFIX });
      // Nothing: the call was carried out before, and its reply lost.
      const own = result ? jobsOf(result) : [];
      const known = own.map((job) => job.executionId);
      const found = await adopt(redis, { processPrefix: PREFIX, known, queues: ['a'] });
      given.push(...own.map(memberOf), ...found.map(memberOf));
    };
    const { commands } = await perform(0, 'unsent', scene, run);
    for (const fate of FATES) {
      for (let n = 1; n <= commands; n += 1) {
        given.length = 0;
        await perform(n, fate, scene, run);
        const open = [...(await client.zrange('rq:wip:a', '0', '-1')), ...(await client.zrange('rq:wip:b', '0', '-1'))];
        expect({ fate, n, given: given.toSorted() }).toEqual({ fate, n, given: open.toSorted() });
        const left = (await client.llen('rq:queue:a')) + (await client.llen('rq:queue:b'));
        const ended = (await client.zcard('rq:finished:a')) + (await client.zcard('rq:finished:b'));
        expect({ fate, n, all: open.length + left + ended }).toEqual({ fate, n, all: 6 });
        expect(await client.keys('*intermediate*')).toEqual([]);
      }
    }
  });
});

const memberOf = ({ id, executionId }: ClaimedJob): string => `${id}:${executionId}`;

async function perform(
  n: number,
  fate: Fate,
  scene: Operation['scene'],
  run: Operation['run'],
): Promise<{ commands: number; keys: Record<string, unknown> }> {
  await client.flushall();
  await client.hset('rq:worker:w', 'birth', WORKER.birth);
  const claimed = await scene();
  const redis = connect({ kind: 'tcp', host: '127.0.0.1', port: proxy.port, db: 0 }, { role: 'consumer' });
  const count = proxy.failNth(n, fate);
  await run(redis, claimed);
  redis.close();
  return { commands: count(), keys: await snapshot() };
}

/** What must come out the same: everything but moments and random names. */
const PASSING = /_at$|heartbeat$|^birth$|^death$|^name$|^ip_address$|working_time$|execution|^data$|^id$/;

async function snapshot(): Promise<Record<string, unknown>> {
  const keys: Record<string, unknown> = {};
  for (const key of (await client.keys('*')).toSorted()) {
    if (key.startsWith('rq:tsrq:') && !key.startsWith('rq:tsrq:log:')) continue;
    const name = key.replace(/feedface\w+/, '*');
    keys[name] = await valueOf(key);
    // Whether it expires, not when.
    keys[`${name} expires`] = (await client.ttl(key)) >= 0;
  }
  return keys;
}

async function valueOf(key: string): Promise<unknown> {
  switch (await client.type(key)) {
    case 'hash':
      return Object.fromEntries(
        Object.entries(await client.hgetall(key))
          .filter(([field]) => !PASSING.test(field))
          .map(([field, value]) => [field, field.startsWith('retry_error_') ? '*' : value]),
      );
    case 'list':
      return client.lrange(key, 0, -1);
    case 'set':
      return (await client.smembers(key)).map((member) => member.replace(/feedface\w+/, '*')).toSorted();
    case 'zset':
      return (await client.zrange(key, '0', '-1')).map((member) => member.replace(/feedface\w+/, '*')).toSorted();
    case 'stream':
      return client.xlen(key);
    default:
      return client.get(key);
  }
}

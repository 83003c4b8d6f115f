import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Redis as IoRedis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { diagnose, type Diagnosis, type Finding } from '../../src/doctor.js';
import { checkPersistence, checkReplication, checkVersion, parseInfo } from '../../src/doctor/server.js';
import { formatDate } from '../../src/protocol/time.js';
import { pauseQueue } from '../../src/queue/pause.js';
import { connect } from '../../src/redis/connect.js';
import type { Redis, RedisCommand } from '../../src/redis/redis.js';
import { parseRedisUrl } from '../../src/redis/target.js';
import { renderDoctor } from '../../src/cli/render/doctor.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { producerTo, put, until } from '../support/rq.js';
import { startSentinels } from '../support/sentinel.js';

let server: TestRedis;
let client: IoRedis;
let redis: Redis;

beforeAll(async () => {
  server = await startRedis({ conf: { appendonly: 'yes', 'repl-diskless-sync-delay': '0' } });
  client = server.client();
  redis = producerTo(server.port);
});
afterAll(async () => {
  redis.close();
  await server.stop();
});
beforeEach(() => client.flushall());

const seconds = (): number => Math.floor(Date.now() / 1_000);

const wrongOf = ({ findings }: Diagnosis): string[] =>
  findings.filter(({ level }) => level !== 'ok').map(({ level, id }) => `${level} ${id}`);
const wrong = async (options: Parameters<typeof diagnose>[1] = {}): Promise<string[]> =>
  wrongOf(await diagnose(redis, options));

async function finding(id: Finding['id'], options: Parameters<typeof diagnose>[1] = {}): Promise<Finding> {
  const { findings } = await diagnose(redis, options);
  const [first, second] = findings.filter((each) => each.id === id);
  if (!first || second) throw new Error(`${findings.filter((each) => each.id === id).length} findings of ${id}`);
  return first;
}

async function addWorker(name: string, queues: readonly string[], fields: Record<string, string> = {}): Promise<void> {
  const now = formatDate(Date.now());
  const base = { birth: now, last_heartbeat: now, queues: queues.join(','), python_version: 'Node.js 20.20.0' };
  await client.hset(`rq:worker:${name}`, { ...base, ...fields });
  await client.sadd('rq:workers', `rq:worker:${name}`);
  for (const queue of queues) await client.sadd(`rq:workers:${queue}`, `rq:worker:${name}`);
}

/** A queue on which a tsrq worker listens. */
async function addQueue(name: string): Promise<void> {
  await client.sadd('rq:queues', `rq:queue:${name}`);
  await addWorker(`w-${name}`, [name]);
}

const addJob = (id: string, status: string, origin = 'q'): Promise<number> =>
  client.hset(`rq:job:${id}`, { status, origin });

async function withConfig(settings: Record<string, string>, check: () => Promise<void>): Promise<void> {
  const before: Record<string, string> = {};
  for (const [name, wanted] of Object.entries(settings)) {
    const [, value = ''] = await client.config('GET', name);
    before[name] = value;
    await client.config('SET', name, wanted);
  }
  try {
    await check();
  } finally {
    for (const [name, value] of Object.entries(before)) await client.config('SET', name, value);
  }
}

/** The same Redis, with the calls to it noted: each is one round trip. */
function noting(trips: RedisCommand[][]): Redis {
  const refuse = (): never => {
    throw new Error('the doctor asks in pipelines');
  };
  return {
    description: redis.description,
    pipeline: (commands) => (trips.push([...commands]), redis.pipeline(commands)),
    ...{ call: refuse, callBuffer: refuse, pipelineBuffer: refuse },
    ...{ evaluate: refuse, evaluateDurably: refuse, close: refuse },
  };
}

describe('a healthy Redis', () => {
  it('gives neither a problem nor a warning when it is empty', async () => {
    expect(await wrong({ deep: true })).toEqual([]);
  });

  it('gives none when every place holds jobs and workers listen', async () => {
    await addQueue('q');
    await put(redis, 'a.b', [], { queue: 'q' });
    await addJob('taken', 'queued');
    await client.rpush('rq:queue:q:intermediate', 'taken');
    await client.set('rq:queue:q:intermediate:first_seen:taken', String(seconds() - 30));
    for (const [id, status, place] of [
      ['running', 'started', 'wip'],
      ['later', 'scheduled', 'scheduled'],
      ['child', 'deferred', 'deferred'],
      ['good', 'finished', 'finished'],
      ['bad', 'failed', 'failed'],
      ['never', 'canceled', 'canceled'],
    ] as const) {
      await addJob(id, status);
      await client.zadd(`rq:${place}:q`, seconds() + 90, place === 'wip' ? `${id}:e1` : id);
    }
    // What Python's workers do: a lease that is over for a minute, a job that was due a moment ago.
    await client.zadd('rq:wip:q', seconds() - 60, 'just-over:e1');
    await client.zadd('rq:scheduled:q', seconds() - 30, 'later');
    await client.sadd('rq:job:child:dependents', 'x');
    await client.sadd('rq:job::child:dependencies', 'good');
    expect(await wrong({ deep: true })).toEqual([]);
  });

  it('is not changed', async () => {
    await addQueue('q');
    await client.rpush('rq:queue:q', 'gone');
    await client.rpush('rq:queue:q:intermediate', 'gone');
    await client.zadd('rq:wip:q', 1, 'gone:e');
    await client.sadd('rq:workers', 'rq:worker:gone');
    const before = await client.call('DEBUG', 'DIGEST');
    await diagnose(redis, { deep: true });
    expect(await client.call('DEBUG', 'DIGEST')).toBe(before);
  });
});

describe('the server', () => {
  const versionOf = (...lines: string[]): string =>
    checkVersion({
      info: parseInfo(lines.join('\r\n')),
      config: new Map(),
      refusals: { info: 'refused', config: '' },
      throughSentinel: false,
      sentinels: 0,
    })
      .map(({ level, message }) => `${level} ${message}`)
      .join();

  it('is a problem below 6.2, and Valkey is not judged by the version of Redis that it stands for', () => {
    expect(versionOf('# Server', 'redis_version:6.0.16')).toMatch(/^problem Redis 6\.0\.16 is older than 6\.2/);
    expect(versionOf('redis_version:5.9.9')).toMatch(/^problem/);
    expect(versionOf('redis_version:6.2.0')).toBe('ok Redis 6.2.0');
    expect(versionOf('redis_version:10.0.0')).toBe('ok Redis 10.0.0');
    expect(versionOf('redis_version:7.2.4', 'valkey_version:8.1.0')).toBe('ok Valkey 8.1.0');
    expect(versionOf('')).toMatch(/^warning server-version could not be looked at: refused/);
  });

  it('that evicts is a warning, and a problem once it has a limit', async () => {
    await withConfig({ 'maxmemory-policy': 'allkeys-lru' }, async () => {
      expect(await wrong()).toEqual(['warning eviction-policy']);
      await withConfig({ maxmemory: '200mb' }, async () => {
        expect(await wrong()).toEqual(['problem eviction-policy']);
      });
    });
    await withConfig({ maxmemory: '200mb' }, async () => {
      expect(await wrong()).toEqual([]);
    });
  });

  it('that keeps nothing on its disk is a warning; snapshots are well', async () => {
    await withConfig({ appendonly: 'no' }, async () => {
      expect(await wrong()).toEqual(['warning persistence']);
      await withConfig({ save: '3600 1' }, async () => {
        expect(await wrong()).toEqual([]);
      });
    });
  });

  it('whose last snapshot has failed is a problem', async () => {
    const own = await startRedis();
    const to = producerTo(own.port);
    try {
      mkdirSync(join(own.dir, 'dump.rdb'));
      await own.client().bgsave();
      await until('it has failed', async () =>
        (await own.client().info('persistence')).includes('rdb_last_bgsave_status:err'),
      );
      expect(wrongOf(await diagnose(to))).toEqual(['problem persistence']);
    } finally {
      to.close();
      await own.stop();
    }
  });

  it('whose append-only file cannot be written is a problem', () => {
    const levels = checkPersistence({
      info: parseInfo('aof_enabled:1\r\naof_last_write_status:err'),
      config: new Map([['appendonly', 'yes']]),
      refusals: { info: '', config: '' },
      throughSentinel: false,
      sentinels: 0,
    }).map(({ level }) => level);
    expect(levels).toEqual(['problem']);
  });

  it('with a replica and min-replicas-to-write 0 is a warning; too few replicas, and a replica itself, are problems', async () => {
    const replica = await startRedis({ conf: { replicaof: `127.0.0.1 ${server.port}`, appendonly: 'yes' } });
    const to = producerTo(replica.port);
    try {
      await until('it is there', async () => (await client.info('replication')).includes('state=online'));
      expect(await wrong()).toEqual(['warning replication']);
      expect((await finding('replication')).remedy).toContain('--durable');
      await withConfig({ 'min-replicas-to-write': '1' }, async () => {
        expect(await wrong()).toEqual([]);
      });
      await withConfig({ 'min-replicas-to-write': '2' }, async () => {
        expect(await wrong()).toEqual(['problem replication']);
      });
      expect(wrongOf(await diagnose(to))).toEqual(['problem replication']);
    } finally {
      to.close();
      await replica.stop();
      await until('it is gone', async () => (await client.info('replication')).includes('connected_slaves:0'));
    }
  });

  it('where CONFIG is refused is judged by what INFO tells of replicas', () => {
    const of = (info: string): string[] =>
      checkReplication({
        info: parseInfo(info),
        config: new Map(),
        refusals: { info: '', config: 'NOPERM' },
        throughSentinel: false,
        sentinels: 0,
      }).map(({ level }) => level);
    expect(of('role:master\nconnected_slaves:2')).toEqual(['warning']);
    expect(of('role:master\nconnected_slaves:2\nmin_slaves_good_slaves:2')).toEqual(['ok']);
    expect(of('role:master\nconnected_slaves:0')).toEqual(['ok']);
    expect(of('')).toEqual(['warning']);
  });

  it('tells how many Sentinels watch it, through Sentinel or not, and that their quorum is not seen', async () => {
    const sentinels = await startSentinels();
    const direct = await sentinels.master();
    const connections = [sentinels.url, direct.url].map((url) => connect(parseRedisUrl(url), { role: 'producer' }));
    try {
      for (const connection of connections) {
        const { findings } = await diagnose(connection);
        const [found] = findings.filter(({ id }) => id === 'sentinel');
        expect(found).toMatchObject({ level: 'ok' });
        expect(found?.message).toMatch(/watch this master: 3; their quorum cannot be seen/);
        expect(findings.find(({ id }) => id === 'replication')?.level).toBe('warning');
      }
    } finally {
      for (const connection of connections) connection.close();
      await sentinels.stop();
    }
  });

  it('gives advice on large stream nodes, and no warning', async () => {
    await withConfig({ 'stream-node-max-bytes': '4096' }, async () => {
      expect(await finding('stream-node-size')).toMatchObject({ level: 'ok' });
      expect((await finding('stream-node-size')).remedy).toContain('256');
    });
    await withConfig({ 'stream-node-max-bytes': '256' }, async () => {
      expect((await finding('stream-node-size')).remedy).toBeNull();
    });
  });

  it.each([
    [0, 'ok'],
    [1_000, 'ok'],
    [10_000, 'warning'],
    [-10_000, 'warning'],
    [60_000, 'problem'],
    [-3_600_000, 'problem'],
  ])("whose clock is %d ms off this machine's is %s", async (offMs, level) => {
    const found = await finding('clock', { now: () => Date.now() - offMs });
    expect(found.level).toBe(level);
    expect(Number(found.details?.['aheadSeconds']) * 1_000).toBeCloseTo(offMs, -3);
    if (level !== 'ok') expect(found.message).toContain(offMs > 0 ? 'ahead' : 'behind');
  });
});

describe('keys and workers', () => {
  it('suspension is a warning, and tells for how long', async () => {
    await client.set('rq:suspended', '1');
    expect(await wrong()).toEqual(['warning suspended']);
    await client.set('rq:suspended', '1', 'EX', 100);
    expect((await finding('suspended')).message).toMatch(/another (100|99) s/);
  });

  it.each([
    'rq:queue:q',
    'rq:queue:q:intermediate',
    'rq:workers:q',
    'rq:wip:q',
    'rq:finished:q',
    'rq:failed:q',
    'rq:deferred:q',
    'rq:scheduled:q',
    'rq:canceled:q',
    'rq:queues',
    'rq:workers',
  ])('%s of a wrong type is a problem, and nothing else is', async (key) => {
    await client.sadd('rq:queues', 'rq:queue:q');
    await client.del(key);
    await client.hset(key, 'a', 'b');
    expect(await wrong({ deep: true })).toEqual(['problem key-types']);
    expect((await finding('key-types')).message).toContain(key);
  });

  it('a member of rq:queues or rq:workers that is none is a warning', async () => {
    await client.sadd('rq:queues', 'just-a-name');
    await client.sadd('rq:workers', 'rq:worker:');
    expect(await wrong()).toEqual(['warning alien-members']);
    expect((await finding('alien-members')).message).toContain('just-a-name');
  });

  it('a registered worker whose hash is gone is a warning, also if only its queue knows it', async () => {
    await client.sadd('rq:workers', 'rq:worker:ghost');
    expect(await wrong()).toEqual(['warning ghost-workers']);
    await client.del('rq:workers');
    await addQueue('q');
    await client.sadd('rq:workers:q', 'rq:worker:other');
    expect(await wrong()).toEqual(['warning ghost-workers']);
    expect((await finding('ghost-workers')).message).toMatch(/: other$/);
  });

  it('jobs on a queue without a live worker are a warning that says what to start', async () => {
    await put(redis, 'a.b', [], { queue: 'lonely' });
    expect(await wrong({ deep: true })).toEqual(['warning unattended-queues']);
    await addWorker('dead', ['lonely'], { death: formatDate(Date.now()) });
    expect(await finding('unattended-queues')).toMatchObject({
      level: 'warning',
      remedy: 'start a worker: `tsrq worker lonely`',
      details: { queues: { lonely: 1 } },
    });
    await addWorker('live', ['lonely']);
    expect(await wrong()).toEqual([]);
  });

  it('jobs on a queue whose workers are all quiet, or that is paused, are warnings that say what wakes them', async () => {
    await put(redis, 'a.b', [], { queue: 'q' });
    await addWorker('w', ['q'], { tsrq_quiet: '1' });
    expect(await finding('unattended-queues')).toMatchObject({ level: 'warning', remedy: '`tsrq workers resume w`' });
    await addWorker('awake', ['q']);
    await pauseQueue(redis, 'q', 60);
    await pauseQueue(redis, 'idle', null);
    expect(await wrong()).toEqual(['warning paused']);
    expect(await finding('paused')).toMatchObject({ remedy: '`tsrq queue resume q`', details: { queues: { q: 1 } } });
    // As a shell takes it, whatever the queue is called.
    await put(redis, 'a.b', [], { queue: "-it's odd" });
    await addWorker('of-odd', ["-it's odd"]);
    await pauseQueue(redis, "-it's odd", null);
    expect(await finding('paused')).toMatchObject({
      remedy: "`tsrq queue resume -- '-it'\\''s odd' q`",
      details: { queues: { q: 1, "-it's odd": 1 } },
    });
    await client.zrem('rq:tsrq:paused', "-it's odd");
    await client.zadd('rq:tsrq:paused', seconds() - 1, 'q');
    expect(await wrong()).toEqual([]);
  });

  it('a lease that is over for two minutes while a worker listens is a problem', async () => {
    await addQueue('q');
    await client.zadd('rq:wip:q', seconds() - 110, 'a:e1', seconds() + 60, 'b:e1');
    expect(await wrong()).toEqual([]);
    await client.zadd('rq:wip:q', seconds() - 130, 'a:e1');
    expect(await wrong()).toEqual(['problem overdue-leases']);
    expect((await finding('overdue-leases')).message).toContain('q (1)');
  });

  it("it is a warning within the ten minutes of Python's maintenance, if only Python listens", async () => {
    await client.sadd('rq:queues', 'rq:queue:q');
    await addWorker('python', ['q'], { python_version: '3.11.2' });
    await client.zadd('rq:wip:q', seconds() - 300, 'a:e1');
    expect(await wrong()).toEqual(['warning overdue-leases']);
    await client.zadd('rq:wip:q', seconds() - 800, 'a:e1');
    expect(await wrong()).toEqual(['problem overdue-leases']);
    await client.zadd('rq:wip:q', seconds() - 300, 'a:e1');
    await addWorker('tsrq', ['q']);
    expect(await wrong()).toEqual(['problem overdue-leases']);
  });

  it('a lease that is over is a problem at once where no worker listens', async () => {
    await client.sadd('rq:queues', 'rq:queue:q');
    await client.zadd('rq:wip:q', seconds() + 60, 'a:e1');
    expect(await wrong()).toEqual([]);
    await client.zadd('rq:wip:q', seconds() - 5, 'a:e1');
    expect(await wrong()).toEqual(['problem overdue-leases']);
    expect((await finding('overdue-leases')).remedy).toBe('start a worker: `tsrq worker q`');
  });

  it('an overdue scheduled job without a scheduler is a problem', async () => {
    await addQueue('q');
    await addJob('late', 'scheduled');
    await client.zadd('rq:scheduled:q', seconds() - 50, 'late');
    expect(await wrong()).toEqual([]);
    await client.zadd('rq:scheduled:q', seconds() - 70, 'late');
    expect(await wrong({ deep: true })).toEqual(['problem overdue-schedule']);
    expect((await finding('overdue-schedule')).remedy).toBe('start a worker: `tsrq worker --with-scheduler q`');
    await client.set('rq:scheduler-lock:q', 'somebody');
    expect(await wrong()).toEqual([]);
  });
});

describe('ids and jobs', () => {
  it('an id stranded for more than 90 s is a warning; where no worker listens, at once', async () => {
    await addQueue('q');
    await addJob('a', 'queued');
    await client.rpush('rq:queue:q:intermediate', 'a');
    expect(await wrong()).toEqual([]);
    await client.set('rq:queue:q:intermediate:first_seen:a', String(seconds() - 60.5));
    expect(await wrong()).toEqual([]);
    await client.set('rq:queue:q:intermediate:first_seen:a', String(seconds() - 100.5));
    expect(await wrong({ deep: true })).toEqual(['warning stranded-ids']);
    expect(await finding('stranded-ids')).toMatchObject({ details: { count: 1, queues: { q: 1 }, ids: ['a'] } });
    await client.del('rq:queue:q:intermediate:first_seen:a', 'rq:worker:w-q', 'rq:workers', 'rq:workers:q');
    expect(await wrong()).toEqual(['warning stranded-ids']);
  });

  it('ids on a queue whose job is gone are a warning, counted', async () => {
    await addQueue('q');
    await addJob('here', 'queued');
    await client.rpush('rq:queue:q', 'gone-1', 'here', 'gone-2');
    expect(await wrong({ deep: true })).toEqual(['warning ids-without-job']);
    expect(await finding('ids-without-job')).toMatchObject({ details: { count: 2, ids: ['gone-1', 'gone-2'] } });
  });

  it.each(['finished', 'failed', 'canceled', 'deferred', 'scheduled'])(
    'an entry without a job in the registry of %s jobs is a warning, once its job is really gone',
    async (registry) => {
      await addQueue('q');
      await addJob('here', registry);
      await client.zadd(`rq:${registry}:q`, seconds() + 90, 'here');
      expect(await wrong()).toEqual([]);
      await client.zadd(`rq:${registry}:q`, seconds() + 90, 'gone');
      expect(await wrong({ deep: true })).toEqual(['warning entries-without-job']);
      expect(await finding('entries-without-job')).toMatchObject({
        remedy: '`tsrq clean q` drops them',
        details: { count: 1, queues: { q: 1 }, ids: ['gone'] },
      });
    },
  );

  it('an entry of a finished or failed job is a warning an hour after its time, and not before', async () => {
    await addQueue('q');
    await client.zadd('rq:finished:q', seconds() - 3_500, 'over');
    await client.zadd('rq:failed:q', '-1', 'for-ever');
    await addJob('for-ever', 'failed');
    expect(await wrong({ deep: true })).toEqual([]);
    await client.zadd('rq:failed:q', seconds() - 3_700, 'long-over');
    expect(await wrong({ deep: true })).toEqual(['warning expired-entries']);
    expect(await finding('expired-entries')).toMatchObject({ details: { queues: { q: 1 } } });
  });

  it.each([
    ['dependents', 'rq:job:gone:dependents', () => client.sadd('rq:job:gone:dependents', 'x')],
    ['dependencies', 'rq:job::gone:dependencies', () => client.sadd('rq:job::gone:dependencies', 'x')],
    ['results', 'rq:results:gone', () => client.xadd('rq:results:gone', '*', 'type', '2')],
    ['executions', 'rq:executions:gone', () => client.zadd('rq:executions:gone', '1', 'e1')],
    ['executions', 'rq:execution:gone:e1', () => client.hset('rq:execution:gone:e1', 'id', 'e1')],
    ['logs', 'rq:tsrq:log:gone', () => client.rpush('rq:tsrq:log:gone', 'a line')],
  ])('%s of a job that is gone are a warning: %s', async (kind, key, write) => {
    await write();
    expect(await wrong()).toEqual(['warning leftover-records']);
    expect(await finding('leftover-records')).toMatchObject({
      message: expect.not.stringContaining('at least') as string,
      details: { count: 1, kinds: { [kind]: 1 }, keys: [key] },
    });
    await client.expire(key, 100);
    expect(await wrong()).toEqual([]);
    await client.persist(key);
    await addJob('gone', 'finished');
    expect(await wrong()).toEqual([]);
  });

  it('a set of jobs that waited for one that is gone is none as long as one of them waits', async () => {
    await client.sadd('rq:job:gone:dependents', 'child');
    await addJob('child', 'deferred');
    expect(await wrong()).toEqual([]);
    await addJob('child', 'finished');
    expect(await wrong()).toEqual(['warning leftover-records']);
  });

  it('a mark of an id that is not between queue and start any more is a warning after five minutes', async () => {
    await addQueue('q');
    const mark = 'rq:queue:q:intermediate:first_seen:a';
    await client.set(mark, String(seconds() - 200.5), 'EX', 86_400);
    expect(await wrong()).toEqual([]);
    await client.set(mark, String(seconds() - 400.5), 'EX', 86_400);
    expect(await wrong()).toEqual(['warning leftover-records']);
    expect((await finding('leftover-records')).remedy).toContain("Python's RQ may fail an id");
    await addJob('a', 'queued');
    await client.rpush('rq:queue:q:intermediate', 'a');
    expect(await wrong()).not.toContain('warning leftover-records');
  });

  it.each(['queue', 'failed', 'wip'])(
    'an id that RQ refuses, or whose job is no hash, is a problem in %s',
    async (place) => {
      await addQueue('q');
      const add = (id: string): Promise<number> => {
        if (place === 'queue') return client.rpush('rq:queue:q', id);
        return client.zadd(`rq:${place}:q`, seconds() + 90, place === 'wip' ? `${id}:e` : id);
      };
      await client.set('rq:job:text', 'no hash');
      await add('text');
      expect(await wrong({ deep: true })).toEqual(['problem unreadable-jobs']);
      await client.del('rq:job:text', `rq:${place}:q`);
      await addJob('a:b c', 'failed');
      await add('a:b c');
      expect(await wrong({ deep: true })).toEqual(['problem unreadable-jobs']);
      expect((await finding('unreadable-jobs')).details?.['ids']).toContain('a:b c');
    },
  );

  it.each(['queued', 'started', 'scheduled', 'deferred'])(
    'a job that is %s and nowhere is a problem, with --deep',
    async (status) => {
      await addQueue('q');
      await addJob('lost', status);
      // What is in another queue's registry, or in one of another kind, is not found there either.
      await client.zadd('rq:finished:q', seconds() + 90, 'lost');
      await client.zadd('rq:scheduled:other', seconds() + 90, 'lost');
      expect(await wrong()).toEqual([]);
      expect(await wrong({ deep: true })).toEqual(['problem orphaned-jobs']);
      expect(await finding('orphaned-jobs', { deep: true })).toMatchObject({ details: { count: 1, ids: ['lost'] } });
    },
  );

  it('a job is found in whatever list or execution would go on with it, of queues that nobody has registered too', async () => {
    await addJob('a', 'queued', 'unknown');
    await client.rpush('rq:queue:unknown', 'a');
    await addJob('b', 'started', 'unknown');
    await client.zadd('rq:wip:unknown', seconds() + 90, 'b:e1');
    await addJob('c', 'started', 'unknown');
    await client.rpush('rq:queue:unknown:intermediate', 'c');
    await addJob('d', 'finished');
    await addJob('e', 'queued', 'unknown');
    await client.rpush('rq:queue:unknown:intermediate:tsrq', 'e');
    expect(await wrong({ deep: true })).toEqual([]);
  });

  it('many orphans are counted, and twenty named', async () => {
    for (let i = 0; i < 30; i += 1) await addJob(`lost-${i}`, 'queued');
    const { details, message } = await finding('orphaned-jobs', { deep: true });
    expect(details).toMatchObject({ count: 30, queues: { q: 30 } });
    expect((details?.['ids'] as string[]).length).toBe(20);
    expect(message).toContain('…');
  });
});

describe('large databases', () => {
  it('looks at the ends of a long queue and says so, and at all of it with --deep', async () => {
    await addQueue('q');
    const ids = Array.from({ length: 5_000 }, (_, i) => `job-${i}`);
    const pipeline = client.pipeline().rpush('rq:queue:q', ...ids);
    for (const id of ids)
      if (!['job-5', 'job-2500', 'job-4990'].includes(id))
        pipeline.hset(`rq:job:${id}`, 'status', 'queued', 'origin', 'q');
    await pipeline.exec();
    const sample = await finding('ids-without-job');
    expect(sample.message).toContain('first and last 1,000');
    expect(sample.details?.['ids']).toEqual(['job-5', 'job-4990']);
    const all = await finding('ids-without-job', { deep: true });
    expect(all.message).not.toContain('first and last');
    expect(all.details?.['ids']).toEqual(['job-5', 'job-2500', 'job-4990']);
    expect(await wrong({ deep: true })).toEqual(['warning ids-without-job']);
  });

  it('looks at so many keys for what is left of jobs, and at all of them with --deep', async () => {
    const pipeline = client.pipeline();
    for (let i = 0; i < 30_000; i += 1) pipeline.sadd(`rq:job::gone-${i}:dependencies`, 'x');
    await pipeline.exec();
    const sample = await finding('leftover-records');
    expect(sample.message).toMatch(/^at least \d+ records .*\(of 20,000 keys; `--deep` looks at all\)$/);
    const all = await finding('leftover-records', { deep: true });
    expect(all.details).toMatchObject({ count: 30_000, kinds: { dependencies: 30_000 } });
    expect((all.details?.['keys'] as string[]).length).toBe(20);
  });

  it('never asks for more than a page of a key, and never for a whole set, list or database', async () => {
    await addQueue('q');
    const ids = Array.from({ length: 20_000 }, (_, i) => `job-${i}`);
    await client.rpush('rq:queue:q', ...ids);
    await client.zadd('rq:failed:q', ...ids.flatMap((id, i) => [i, id]));
    const trips: RedisCommand[][] = [];
    await diagnose(noting(trips), { deep: true });
    for (const [name, , from, to] of trips.flat()) {
      expect(name).not.toMatch(/^(SMEMBERS|KEYS|HGETALL|ZRANGEBYSCORE)$/);
      if (name === 'LRANGE' || name === 'ZRANGE') expect(Number(to) - Number(from)).toBeLessThan(1_000);
    }
    const asked = trips.map((trip) => trip.filter(([name]) => name === 'LRANGE' || name === 'ZRANGE').length);
    expect(Math.max(...asked)).toBeLessThanOrEqual(10);
  });

  it('takes as many round trips for 200 queues as for 2', async () => {
    const count = async (queues: number): Promise<number> => {
      await client.flushall();
      for (let i = 0; i < queues; i += 1) {
        await addQueue(`q${i}`);
        await addJob(`j${i}`, 'queued', `q${i}`);
        await client.rpush(`rq:queue:q${i}`, `j${i}`);
      }
      const trips: RedisCommand[][] = [];
      expect(wrongOf(await diagnose(noting(trips)))).toEqual([]);
      return trips.length;
    };
    expect(await count(200)).toBe(await count(2));
  });
});

describe('a user who may not look at everything', () => {
  const as = async (...rules: string[]): Promise<Diagnosis> => {
    await client.call('ACL', 'SETUSER', 'limited', 'reset', 'on', '>secret', ...rules);
    const limited = connect(parseRedisUrl(`redis://limited:secret@127.0.0.1:${server.port}`), { role: 'producer' });
    try {
      return await diagnose(limited, { deep: true });
    } finally {
      limited.close();
    }
  };
  const disorder = async (): Promise<void> => {
    await client.sadd('rq:queues', 'rq:queue:q');
    await client.rpush('rq:queue:q', 'gone');
    await client.zadd('rq:wip:q', 1, 'a:e1');
    await addJob('lost', 'queued');
  };
  const DISORDER = [
    'warning unattended-queues',
    'problem overdue-leases',
    'warning ids-without-job',
    'problem orphaned-jobs',
  ];

  it('who may not see the configuration gets a warning for what INFO does not tell, and all other findings', async () => {
    await disorder();
    expect(wrongOf(await as('~*', '&*', '+@all', '-config'))).toEqual(['warning stream-node-size', ...DISORDER]);
  });

  it.each([
    ['-pttl', ['warning suspended']],
    ['-zcount', ['warning overdue-leases', 'warning overdue-schedule', 'warning expired-entries']],
    ['-scan', ['warning leftover-records', 'warning orphaned-jobs']],
    ['-pubsub', ['warning sentinel']],
    ['-time', ['warning clock']],
  ])('%s costs only the checks that need it', async (rule, expected) => {
    await addQueue('q');
    const diagnosis = await as('~*', '&*', '+@all', rule);
    expect(wrongOf(diagnosis).sort()).toEqual([...expected].sort());
    for (const { level, message } of diagnosis.findings) {
      if (level === 'warning') expect(message).toMatch(/could not be looked at: NOPERM/);
    }
  });

  it('who may not see jobs gets what the lists tell, however many jobs there are', async () => {
    await disorder();
    await client.rpush('rq:queue:q', ...Array.from({ length: 3_000 }, (_, i) => `job-${i}`));
    const wrong = wrongOf(
      await as(
        '~rq:tsrq:*',
        '~rq:queue*',
        '~rq:work*',
        '~rq:wip:*',
        '~rq:s*',
        '~rq:f*',
        '~rq:d*',
        '~rq:c*',
        '&*',
        '+@all',
      ),
    );
    expect(wrong.sort()).toEqual(
      [
        'warning unattended-queues',
        'problem overdue-leases',
        'warning ids-without-job',
        'warning entries-without-job',
        'warning unreadable-jobs',
        'warning orphaned-jobs',
      ].sort(),
    );
  });

  it('who may see one registry less is told which check that costs, and gets the others', async () => {
    await disorder();
    const wrong = wrongOf(
      await as(
        '~rq:tsrq:*',
        '~rq:queue*',
        '~rq:work*',
        '~rq:job*',
        '~rq:s*',
        '~rq:f*',
        '~rq:d*',
        '~rq:c*',
        '&*',
        '+@all',
      ),
    );
    expect(wrong).toContain('warning overdue-leases');
    expect(wrong).toContain('warning ids-without-job');
    expect(wrong).not.toContain('warning suspended');
    expect(wrong).not.toContain('warning overdue-schedule');
  });
});

describe('the findings on a terminal', () => {
  const findings: Finding[] = [
    { id: 'clock', level: 'ok', message: 'well', remedy: null },
    { id: 'suspended', level: 'warning', message: 'odd', remedy: 'do this' },
    { id: 'key-types', level: 'problem', message: 'steers \x1b[2J', remedy: 'and that' },
  ];
  const one = [{ connection: 'default', diagnosis: { redis: 'redis://a', timeMs: 0, findings } }];

  it('have a sign each, a remedy below it, and cannot steer the terminal', () => {
    expect(renderDoctor(one, { colour: false, terminal: true, quiet: false })).toEqual([
      '✔ well',
      '! odd',
      '  → do this',
      '✘ steers \ufffd[2J',
      '  → and that',
      '',
      '1 problem, 1 warning',
    ]);
  });

  it('are coloured only where colour is wanted', () => {
    expect(renderDoctor(one, { colour: false, terminal: true, quiet: false }).join('')).not.toContain('\x1b');
    expect(renderDoctor(one, { colour: true, terminal: true, quiet: false }).join('')).toContain('\x1b[31m✘');
  });
});

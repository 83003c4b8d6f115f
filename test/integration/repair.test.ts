import type { Redis as IoRedis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { diagnose, repair, type Finding } from '../../src/doctor.js';
import { forgetWorker } from '../../src/queue/forget-worker.js';
import { dropLeftovers } from '../../src/queue/leftovers.js';
import { formatDate } from '../../src/protocol/time.js';
import type { Redis } from '../../src/redis/redis.js';
import { freshRedis } from '../support/fresh-redis.js';
import { put, until } from '../support/rq.js';

let client: IoRedis;
let redis: Redis;
freshRedis((fresh) => ({ client, redis } = fresh));

const seconds = (): number => Math.floor(Date.now() / 1_000);

async function findings(): Promise<Finding[]> {
  const { findings: all } = await diagnose(redis, { deep: true });
  return all.filter(({ fix }) => fix !== undefined);
}

/** Applies what is offered, which must be that alone, and tells what was done; a second look finds nothing more. */
async function fixOnly(id: Finding['id'], graceSeconds?: number): Promise<string> {
  const found = await findings();
  expect(found.map((finding) => finding.id)).toEqual([id]);
  const [{ fix } = {}] = found;
  if (!fix) throw new Error('no fix');
  const text = await repair(redis, fix, graceSeconds);
  expect(await findings()).toEqual([]);
  return text;
}

async function addWorker(name: string, queue: string): Promise<void> {
  const now = formatDate(Date.now());
  const fields = { birth: now, last_heartbeat: now, queues: queue, python_version: 'Node.js 20.20.0' };
  await client.hset(`rq:worker:${name}`, fields);
  await client.sadd('rq:workers', `rq:worker:${name}`);
  await client.sadd(`rq:workers:${queue}`, `rq:worker:${name}`);
  await client.sadd('rq:queues', `rq:queue:${queue}`);
}

describe('a fix', () => {
  it('puts stranded ids back, and leaves alone what a worker has just taken', async () => {
    await addWorker('w', 'mail');
    for (const id of ['old', 'new']) {
      await put(redis, 'a.b', [], { queue: 'mail', id });
      await client.lmove('rq:queue:mail', 'rq:queue:mail:intermediate', 'LEFT', 'LEFT');
    }
    await client.set('rq:queue:mail:intermediate:first_seen:old', String(seconds() - 100));
    expect(await fixOnly('stranded-ids')).toMatch(/^1 ids were put back/);
    expect(await client.lrange('rq:queue:mail', 0, -1)).toEqual(['old']);
    expect(await client.lrange('rq:queue:mail:intermediate', 0, -1)).toEqual(['new']);
  });

  it('gives ids that no worker has seen the time that they would have from one', async () => {
    await put(redis, 'a.b', [], { queue: 'mail', id: 'old' });
    await client.lmove('rq:queue:mail', 'rq:queue:mail:intermediate', 'LEFT', 'LEFT');
    expect(await fixOnly('stranded-ids', 1)).toMatch(/^1 ids were put back/);
    expect(await client.lrange('rq:queue:mail', 0, -1)).toEqual(['old']);
  });

  it('takes ids without a job off queues, and keeps the others in their order', async () => {
    await addWorker('w', 'mail');
    await client.rpush('rq:queue:mail', 'gone-1');
    await put(redis, 'a.b', [], { queue: 'mail', id: 'one' });
    await client.rpush('rq:queue:mail', 'gone-2');
    await put(redis, 'a.b', [], { queue: 'mail', id: 'two' });
    expect(await fixOnly('ids-without-job')).toMatch(/^2 ids/);
    expect(await client.lrange('rq:queue:mail', 0, -1)).toEqual(['one', 'two']);
  });

  it('drops entries without a job from registries, and entries whose time is over', async () => {
    await addWorker('w', 'mail');
    await put(redis, 'a.b', [], { queue: 'mail', id: 'here', scheduleInSeconds: 60 });
    await client.zadd('rq:scheduled:mail', String(seconds() + 60), 'gone');
    await client.zadd('rq:canceled:mail', '5', 'gone');
    expect(await fixOnly('entries-without-job')).toMatch(/^2 entries without a job/);
    expect(await client.zrange('rq:scheduled:mail', '0', '-1')).toEqual(['here']);
    await client.zadd('rq:finished:mail', '5', 'over', '+inf', 'for-ever');
    await client.hset('rq:job:for-ever', 'status', 'finished');
    expect(await fixOnly('expired-entries')).toMatch(/^1 entries/);
    expect(await client.zrange('rq:finished:mail', '0', '-1')).toEqual(['for-ever']);
  });

  it('removes what is left of jobs that are gone, and nothing of one that is there, or that will go by itself', async () => {
    await addWorker('w', 'mail');
    const id = await put(redis, 'a.b', [], { queue: 'mail', id: 'here' });
    await client.sadd(`rq:job:${id}:dependents`, 'x');
    await client.xadd('rq:results:here', '*', 'type', '1');
    await client.xadd('rq:results:gone', '*', 'type', '2');
    await client.xadd('rq:results:goes', '*', 'type', '2');
    await client.expire('rq:results:goes', 100);
    await client.sadd('rq:job:gone:dependents', 'x');
    await client.set('rq:queue:mail:intermediate:first_seen:old', String(seconds() - 1_000), 'EX', 86_400);
    await client.set('rq:queue:mail:intermediate:first_seen:new', String(seconds() - 10), 'EX', 86_400);
    expect(await fixOnly('leftover-records')).toMatch(/^3 records/);
    expect((await client.keys('rq:results:*')).sort()).toEqual(['rq:results:goes', 'rq:results:here']);
    expect(await client.keys('*first_seen*')).toEqual(['rq:queue:mail:intermediate:first_seen:new']);
    expect(await client.exists('rq:job:here:dependents')).toBe(1);
  });

  it('looks again at what it was told to remove', async () => {
    await client.sadd('rq:job:gone:dependents', 'child');
    await client.hset('rq:job:child', 'status', 'deferred');
    await client.xadd('rq:results:back', '*', 'type', '2');
    await client.hset('rq:job:back', 'status', 'queued');
    const records = [
      { key: 'rq:job:gone:dependents', id: 'gone', list: null },
      { key: 'rq:results:back', id: 'back', list: null },
    ];
    expect(await dropLeftovers(redis, records, 300)).toBe(0);
  });

  it('enqueues deferred jobs that wait for nothing any more, and not one that waits', async () => {
    await addWorker('w', 'mail');
    for (const [child, parent] of [
      ['free', 'p1'],
      ['bound', 'p2'],
    ] as const) {
      await put(redis, 'a.b', [], { queue: 'mail', id: parent });
      await put(redis, 'a.b', [], { queue: 'mail', id: child, dependsOn: parent });
      await client.zadd('rq:deferred:mail', seconds() - 1_000, child);
    }
    await client.del('rq:job:p1');
    await client.lrem('rq:queue:mail', 0, 'p1');
    expect(await fixOnly('dependents')).toMatch(/^1 deferred jobs/);
    expect(await client.lrange('rq:queue:mail', 0, -1)).toEqual(['p2', 'free']);
    expect(await client.hget('rq:job:bound', 'status')).toBe('deferred');
  });

  it('fails or retries jobs of dead workers, and leaves a running one alone', async () => {
    await until(
      'Redis is not new any more',
      async () => Number(/uptime_in_seconds:(\d+)/.exec(await client.info('server'))?.[1]) >= 20,
      40_000,
    );
    for (const id of ['dead', 'again', 'alive']) {
      await put(redis, 'a.b', [], { queue: 'mail', id });
      await client.lrem('rq:queue:mail', 0, id);
      await client.hset(`rq:job:${id}`, { status: 'started', worker_name: 'w' });
      await client.zadd('rq:wip:mail', String(seconds() + (id === 'alive' ? 60 : -300)), `${id}:e1`);
    }
    await client.hset('rq:job:again', 'retries_left', '1');
    expect(await fixOnly('overdue-leases')).toMatch(/^1 jobs of dead workers were retried or put back, 1 failed, 0 /);
    expect(await client.lrange('rq:queue:mail', 0, -1)).toEqual(['again']);
    expect(await client.zrange('rq:failed:mail', '0', '-1')).toEqual(['dead']);
    expect(await client.zrange('rq:wip:mail', '0', '-1')).toEqual(['alive:e1']);
  });

  it('forgets workers that are gone everywhere, and no other', async () => {
    await addWorker('w', 'mail');
    await client.sadd('rq:workers', 'rq:worker:ghost');
    await client.sadd('rq:workers:mail', 'rq:worker:ghost', 'rq:worker:other');
    expect(await fixOnly('ghost-workers')).toMatch(/^2 workers/);
    expect(await client.smembers('rq:workers')).toEqual(['rq:worker:w']);
    expect(await client.smembers('rq:workers:mail')).toEqual(['rq:worker:w']);
  });

  it('does not forget a worker that came back after it was missed', async () => {
    await addWorker('w', 'mail');
    expect(await forgetWorker(redis, 'w', ['mail'])).toBe(false);
    expect(await client.smembers('rq:workers:mail')).toEqual(['rq:worker:w']);
  });

  it('removes members that are none, and no queue or worker', async () => {
    await addWorker('w', 'mail');
    await client.sadd('rq:queues', 'alien', 'rq:queue:');
    await client.sadd('rq:workers', 'alien');
    expect(await fixOnly('alien-members')).toMatch(/^3 members/);
    expect(await client.smembers('rq:queues')).toEqual(['rq:queue:mail']);
    expect(await client.smembers('rq:workers')).toEqual(['rq:worker:w']);
    const fix = { kind: 'remove-members', members: [{ member: 'rq:queue:mail', key: 'rq:queues' }] } as const;
    expect(await repair(redis, fix)).toMatch(/^0 members/);
  });
});

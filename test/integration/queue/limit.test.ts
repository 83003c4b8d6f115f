import { beforeEach, describe, expect, it } from 'vitest';
import { adopt, claim, type Claim, type WishedQueue, type WorkerStamp } from '../../../src/queue/claim.js';
import { finish, returned } from '../../../src/queue/finish.js';
import { register } from '../../../src/worker/registration.js';
import { claimMoved } from '../../support/claim-moved.js';
import { freshRedis, type FreshRedis } from '../../support/fresh-redis.js';
import { placesOf, put } from '../../support/rq.js';

let { client, redis } = {} as FreshRedis;
freshRedis((fresh) => ({ client, redis } = fresh));

const stamp = (name: string): WorkerStamp => ({
  ...{ name, birth: '2026-11-21T00:00:00.000000Z', monitoringIntervalSeconds: 30 },
  ...{ idleTtlSeconds: 480, defaultTimeoutSeconds: 180 },
});
const [ONE, TWO] = [stamp('one'), stamp('two')];
const PREFIX = '0123456789abcdef';
type Queues = readonly Omit<WishedQueue, 'weight'>[];
const wish = (count: number, queues: Queues, strategy: 'ordered' | 'round_robin' = 'ordered') => ({
  ...{ count, strategy, seed: 0, processPrefix: PREFIX },
  queues: queues.map((queue) => ({ weight: 1, ...queue })),
});
const limited = (limits: string): Queues => [{ name: 'q', limits }];

function read(result: Claim) {
  if (result.state !== 'ok') throw new Error(result.state);
  const { jobs, held, skipped } = result;
  return { jobs, ids: jobs.map(({ id }) => id), held, skipped };
}
const take = async (count: number, queues: Queues, worker = ONE) =>
  read(await claim(redis, worker, wish(count, queues), ''));
const end = { kind: 'finished', startedAtMs: 1, endedAtMs: 2, resultTtlSeconds: 500, value: null } as const;

/** As if so much time had passed since the starts that are counted. */
async function pass(key: string, ms: number): Promise<void> {
  for (const member of await client.zrange(key, '0', '-1')) await client.zincrby(key, -ms, member);
}

beforeEach(async () => {
  for (const worker of [ONE, TWO]) {
    await register(redis, { stamp: worker, queues: ['q', 'r'], date: worker.birth, version: '1' });
  }
  for (const queue of ['q', 'r']) {
    for (let i = 0; i < 6; i += 1) await put(redis, 'a.b', [], { id: `${queue}${i}`, queue });
  }
});

describe('a limit in a time', () => {
  it('lets so many jobs begin, over all workers, and says when the next may', async () => {
    expect(await take(3, limited('4/h'))).toMatchObject({ ids: ['q0', 'q1', 'q2'], held: [] });
    const { ids, held } = await take(3, limited('4/h'), TWO);
    expect(ids).toEqual(['q3']);
    expect(held).toMatchObject([{ queue: 'q' }]);
    expect(held[0]?.afterMs).toBeGreaterThan(3_500_000);
    expect(held[0]?.afterMs).toBeLessThanOrEqual(3_600_000);
    expect(await client.lrange('rq:queue:q', 0, -1)).toEqual(['q4', 'q5']);
  });

  it('lets another begin when one of them is out of the time, and not before', async () => {
    await take(1, limited('2/m'));
    await pass('rq:tsrq:limit:m:q', 50_000);
    await take(1, limited('2/m'));
    const { ids, held } = await take(1, limited('2/m'));
    expect(ids).toEqual([]);
    expect(held[0]?.afterMs).toBeGreaterThan(0);
    expect(held[0]?.afterMs).toBeLessThanOrEqual(10_000);
    await pass('rq:tsrq:limit:m:q', 10_000);
    expect(await take(6, limited('2/m'))).toMatchObject({ ids: ['q2'], held: [{ queue: 'q' }] });
  });

  it('that became smaller waits for as many as are too many', async () => {
    await take(4, limited('4/h'));
    await pass('rq:tsrq:limit:h:q', 3_000_000);
    await client.zincrby('rq:tsrq:limit:h:q', 1_000_000, (await client.zrange('rq:tsrq:limit:h:q', '3', '3'))[0] ?? '');
    const { held } = await take(1, limited('1/h'));
    expect(held[0]?.afterMs).toBeGreaterThan(1_500_000);
  });

  it('holds back no other queue', async () => {
    const queues = [{ name: 'q', limits: '1/h' }, { name: 'r' }];
    expect(await take(3, queues)).toMatchObject({ ids: ['q0', 'r0', 'r1'], held: [{ queue: 'q' }] });
    const result = read(await claim(redis, ONE, wish(3, queues, 'round_robin'), ''));
    expect(result.ids).toEqual(['r2', 'r3', 'r4']);
  });

  it('does not hold back a queue that has no jobs', async () => {
    await take(6, limited('6/h'));
    expect(await take(1, limited('6/h'))).toMatchObject({ ids: [], held: [] });
  });

  it('counts no id that leads to nothing', async () => {
    await client.del('rq:job:q0', 'rq:job:q1');
    expect(await take(2, limited('2/h'))).toMatchObject({ ids: ['q2', 'q3'] });
    expect(await take(1, limited('2/h'))).toMatchObject({ ids: [] });
  });

  it('does not count a job that went back without having begun', async () => {
    const { jobs } = await take(2, limited('2/h'));
    const back = await finish(redis, ONE, returned(jobs), wish(0, limited('2/h')), '');
    expect(back).toMatchObject({ endings: [{ state: 'returned' }, { state: 'returned' }] });
    expect(await take(3, limited('2/h'))).toMatchObject({ ids: ['q0', 'q1'] });
  });

  it('goes with the last start', async () => {
    await take(1, limited('1/m'));
    const ttl = await client.pttl('rq:tsrq:limit:m:q');
    expect(ttl).toBeGreaterThan(0);
    expect(ttl).toBeLessThanOrEqual(60_000);
  });

  it('counts an execution whose reply was lost, and that is adopted, once', async () => {
    await take(2, limited('3/h'));
    expect(await adopt(redis, { processPrefix: PREFIX, known: [], queues: ['q'] })).toHaveLength(2);
    expect(await take(3, limited('3/h'))).toMatchObject({ ids: ['q2'] });
  });

  it('whose key is something else takes nothing, says so, and leaves other queues alone', async () => {
    await client.set('rq:tsrq:limit:s:q', 'no sorted set');
    const { ids, skipped } = await take(1, [{ name: 'q', limits: '5/s' }, { name: 'r' }]);
    expect(ids).toEqual(['r0']);
    expect(skipped).toEqual([{ queue: 'q', id: '', reason: 'blocked: rq:tsrq:limit:s:q is not a sorted set' }]);
  });
});

describe('a limit at once', () => {
  it('lets so many run, over all workers, and the next with the end of one', async () => {
    const { jobs } = await take(5, limited('2'));
    expect(jobs.map(({ id }) => id)).toEqual(['q0', 'q1']);
    expect(await take(1, limited('2'), TWO)).toMatchObject({ ids: [], held: [{ queue: 'q', afterMs: null }] });
    const ended = jobs.slice(0, 1).map((job) => ({ ...job, ...end }));
    const next = await finish(redis, ONE, ended, wish(5, limited('2')), '');
    expect(read(next)).toMatchObject({ ids: ['q2'], held: [{ queue: 'q', afterMs: null }] });
    expect(await client.keys('rq:tsrq:limit:*')).toEqual([]);
  });

  it('does not count executions whose worker is dead', async () => {
    await client.zadd('rq:wip:q', '1', 'x:e');
    expect(await take(5, limited('1'))).toMatchObject({ ids: ['q0'] });
  });

  it('holds together with one in a time', async () => {
    expect(await take(6, limited('3/h 2'))).toMatchObject({ ids: ['q0', 'q1'], held: [{ afterMs: null }] });
    await client.del('rq:wip:q');
    const { ids, held } = await take(6, limited('3/h 2'));
    expect(ids).toEqual(['q2']);
    expect(held[0]?.afterMs).toBeGreaterThan(0);
  });
});

const moved = async (limits: string): Promise<ReturnType<typeof read>> => {
  const claimed = await claimMoved(redis, ONE, { queue: 'q', limits, processPrefix: PREFIX });
  return read(claimed as Claim);
};

it.each(['1/h', '1'])('an id that a wait has moved goes back to the head while the limit %s is met', async (limits) => {
  await take(1, limited(limits));
  await client.lmove('rq:queue:q', 'rq:queue:q:intermediate:tsrq', 'LEFT', 'RIGHT');
  expect(await moved(limits)).toMatchObject({ ids: [], held: [{ queue: 'q' }] });
  expect(await placesOf(client, 'q1', 'q')).toEqual(['rq:queue:q']);
  expect(await client.lindex('rq:queue:q', 0)).toBe('q1');
});

it('a moved id that begins is counted', async () => {
  await client.lmove('rq:queue:q', 'rq:queue:q:intermediate:tsrq', 'LEFT', 'RIGHT');
  expect(await moved('1/h')).toMatchObject({ ids: ['q0'] });
  expect(await take(1, limited('1/h'))).toMatchObject({ ids: [] });
});

it('a queue without a limit costs no command', async () => {
  const stats = async (queues: Queues): Promise<Record<string, string>> => {
    await claim(redis, ONE, wish(1, [{ name: 'none' }]), '');
    await client.config('RESETSTAT');
    await take(1, queues);
    const text = await client.info('commandstats');
    return Object.fromEntries(
      [...text.matchAll(/^cmdstat_(\S+?):calls=(\d+)/gm)].map(([, name = '', calls = '']) => [name, calls]),
    );
  };
  const plain = await stats([{ name: 'q' }]);
  expect(plain).toMatchObject({ lpop: '1' });
  for (const name of ['zcount', 'zcard', 'zremrangebyscore', 'pexpire', 'llen']) expect(plain).not.toHaveProperty(name);
  expect(await stats(limited('5/h 5'))).toMatchObject({ zcount: '1', zcard: '1', zremrangebyscore: '1', pexpire: '1' });
});

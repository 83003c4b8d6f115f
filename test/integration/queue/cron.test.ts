import { describe, expect, it } from 'vitest';
import { beginCronEntry, enqueueOccurrence, type Occurrence } from '../../../src/queue/cron.js';
import { freshRedis, type FreshRedis } from '../../support/fresh-redis.js';

let { client, redis } = {} as FreshRedis;
freshRedis((fresh) => ({ client, redis } = fresh));

const ENTRY = { key: 'nightly', what: 'a.b on q, 0 3 * * * UTC', name: 'nightly' };
const JOB = { functionName: 'a.b', queue: 'q', args: [1] };
const STATE = 'rq:tsrq:cron:nightly';

const now = async (): Promise<number> => Number(((await client.time()) as unknown as string[])[0]);
const past = async (secondsAgo: number): Promise<Occurrence> => ({ ...ENTRY, moment: (await now()) - secondsAgo });
/** Loaded before all the moments of a test. */
const known = async (): Promise<void> => {
  await client.hset(STATE, 'what', ENTRY.what, 'done', (await now()) - 1_000);
};

describe('an occurrence of a cron entry', () => {
  it('is enqueued once, however many try at once', async () => {
    await known();
    const occurrence = await past(10);
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => enqueueOccurrence(redis, occurrence, JOB)));
    const queued = outcomes.filter(({ state }) => state === 'queued');
    expect(queued).toHaveLength(1);
    expect(outcomes.filter(({ state }) => state === 'taken')).toHaveLength(19);
    const ids = await client.lrange('rq:queue:q', 0, -1);
    expect(ids).toEqual(queued.map((outcome) => (outcome.state === 'queued' ? outcome.id : '')));
    expect(await client.hget(`rq:job:${ids[0]}`, 'status')).toBe('queued');
  });

  it('is not enqueued when a later one has been', async () => {
    await known();
    const later = await past(10);
    expect((await enqueueOccurrence(redis, later, JOB)).state).toBe('queued');
    expect(await enqueueOccurrence(redis, await past(20), JOB)).toEqual({ state: 'taken', done: later.moment });
    expect((await enqueueOccurrence(redis, await past(5), JOB)).state).toBe('queued');
    expect(await client.llen('rq:queue:q')).toBe(2);
  });

  it("is refused before its time by Redis's clock, whatever the caller's clock says", async () => {
    await known();
    const outcome = await enqueueOccurrence(redis, await past(-30), JOB);
    expect(outcome.state).toBe('early');
    expect(await client.llen('rq:queue:q')).toBe(0);
  });

  it('of a name that stands for something else is left alone', async () => {
    await known();
    const other = { ...ENTRY, what: 'a.b on q, 0 4 * * * UTC' };
    await beginCronEntry(redis, other, null);
    expect(await enqueueOccurrence(redis, await past(-5), JOB)).toEqual({ state: 'replaced', what: other.what });
  });

  it('is noted as RQ 2.12 does', async () => {
    await known();
    const outcome = await enqueueOccurrence(redis, await past(10), JOB);
    const [id] = await client.zrange('rq:cron_job:nightly:jobs', '0', '-1');
    expect(outcome).toEqual({ state: 'queued', id });
    expect(await client.zrange('rq:cron_jobs', '0', '-1')).toEqual(['nightly']);
    expect(await client.ttl('rq:cron_job:nightly:jobs')).toBeGreaterThan(31_000_000);
  });

  it('that the queue cannot take stays to be enqueued', async () => {
    await known();
    await client.set('rq:queue:q', 'no list');
    const occurrence = await past(10);
    await expect(enqueueOccurrence(redis, occurrence, JOB)).rejects.toThrow('is not a list');
    expect(await client.keys('rq:job:*')).toEqual([]);
    await client.del('rq:queue:q');
    expect((await enqueueOccurrence(redis, occurrence, JOB)).state).toBe('queued');
  });

  it('is enqueued by who still knows it when Redis has lost everything', async () => {
    expect((await enqueueOccurrence(redis, await past(10), JOB)).state).toBe('queued');
    expect(await client.hget(STATE, 'what')).toBe(ENTRY.what);
  });
});

describe('a cron entry', () => {
  it('counts from when it was first loaded, and goes on from there after a restart', async () => {
    const first = await beginCronEntry(redis, ENTRY, null);
    expect(Math.abs(first.done - (await now()))).toBeLessThanOrEqual(5);
    await client.hset(STATE, 'done', first.done - 500);
    expect((await beginCronEntry(redis, ENTRY, null)).done).toBe(first.done - 500);
    expect(await client.ttl(STATE)).toBeGreaterThan(34_000_000);
  });

  it('with an interval is due at once when it is new, not when it is loaded again', async () => {
    const first = await beginCronEntry(redis, ENTRY, 300);
    expect((await enqueueOccurrence(redis, { ...ENTRY, moment: first.done + 300 }, JOB)).state).toBe('queued');
    expect((await beginCronEntry(redis, ENTRY, 300)).done).toBe(first.done + 300);
  });

  it('that is changed has missed nothing', async () => {
    await client.hset(STATE, 'what', ENTRY.what, 'done', 1_000);
    expect((await beginCronEntry(redis, { ...ENTRY, what: 'another' }, null)).done).toBeGreaterThan(1_000_000);
  });
});

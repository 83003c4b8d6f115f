import { describe, expect, it } from 'vitest';
import { deleteJob } from '../../../src/queue/end-job.js';
import { enqueueGroup } from '../../../src/queue/enqueue-group.js';
import { enqueue } from '../../../src/queue/enqueue.js';
import { cleanGroups, deleteGroup, groupMembers, groupNames, groupStatus } from '../../../src/queue/group.js';
import { freshRedis, type FreshRedis } from '../../support/fresh-redis.js';
import { placesOf } from '../../support/rq.js';

let { client, redis } = {} as FreshRedis;
freshRedis((fresh) => ({ client, redis } = fresh));

const job = (id: string, queue = 'q') => ({ functionName: 'a.b', queue, id });
const membersOf = async (group: string): Promise<string[]> => (await client.smembers(`rq:group:${group}`)).sort();

describe('enqueueGroup', () => {
  it('stores jobs of several queues as members of one group, and adds to a group that exists', async () => {
    const { outcomes } = await enqueueGroup(redis, [job('a'), job('b', 'other')], { group: 'g' });
    expect(outcomes.map(({ state }) => state)).toEqual(['queued', 'queued']);
    await enqueueGroup(redis, [job('c')], { group: 'g' });
    expect(await membersOf('g')).toEqual(['a', 'b', 'c']);
    expect(await client.smembers('rq:groups')).toEqual(['g']);
    expect(await client.hget('rq:job:b', 'group_id')).toBe('g');
  });

  it('names a group that has no name as RQ does', async () => {
    const { group } = await enqueueGroup(redis, [job('a')]);
    expect(group).toMatch(/^[0-9a-f]{32}$/);
    expect(await groupNames(redis)).toEqual([group]);
  });

  it('takes more than one call takes, and more than one page shows', async () => {
    const jobs = Array.from({ length: 1_300 }, () => ({ functionName: 'a.b' }));
    await enqueueGroup(redis, jobs, { group: 'many' });
    expect(await groupStatus(redis, 'many')).toMatchObject({ jobs: 1_300, counts: { queued: 1_300 } });
    for await (const page of groupMembers(redis, 'many')) expect(page.length).toBeLessThanOrEqual(500);
    expect(await deleteGroup(redis, 'many')).toBe(1_300);
  });

  it('leaves a job that was not stored out of the group', async () => {
    await enqueue(redis, job('taken'));
    const { outcomes } = await enqueueGroup(redis, [job('taken'), job('free')], { group: 'g' });
    expect(outcomes.map(({ state }) => state)).toEqual(['exists', 'queued']);
    expect(await membersOf('g')).toEqual(['free']);
    await client.set('rq:queue:odd', 'no list');
    await enqueueGroup(redis, [{ functionName: 'a.b', queue: 'odd' }], { group: 'h' });
    expect(await client.exists('rq:group:h')).toBe(0);
  });

  it('refuses a group whose key is none, and stores nothing', async () => {
    await client.set('rq:group:g', 'no set');
    const { outcomes } = await enqueueGroup(redis, [job('a'), { functionName: 'a.b' }], { group: 'g' });
    expect(outcomes).toMatchObject([
      { state: 'refused', reason: expect.stringContaining('rq:group:g is not a set') as string },
      { state: 'refused' },
    ]);
    expect(await client.exists('rq:queue:q', 'rq:job:a')).toBe(0);
    await expect(enqueue(redis, { ...job('a'), group: 'g' })).rejects.toThrow('rq:group:g is not a set');
    await expect(enqueue(redis, { ...job('a'), group: '' })).rejects.toThrow('the group name is empty');
  });
});

describe('a member', () => {
  it('whose job is enqueued anew without the group leaves it', async () => {
    await enqueue(redis, { ...job('a'), group: 'g' });
    await enqueue(redis, { ...job('a'), group: 'h', onExistingId: 'replace' });
    expect([await membersOf('g'), await membersOf('h')]).toEqual([[], ['a']]);
  });

  it('whose job is deleted leaves it', async () => {
    await enqueueGroup(redis, [job('a'), job('b')], { group: 'g' });
    await deleteJob(redis, 'a');
    expect(await membersOf('g')).toEqual(['b']);
  });

  it('whose job has expired is told apart, and dropped by cleaning, with the name of an empty group', async () => {
    await enqueueGroup(redis, [job('a'), job('b')], { group: 'g' });
    await enqueueGroup(redis, [job('c')], { group: 'h' });
    await client.del('rq:job:a', 'rq:job:c');
    await client.sadd('rq:groups', 'vanished');
    await client.hset('rq:job:b', 'status', 'finished');
    expect(await groupStatus(redis, 'g')).toEqual({ name: 'g', jobs: 1, gone: 1, counts: { finished: 1 }, done: true });
    expect(await cleanGroups(redis)).toBe(2);
    expect(await membersOf('g')).toEqual(['b']);
    expect(await groupNames(redis)).toEqual(['g']);
  });
});

describe('groupStatus', () => {
  it.each([
    [['finished', 'failed', 'stopped', 'canceled'], true],
    ...['queued', 'started', 'deferred', 'scheduled', 'rate_limited', 'ready_to_enqueue', 'of-the-future'].map(
      (status) => [['finished', status], false] as const,
    ),
  ] as const)('of jobs that are %s is done: %s', async (statuses, done) => {
    await enqueueGroup(
      redis,
      statuses.map((status) => job(status)),
      { group: 'g' },
    );
    for (const status of statuses) await client.hset(`rq:job:${status}`, 'status', status);
    expect(await groupStatus(redis, 'g')).toMatchObject({ done, jobs: statuses.length });
  });

  it('of a group that does not exist is null', async () => {
    expect(await groupStatus(redis, 'nobody')).toBeNull();
  });
});

it('deleteGroup leaves the jobs where they are, and names no group in them', async () => {
  await enqueueGroup(redis, [job('a'), job('b')], { group: 'g' });
  await client.hset('rq:job:b', 'group_id', 'another');
  expect(await deleteGroup(redis, 'g')).toBe(2);
  expect(await deleteGroup(redis, 'g')).toBe(0);
  expect(await client.exists('rq:groups', 'rq:group:g')).toBe(0);
  expect(await client.hget('rq:job:a', 'group_id')).toBe('');
  expect(await client.hget('rq:job:b', 'group_id')).toBe('another');
  expect(await placesOf(client, 'a', 'q')).toEqual(['rq:queue:q']);
});

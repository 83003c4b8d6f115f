import { describe, expect, it } from 'vitest';
import { enqueueMany } from '../../../src/queue/enqueue-many.js';
import { moveJobs, MOVABLE } from '../../../src/queue/move-jobs.js';
import { deflateText } from '../../../src/protocol/payload.js';
import { script } from '../../../src/redis/scripts.js';
import { freshRedis, type FreshRedis } from '../../support/fresh-redis.js';
import { interposed } from '../../support/interposed.js';
import { oneWorker } from '../../support/one-worker.js';
import { placesOf, put } from '../../support/rq.js';

let { client, redis } = {} as FreshRedis;
freshRedis((fresh) => ({ client, redis } = fresh));

const list = (queue: string) => client.lrange(`rq:queue:${queue}`, '0', '-1');
const originOf = (id: string) => client.hget(`rq:job:${id}`, 'origin');
const stopped = AbortSignal.abort('SIGINT');

/** Jobs of two functions on a queue, one after the other. */
const mixed = (count: number) =>
  enqueueMany(
    redis,
    Array.from({ length: count }, (_, i) => ({
      ...{ functionName: i % 2 === 0 ? 'mail.send' : 'web.fetch', args: [i], id: `j${i}`, queue: 'a' },
    })),
  );
const numbered = (count: number, step = 1, first = 0) =>
  Array.from({ length: count }, (_, i) => `j${first + i * step}`);

describe('moveJobs of a queue', () => {
  it('moves those of a function, in their order, behind what is there; the others keep theirs', async () => {
    await put(redis, 'a.b', [], { id: 'there', queue: 'b' });
    await mixed(2_500);
    const progress: number[] = [];
    const how = { functionName: 'mail.send', onProgress: (done: number) => progress.push(done) };
    expect(await moveJobs(redis, 'queued', 'a', 'b', how)).toEqual({ moved: 1_250, dropped: 0 });
    expect(await list('b')).toEqual(['there', ...numbered(1_250, 2)]);
    expect(await list('a')).toEqual(numbered(1_250, 2, 1));
    expect(await originOf('j100')).toBe('b');
    expect(await originOf('j101')).toBe('a');
    expect(progress.at(-1)).toBe(1_250);
  });

  it('moves so many at most, the first ones that are meant', async () => {
    await mixed(2_200);
    expect(await moveJobs(redis, 'queued', 'a', 'b', { functionName: 'web.fetch', limit: 3 })).toMatchObject({
      moved: 3,
    });
    expect(await list('b')).toEqual(['j1', 'j3', 'j5']);
    expect(await moveJobs(redis, 'queued', 'a', 'b', { limit: 2 })).toMatchObject({ moved: 2 });
    expect(await list('b')).toEqual(['j1', 'j3', 'j5', 'j0', 'j2']);
  });

  it('finds a text in the description, in upper or lower case, and all filters must hold', async () => {
    await mixed(40);
    expect(await moveJobs(redis, 'queued', 'a', 'b', { match: 'SEND(3' })).toMatchObject({ moved: 5 });
    expect(await list('b')).toEqual(numbered(5, 2, 30));
    expect(await moveJobs(redis, 'queued', 'a', 'b', { match: '(1', functionName: 'web.fetch' })).toMatchObject({
      moved: 6,
    });
  });

  it('changes nothing in a dry run, and once it is interrupted', async () => {
    await mixed(4);
    const before = await client.call('DEBUG', 'DIGEST');
    expect(await moveJobs(redis, 'queued', 'a', 'b', { dryRun: true })).toEqual({ moved: 4, dropped: 0 });
    expect(
      await moveJobs(redis, 'queued', 'a', 'b', { dryRun: true, functionName: 'mail.send', limit: 1 }),
    ).toMatchObject({ moved: 1 });
    expect(await moveJobs(redis, 'queued', 'a', 'b', { functionName: 'mail.send', signal: stopped })).toMatchObject({
      moved: 0,
    });
    expect(await client.call('DEBUG', 'DIGEST')).toBe(before);
  });

  it('reaches the head of a queue that grows while it looks', async () => {
    await mixed(1_500);
    let looks = 0;
    const growing = interposed(redis, (command) => {
      if (command[0] !== 'LRANGE' || (looks += 1) !== 2) return null;
      return client.rpush('rq:queue:a', ...numbered(1_500, 1, 2_000)).then(() => redis.call(command));
    });
    const how = { functionName: 'mail.send' };
    expect(await moveJobs(growing, 'queued', 'a', 'b', how)).toMatchObject({ moved: 750 });
    expect(await list('b')).toEqual(numbered(750, 2));
  });

  it('leaves a job that a worker has taken after it was chosen', async () => {
    await mixed(3);
    await client.lpop('rq:queue:a');
    await client.hset('rq:job:j1', 'status', 'started');
    await client.zadd('rq:wip:a', '9999999999', 'j1:e');
    const reply = await redis.evaluate(script('move_some'), [], ['queued', 'a', 'b', 'token', 1, 1, 'j0', 'j1', 'j2']);
    expect(reply).toEqual([3, 1]);
    expect([await list('a'), await list('b')]).toEqual([['j1'], ['j2']]);
    expect(await originOf('j0')).toBe('a');
  });
});

describe('moveJobs of a registry', () => {
  it.each(['scheduled', 'deferred', 'failed'] as const)(
    'moves %s jobs with their scores, and no other',
    async (place) => {
      for (const [i, id] of ['one', 'two', 'stale'].entries()) {
        await put(redis, 'a.b', [id], { id, queue: 'a' });
        await client.lrem('rq:queue:a', 0, id);
        await client.hset(`rq:job:${id}`, 'status', id === 'stale' ? 'queued' : place);
        await client.zadd(`rq:${place}:a`, String(1e12 + i), id);
      }
      expect(await moveJobs(redis, place, 'a', 'b', { dryRun: true, match: "'two'" })).toMatchObject({ moved: 1 });
      expect(await moveJobs(redis, place, 'a', 'b')).toEqual({ moved: 2, dropped: 0 });
      expect(await client.zrange(`rq:${place}:b`, '0', '-1', 'WITHSCORES')).toEqual([
        'one',
        '1000000000000',
        'two',
        '1000000000001',
      ]);
      expect(await client.zrange(`rq:${place}:a`, '0', '-1')).toEqual(['stale']);
      expect([await originOf('one'), await originOf('stale')]).toEqual(['b', 'a']);
      expect(await client.sismember('rq:queues', 'rq:queue:b')).toBe(1);
    },
  );

  it('takes a failed job for meant by its error', async () => {
    const worker = oneWorker();
    await worker.register(client);
    await put(redis, 'a.b', [], { id: 'bad', queue: 'q' });
    const failed = { kind: 'failed' as const, value: deflateText('Error: the mail server is full') };
    await worker.end(redis, worker.ended(await worker.take(redis), failed));
    expect(await moveJobs(redis, 'failed', 'q', 'b', { match: 'no such text' })).toMatchObject({ moved: 0 });
    expect(await moveJobs(redis, 'failed', 'q', 'b', { match: 'server is FULL' })).toMatchObject({ moved: 1 });
    expect(await placesOf(client, 'bad', 'b')).toEqual(['failed']);
  });
});

describe.each(MOVABLE)('moving what is %s', (place) => {
  const source = place === 'queued' ? 'rq:queue:a' : `rq:${place}:a`;
  const prepare = async (): Promise<void> => {
    await put(redis, 'a.b', [], { id: 'j', queue: 'a', repeat: { times: 3 } });
    await client.zadd('rq:finished:a', '9999999999', 'j');
    if (place === 'queued') return;
    await client.lrem('rq:queue:a', 0, 'j');
    await client.hset('rq:job:j', 'status', place);
    await client.zadd(source, '9999999999', 'j');
  };

  it('takes along the entry of the last run of a job that is repeated', async () => {
    await prepare();
    await moveJobs(redis, place, 'a', 'b');
    const rest = place === 'queued' ? ['rq:queue:b', 'finished'] : ['finished', place].sort();
    expect((await placesOf(client, 'j', 'b')).sort()).toEqual(rest.sort());
    expect(await placesOf(client, 'j', 'a')).toEqual([]);
    expect(await client.zscore('rq:finished:b', 'j')).toBe('9999999999');
  });

  it('changes nothing if a place of the other queue has another type', async () => {
    await prepare();
    await client.set(source.replace(/:a$/, ':b'), 'text');
    await expect(moveJobs(redis, place, 'a', 'b')).rejects.toThrow(/WRONGTYPE/);
    expect(await originOf('j')).toBe('a');
  });
});

it('does not carry a step out twice', async () => {
  await mixed(3);
  const step = () => redis.evaluate(script('move_some'), [], ['queued', 'a', 'b', 'token', 1, -1, 'j0', 'j2']);
  expect([await step(), await step()]).toEqual([
    [2, 2],
    [2, 2],
  ]);
  expect([await list('a'), await list('b')]).toEqual([['j1'], ['j0', 'j2']]);
});

it('refuses to move a queue to itself', async () => {
  await expect(moveJobs(redis, 'failed', 'a', 'a')).rejects.toMatchObject({ code: 'USAGE' });
});

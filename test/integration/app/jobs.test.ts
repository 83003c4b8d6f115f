import { describe, expect, it } from 'vitest';
import { dumpsPickle } from '../../../src/protocol/pickle-writer.js';
import { loadsPickle } from '../../../src/protocol/pickle.js';
import type { Redis } from '../../../src/redis/redis.js';
import {
  getCurrentJob,
  Group,
  job,
  Job,
  JobNotFinishedError,
  Queue,
  Tsrq,
  withConnection,
  Worker,
} from '../../../src/index.js';
import type { StandardSchemaV1 } from '../../../src/index.js';
import { runTsrq } from '../../support/cli.js';
import { freshRedis } from '../../support/fresh-redis.js';
import { latestResult, placesOf, statusOf, until } from '../../support/rq.js';
import type { Redis as IoRedis } from 'ioredis';

let redis: Redis;
let client: IoRedis;
let url: string;
freshRedis((fresh) => {
  redis = fresh.redis;
  client = fresh.client;
  url = fresh.server.url;
});

/** A pair of a number and a text that is not empty. */
const pair: StandardSchemaV1<[number, string]> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) => {
      const [n, text] = value as [unknown, unknown];
      if (typeof n !== 'number') return { issues: [{ message: 'a number is needed', path: [0] }] };
      if (text === '') return { issues: [{ message: 'a text is needed', path: [{ key: 1 }] }] };
      return { value: [n, String(text).trim()] };
    },
  },
};

const greet = job('app.greet', async (name: string, times?: number) => `hello ${name} `.repeat(times ?? 1));
const paired = job(
  'app.paired',
  { queue: 'pairs', timeout: '5m', retry: 2, args: pair },
  (n: number, text: string) => ({
    n,
    text,
  }),
);

const field = (id: string, name: string): Promise<string | null> => client.hget(`rq:job:${id}`, name);
const work = (...queues: string[]): Promise<boolean> =>
  new Worker(queues, { connection: url, isolation: 'none' }).work();

describe('a job that is a function', () => {
  it('is called directly, without a Redis', async () => {
    expect(await greet('you')).toBe('hello you ');
    expect(paired(1, ' x ')).toEqual({ n: 1, text: ' x ' });
    expect(greet.jobName).toBe('app.greet');
  });

  it('is enqueued with the options of its definition, and of with()', async () => {
    await withConnection(redis, async () => {
      const plain = await paired.enqueue(1, 'x');
      expect(await placesOf(client, plain.id, 'pairs')).toEqual(['rq:queue:pairs']);
      expect(await field(plain.id, 'timeout')).toBe('300');
      expect(await field(plain.id, 'retries_left')).toBe('2');
      const urgent = paired.with({ queue: 'priority' }).with({ timeout: 7, retry: { max: 3, intervals: ['1m', 90] } });
      const other = await urgent.enqueue(2, 'y');
      expect(other.origin).toBe('priority');
      expect(await field(other.id, 'timeout')).toBe('7');
      expect(await field(other.id, 'retry_intervals')).toBe('[60, 90]');
    });
  });

  it('is enqueued as its definition says where options are undefined', async () => {
    await withConnection(redis, async () => {
      const nothing = { timeout: undefined, retry: undefined, queue: undefined, id: undefined } as object;
      const made = [
        await paired.with({ timeout: 7 }).with(nothing).enqueue(1, 'x'),
        await new Queue('pairs').enqueue(paired, [1, 'x'], nothing),
      ];
      expect(made.map(({ origin }) => origin)).toEqual(['pairs', 'pairs']);
      expect(await Promise.all(made.map(({ id }) => field(id, 'timeout')))).toEqual(['7', '300']);
      expect(await Promise.all(made.map(({ id }) => field(id, 'retries_left')))).toEqual(['2', '2']);
    });
  });

  it('is enqueued for later', async () => {
    await withConnection(redis, async () => {
      const soon = await greet.enqueueIn('5m', 'soon');
      const then = await greet.with({ queue: 'late' }).enqueueAt(new Date('2126-01-02T03:04:05Z'), 'then');
      expect([soon.status, then.status]).toEqual(['scheduled', 'scheduled']);
      expect(Number(await client.zscore('rq:scheduled:late', then.id))).toBe(
        Date.parse('2126-01-02T03:04:05Z') / 1_000,
      );
      const [now] = (await redis.call(['TIME'])) as [string];
      expect(Math.abs(Number(await client.zscore('rq:scheduled:default', soon.id)) - Number(now) - 300)).toBeLessThan(
        60,
      );
    });
  });

  it('is run by a worker of this process, and its result is what it returned', async () => {
    const job = await withConnection(redis, () => greet.enqueue('you', 2));
    expect(await work('default')).toBe(true);
    expect(await job.waitForResult()).toBe('hello you hello you ');
    expect(await work('default')).toBe(false);
  });

  it('is waited for where it returns something to wait for, whatever that is', async () => {
    type Then = (resolve: (value: unknown) => void, reject: (error: Error) => void) => void;
    const later = (end: Then) => ({
      then: (resolve: (value: unknown) => void, reject: (error: Error) => void) => setTimeout(end, 5, resolve, reject),
    });
    const thing = job('app.thing', () => later((resolve) => resolve('a thing')));
    const callable = job('app.callable', () =>
      Object.assign(
        () => 0,
        later((resolve) => resolve('called')),
      ),
    );
    const refused = job('app.refused', () => later((_, reject) => reject(new Error('not today'))));
    const jobs = await withConnection(redis, () =>
      Promise.all([thing.enqueue(), callable.enqueue(), paired.enqueue(3, 'z'), refused.enqueue()]),
    );
    expect(await work('default', 'pairs')).toBe(true);
    expect(await Promise.all(jobs.slice(0, 3).map((one) => one.waitForResult()))).toEqual([
      'a thing',
      'called',
      { n: 3, text: 'z' },
    ]);
    expect(await statusOf(client, jobs[3].id)).toBe('failed');
    expect((await latestResult(client, jobs[3].id))?.error).toContain('not today');
  });

  it('depends on others, given as jobs or ids', async () => {
    await withConnection(redis, async () => {
      const first = await greet.enqueue('first');
      const second = await greet.with({ dependsOn: first }).enqueue('second');
      const third = await greet.with({ dependsOn: { jobs: [first, second.id], allowFailure: true } }).enqueue('third');
      expect([second.status, third.status]).toEqual(['deferred', 'deferred']);
      expect((await first.dependents()).map(({ id }) => id).sort()).toEqual([second.id, third.id].sort());
    });
  });

  it('has its arguments checked before they are stored', async () => {
    const wrong = withConnection(redis, () => paired.enqueue('1' as never, 'x'));
    await expect(wrong).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('0: a number is needed'),
    });
    await expect(withConnection(redis, () => paired.enqueue(1, ''))).rejects.toThrow('1: a text is needed');
    expect(await client.keys('*')).toEqual([]);
  });

  it('has its arguments checked again when it is run, and gets what the schema made of them', async () => {
    const queue = new Queue('pairs', { connection: redis });
    const bad = await queue.enqueue('app.paired', ['1', 'x']);
    const good = await queue.enqueue('app.paired', [1, ' x ']);
    await work('pairs');
    expect(await statusOf(client, bad.id)).toBe('failed');
    expect((await latestResult(client, bad.id))?.error).toContain('0: a number is needed');
    expect(await good.result()).toEqual({ n: 1, text: 'x' });
  });

  it('wants a name, and says so', async () => {
    function sendMail(): void {}
    const queue = new Queue('default', { connection: redis });
    await expect(queue.enqueue(sendMail as never, [])).rejects.toMatchObject({
      message: "the function 'sendMail' has no name by which a worker could find it",
      hint: expect.stringContaining("job('app.sendMail', sendMail)"),
    });
    expect(() => job(sendMail as never, {} as never)).toThrow("a job needs a name, not the function 'sendMail'");
    expect(() => job('', sendMail)).toThrow('a job needs a name');
    expect(() => job('x', { args: pair }, 7 as never)).toThrow('not a function');
  });
});

describe('a job in Redis', () => {
  it('is fetched with what it calls, and refreshed', async () => {
    const queue = new Queue('q', { connection: redis });
    const { id } = await queue.enqueue('app.greet', ['you'], { kwargs: { loud: true }, meta: { by: 'me' } });
    const found = await queue.fetchJob(id);
    expect(found).toMatchObject({ id, origin: 'q', functionName: 'app.greet', status: 'queued', meta: { by: 'me' } });
    expect([found?.args, found?.kwargs]).toEqual([['you'], { loud: true }]);
    expect(await Job.fetch('none', { connection: redis })).toBeNull();
    expect(await found?.cancel()).toEqual({ state: 'canceled' });
    expect(await found?.refresh()).toBe(true);
    expect(found?.status).toBe('canceled');
    expect(await found?.delete()).toBe(true);
    expect(await found?.refresh()).toBe(false);
    expect(found?.status).toBeNull();
  });

  it('keeps its meta in the words of its serializer, and none is written for a job that is gone', async () => {
    const queue = new Queue('q', { connection: redis });
    for (const serializer of ['json', 'pickle'] as const) {
      const job = await queue.enqueue('app.greet', ['you'], { serializer });
      job.meta['step'] = 1;
      expect(await job.saveMeta()).toBe(true);
      expect((await client.hgetBuffer(`rq:job:${job.id}`, 'meta'))?.[0] === 0x80).toBe(serializer === 'pickle');
      expect((await queue.fetchJob(job.id))?.meta).toEqual({ step: 1 });
      await job.delete();
      expect(await job.saveMeta()).toBe(false);
      expect(await client.exists(`rq:job:${job.id}`)).toBe(0);
    }
  });

  it('of Python keeps of its meta what has no name here, and all of it that only Python can read', async () => {
    const stored = (id: string): Promise<Buffer | null> => client.hgetBuffer(`rq:job:${id}`, 'meta');
    const queue = new Queue('q', { connection: redis });
    const made = await queue.enqueue('a.b', [], { serializer: 'pickle', meta: { user: 7 } });
    const fetched = async (): Promise<Job> => (await Job.fetch(made.id, { connection: redis })) as Job;

    await client.hset(
      `rq:job:${made.id}`,
      'meta',
      dumpsPickle(
        new Map<unknown, unknown>([
          ['user', 7],
          [2026, 'a'],
        ]),
      ),
    );
    const mixed = await fetched();
    expect(mixed.meta).toEqual({ user: 7 });
    mixed.meta['x'] = 1;
    expect(await mixed.saveMeta()).toBe(true);
    const after = loadsPickle((await stored(made.id)) as Buffer);
    expect(after).toEqual(
      new Map<unknown, unknown>([
        ['user', 7],
        ['x', 1],
        [2026, 'a'],
      ]),
    );

    // An object of a class, in meta or among the arguments.
    const odd = Buffer.from('\x80\x04ctasks\nPt\n)\x81.', 'latin1');
    await client.hset(`rq:job:${made.id}`, 'meta', odd);
    const unreadable = await fetched();
    unreadable.meta['x'] = 1;
    await expect(unreadable.saveMeta()).rejects.toMatchObject({ code: 'BAD_DATA' });
    expect(await stored(made.id)).toEqual(odd);
    await client.hset(`rq:job:${made.id}`, 'data', odd, 'meta', dumpsPickle({ user: 7 }));
    const uncallable = await fetched();
    uncallable.meta['x'] = 1;
    await uncallable.saveMeta();
    expect(loadsPickle((await stored(made.id)) as Buffer)).toEqual({ user: 7, x: 1 });
    await client.hdel(`rq:job:${made.id}`, 'meta');
    const blank = await fetched();
    blank.meta['x'] = 1;
    await blank.saveMeta();
    expect(loadsPickle((await stored(made.id)) as Buffer)).toEqual({ x: 1 });
  });

  it('of Python whose result only Python can read says so, and is not as one that has returned nothing', async () => {
    const { id } = await new Queue('q', { connection: redis }).enqueue('a.b');
    await client.hset(`rq:job:${id}`, 'status', 'finished');
    const odd = Buffer.from('\x80\x04ctasks\nPt\n)\x81.', 'latin1').toString('base64');
    await client.xadd(`rq:results:${id}`, '*', 'type', '1', 'return_value', odd);
    const made = (await Job.fetch(id, { connection: redis })) as Job;
    const refused = {
      code: 'BAD_DATA',
      message: `the result of job ${id} cannot be read here: a value of type tasks.Pt`,
    };
    await expect(made.result()).rejects.toMatchObject(refused);
    await expect(made.waitForResult()).rejects.toMatchObject(refused);
    expect((await made.results())[0]).toMatchObject({ value: null, unreadable: 'a value of type tasks.Pt' });
    const cli = (...args: string[]) => runTsrq(['job', ...args, id], { url });
    expect((await cli('show')).stdout).toMatch(/^result +cannot be read here: a value of type tasks\.Pt$/m);
    expect(await cli('wait')).toMatchObject({
      code: 0,
      stdout: expect.not.stringContaining('null'),
    });
    expect(JSON.parse((await cli('wait', '--json')).stdout)).toMatchObject({
      jobs: [{ result: null, unreadable: 'a value of type tasks.Pt' }],
    });
  });

  it('of Python keeps its meta while it runs here', async () => {
    const seen: unknown[] = [];
    const handlers = {
      'kit.tells': async () => {
        const running = getCurrentJob();
        seen.push({ ...running?.meta });
        running?.progress(50, 'half');
        await running?.saveMeta().catch((error: unknown) => seen.push((error as Error).message));
      },
    };
    const run = () => new Worker('q', { connection: url, handlers }).work();
    const queue = new Queue('q', { connection: redis });
    const enqueued = async (meta: Buffer): Promise<string> => {
      const { id } = await queue.enqueue('kit.tells', [], { serializer: 'pickle' });
      await client.hset(`rq:job:${id}`, 'meta', meta);
      await run();
      expect(await statusOf(client, id)).toBe('finished');
      return id;
    };
    const mixed = await enqueued(
      dumpsPickle(
        new Map<unknown, unknown>([
          ['user', 7],
          [2026, 'a'],
        ]),
      ),
    );
    expect(loadsPickle((await client.hgetBuffer(`rq:job:${mixed}`, 'meta')) as Buffer)).toEqual(
      new Map<unknown, unknown>([
        ['user', 7],
        ['progress', 50],
        ['progress_text', 'half'],
        [2026, 'a'],
      ]),
    );
    const odd = Buffer.from('\x80\x04ctasks\nPt\n)\x81.', 'latin1');
    const unreadable = await enqueued(odd);
    expect(await client.hgetBuffer(`rq:job:${unreadable}`, 'meta')).toEqual(odd);
    expect(seen).toEqual([
      { user: 7 },
      { unserialized: odd.toString('latin1') },
      `the meta of job ${unreadable} holds what only Python can read: it stays as it is`,
    ]);
  });

  it('has a meta of its own, however deep', async () => {
    for (const serializer of ['json', 'pickle'] as const) {
      const tags = { list: ['a'] };
      const tagged = job('app.tagged', { serializer, meta: { tags } }, () => undefined);
      const one = await withConnection(redis, () => tagged.enqueue());
      (one.meta['tags'] as typeof tags).list.push('mine');
      const two = await withConnection(redis, () => tagged.enqueue());
      expect([one.meta, two.meta, tags]).toEqual([
        { tags: { list: ['a', 'mine'] } },
        { tags: { list: ['a'] } },
        { list: ['a'] },
      ]);
      expect((await Job.fetch(two.id, { connection: redis }))?.meta).toEqual(two.meta);
    }
    const queue = new Queue('q', { connection: redis });
    await expect(queue.enqueue('a.b', [], { meta: { f: () => 0 } })).rejects.toMatchObject({ code: 'USAGE' });
    expect((await queue.enqueue('a.b')).meta).toEqual({});
  });

  it('that fails is told of by whoever waits, and can be requeued', async () => {
    let attempts = 0;
    job('app.flaky', () => {
      attempts += 1;
      if (attempts === 1) throw new RangeError('not yet');
      return attempts;
    });
    const queue = new Queue<{ 'app.flaky': () => number }>('q', { connection: redis });
    const made = await queue.enqueue('app.flaky', []);
    await work('q');
    const error = await made.waitForResult().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(JobNotFinishedError);
    expect(error).toMatchObject({
      id: made.id,
      status: 'failed',
      message: expect.stringContaining('RangeError: not yet'),
    });
    expect(made.error).toContain('RangeError: not yet');
    expect(await made.result()).toBeNull();
    expect(await made.requeue()).toMatchObject({ requeued: true });
    await work('q');
    expect(await made.waitForResult({ timeout: '1m' })).toBe(2);
  });

  it('is waited for no longer than was said, or until a signal', async () => {
    const made = await new Queue('q', { connection: redis }).enqueue('app.greet', ['you']);
    await expect(made.waitForResult({ timeout: 0.05 })).rejects.toMatchObject({ code: 'TIMED_OUT' });
    const stop = new AbortController();
    const waiting = made.waitForResult({ signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await made.delete();
    await expect(made.waitForResult()).rejects.toMatchObject({ status: 'gone' });
  });
});

describe('a queue', () => {
  it('tells its length and its jobs, next one first', async () => {
    const queue = new Queue('q', { connection: redis });
    expect(await queue.isEmpty()).toBe(true);
    const outcomes = await queue.enqueueMany([['a.b', [1]], [greet, ['x'], { id: 'mine' }], ['c.d']]);
    expect(outcomes.map(({ state }) => state)).toEqual(['queued', 'queued', 'queued']);
    await queue.enqueue('e.f', [], { atFront: true });
    expect(await queue.length()).toBe(4);
    const jobs = await queue.jobs();
    expect(jobs.map(({ functionName }) => functionName)).toEqual(['e.f', 'a.b', 'app.greet', 'c.d']);
    expect(await queue.jobIds({ offset: 2, count: 1 })).toEqual(['mine']);
    expect(await queue.empty()).toBe(4);
    expect(await queue.isEmpty()).toBe(true);
  });

  it('goes through a registry of any size while its jobs are taken out', async () => {
    const queue = new Queue('q', { connection: redis });
    const ids = Array.from({ length: 250 }, (_, i) => `job-${i}`);
    await queue.enqueueMany(ids.map((id) => ['a.b', [], { id }] as const));
    for (const [i, id] of ids.entries()) {
      client.zadd('rq:failed:q', Math.floor(i / 7), id).catch(() => undefined);
    }
    await until('the registry is full', async () => (await client.zcard('rq:failed:q')) === 250);
    const registry = queue.registry('failed');
    expect(await registry.count()).toBe(250);
    const kept: string[] = [];
    for await (const id of registry.ids()) kept.push(id);
    expect(new Set(kept)).toEqual(new Set(ids));
    const seen: string[] = [];
    for await (const { id } of registry) {
      seen.push(id);
      if (seen.length % 3 !== 0) await client.zrem('rq:failed:q', id);
    }
    expect(new Set(seen)).toEqual(new Set(ids));
    const last: string[] = [];
    for await (const id of registry.ids()) {
      last.push(id);
      await client.zrem('rq:failed:q', id);
    }
    expect([last.length, await registry.count()]).toEqual([83, 0]);
  });
});

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe('the verbs of a queue', () => {
  const fail = (queue: Queue, id: string, text: string) => queue.enqueue('app.fails', [text], { id });
  const handlers = {
    'app.fails': (text: string) => Promise.reject(new Error(text)),
    'app.fine': () => 'fine',
  };
  const run = (...queues: string[]) => new Worker(queues, { connection: url, handlers }).work();

  it('pause and resume it, for a time or for ever', async () => {
    const queue = new Queue('q', { connection: redis });
    expect(await queue.isPaused()).toBe(false);
    expect(await queue.pause()).toBe(false);
    expect(await queue.isPaused()).toBe(true);
    expect(await queue.pause({ duration: '1h' })).toBe(true);
    await expect(queue.pause({ duration: 0 })).rejects.toMatchObject({ code: 'USAGE' });
    expect(await queue.isPaused()).toBe(true);
    await queue.enqueue('app.fine');
    expect(await run('q')).toBe(false);
    expect(await queue.resume()).toBe(true);
    expect(await queue.isPaused()).toBe(false);
    // A pause whose time is over is none, also while its entry is there.
    await client.zadd('rq:tsrq:paused', '1', 'q');
    expect(await queue.isPaused()).toBe(false);
  });

  it('move it to another of the same Redis, compact it, and delete it', async () => {
    const queue = new Queue('q', { connection: redis });
    await queue.enqueueMany([
      ['a.b', [], { id: 'one' }],
      ['a.b', [], { id: 'two' }],
      ['a.b', [], { id: 'three' }],
    ]);
    await client.del('rq:job:two');
    expect(await queue.compact()).toBe(1);
    expect(await queue.move('other')).toEqual({ moved: 2, dropped: 0 });
    const other = new Queue('other', { connection: redis });
    expect((await other.jobs()).map(({ id, origin }) => [id, origin])).toEqual([
      ['one', 'other'],
      ['three', 'other'],
    ]);
    expect((await Queue.all({ connection: redis })).map(({ name }) => name)).toContain('other');
    expect(await other.delete()).toMatchObject({ state: 'deleted', removed: 2 });
    expect((await Queue.all({ connection: redis })).map(({ name }) => name)).not.toContain('other');
  });

  it('are not moved to a queue that its application has on another Redis', async () => {
    const app = new Tsrq({
      url,
      connections: { far: `${url.replace(/\/\d*$/, '')}/1` },
      queueConnections: { there: 'far' },
    });
    await app.queue('here').enqueue('a.b');
    await expect(app.queue('here').move('there')).rejects.toMatchObject({ code: 'USAGE' });
    expect(await app.queue('here').length()).toBe(1);
    await app.close();
  });

  it('tell what fails, and requeue what is meant', async () => {
    const queue = new Queue('q', { connection: redis });
    for (const [id, text] of Object.entries({ a1: 'no route to 1', a2: 'no route to 2', b: 'refused' }))
      await fail(queue, id, text);
    await run('q');
    const failures = await queue.failures();
    expect(failures.map(({ count, error }) => [count, error])).toEqual([
      [2, 'Error: no route to N'],
      [1, 'Error: refused'],
    ]);
    expect(await queue.failures({ before: new Date(0) })).toEqual([]);
    const options = { match: 'ROUTE', since: new Date(0), limit: 1 };
    expect(await queue.requeueAll({ ...options, dryRun: true })).toEqual({ requeued: 0, total: 1 });
    const results: string[] = [];
    const onResults = (some: readonly { readonly id: string }[]): void =>
      void results.push(...some.map(({ id }) => id));
    expect(await queue.requeueAll({ ...options, onResults })).toEqual({ requeued: 1, total: 1 });
    expect(results).toEqual(await queue.jobIds());
    expect(await queue.requeueAll({ signal: AbortSignal.abort() })).toEqual({ requeued: 0, total: 0 });
  });

  it('empty it and its registries, whole or what is old', async () => {
    const queue = new Queue('q', { connection: redis });
    for (const id of ['old', 'new']) await fail(queue, id, 'no');
    await run('q');
    await client.hset('rq:job:old', 'ended_at', '2020-01-01T00:00:00.000000Z');
    const failed = queue.registry('failed');
    const before = new Date('2021-01-01');
    expect(await failed.empty({ before, dryRun: true })).toBe(1);
    expect(await failed.empty({ before })).toBe(1);
    expect(await all(failed.ids())).toEqual(['new']);
    expect(await failed.empty()).toBe(1);
    expect(() => queue.registry('started').empty()).toThrow('that run cannot be removed');
    await queue.enqueue('a.b', [], { id: 'waits' });
    expect([await queue.empty({ before }), await queue.empty({ dryRun: true }), await queue.length()]).toEqual([
      0, 1, 1,
    ]);
    expect(await queue.empty({ before: new Date(Date.now() + 3_600_000) })).toBe(1);
  });

  it('read many jobs in one round trip', async () => {
    const queue = new Queue('q', { connection: redis });
    for (const id of ['one', 'two']) await queue.enqueue('a.b', [id], { id });
    const found = await Job.read(queue.redis, ['two', 'gone', 'one']);
    expect(found.map((job) => job?.id ?? null)).toEqual(['two', null, 'one']);
  });

  it('clean its registries', async () => {
    const queue = new Queue('q', { connection: redis });
    await client.zadd('rq:finished:q', '1', 'long-over');
    expect(await queue.clean()).toMatchObject({ expired: 1, gone: 0 });
    expect(await queue.registry('finished').count()).toBe(0);
  });

  it('put jobs on it as a group, which is gone through and ended', async () => {
    const queue = new Queue('q', { connection: redis });
    const { group, outcomes } = await queue.enqueueGroup([['app.fine'], ['app.fails', ['no']]]);
    await new Queue('other', { connection: redis }).enqueue('app.fine', [], { group: group.name });
    expect(outcomes.map(({ state }) => state)).toEqual(['queued', 'queued']);
    await run('q');
    expect(await group.status()).toMatchObject({ jobs: 3, counts: { failed: 1, finished: 1, queued: 1 }, done: false });
    expect((await all(group)).map(({ functionName }) => functionName).sort()).toEqual([
      'app.fails',
      'app.fine',
      'app.fine',
    ]);
    expect((await Group.all({ connection: redis })).map(({ name }) => name)).toEqual([group.name]);
    expect(await queue.group(group.name).delete()).toBe(3);
    expect(await group.status()).toBeNull();
  });

  it('watch what happens to its jobs, until the signal', async () => {
    const queue = new Queue('q', { connection: redis });
    await queue.enqueue('app.fine', [], { id: 'before' });
    const stop = new AbortController();
    const watch = await queue.watch({ interval: 0.05, signal: stop.signal });
    await fail(queue, 'mine', 'no');
    const seen: string[] = [];
    let ran: Promise<unknown> = Promise.resolve();
    for await (const { event, id, queue: name, at } of watch) {
      if (id === 'mine') seen.push(`${event} ${name} ${at instanceof Date}`);
      if (event === 'queued') ran = run('q');
      if (event === 'failed') stop.abort();
    }
    await ran;
    await expect(queue.watch({ interval: 0 })).rejects.toThrow('at least 0.05');
    expect([seen[0], seen.at(-1)]).toEqual(['queued q true', 'failed q true']);
  });
});

describe('a job tells', () => {
  it('how far it is, what it has logged, and how its attempts ended', async () => {
    const queue = new Queue('q', { connection: redis });
    const made = await queue.enqueue('app.tells', [], { retry: 1, timeout: '2m' });
    expect([made.progress, await made.log(), await made.results()]).toEqual([null, [], []]);
    const tells = (): void => {
      const current = getCurrentJob();
      current?.progress(40, 'half-way');
      current?.log('so far');
      throw new Error('no further');
    };
    await new Worker('q', { connection: url, handlers: { 'app.tells': tells } }).work();
    await made.refresh();
    expect(made.progress).toEqual({ percent: 40, text: 'half-way' });
    expect((await made.log()).map(({ text }) => text)).toEqual(['so far', 'so far']);
    expect((await made.results()).map(({ type }) => type)).toEqual(['failed']);
    expect([made.timeoutSeconds, made.retriesLeft, made.repeatsLeft]).toEqual([120, 0, null]);
    expect(made.retryErrors.map(({ error }) => error.split('\n')[0])).toEqual(['Error: no further']);
  });
});

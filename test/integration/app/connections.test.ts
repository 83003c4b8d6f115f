import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cluster, Redis as IoRedis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  connect,
  getCurrentJob,
  job,
  parseRedisUrl,
  popConnection,
  pushConnection,
  Queue,
  Tsrq,
  withConnection,
  Worker,
} from '../../../src/index.js';
import { startRedis, type TestRedis } from '../../support/redis.js';

let here: TestRedis;
let there: TestRedis;
let dir: string;
const opened: { close(): unknown }[] = [];
const keep = <T extends { close(): unknown }>(thing: T): T => {
  opened.push(thing);
  return thing;
};

beforeAll(async () => {
  [here, there] = await Promise.all([startRedis(), startRedis()]);
  dir = mkdtempSync(join(tmpdir(), 'tsrq-test-app-'));
});
beforeEach(async () => {
  await Promise.all([here, there].map((server) => server.client().flushall()));
});
afterEach(async () => {
  await Tsrq.default.close();
  for (const thing of opened.splice(0)) await thing.close();
});
afterAll(async () => {
  rmSync(dir, { recursive: true, force: true });
  await Promise.all([here.stop(), there.stop()]);
});

const lengths = (queue = 'q'): Promise<number[]> =>
  Promise.all([here, there].map((server) => server.client().llen(`rq:queue:${queue}`)));
const ownConnections = async (server: TestRedis): Promise<number> =>
  ((await server.client().client('LIST')) as string).split('\n').filter((line) => line.includes('name=tsrq ')).length;

describe('an application', () => {
  it('has its queues where queueConnections says, under names, addresses and aliases, one connection for each Redis', async () => {
    const app = keep(
      new Tsrq({
        url: here.url,
        connections: { remote: there.url, again: there.url },
        queueConnections: { far: 'remote', farther: 'far', other: 'again', direct: there.url },
      }),
    );
    for (const name of ['near', 'far', 'farther', 'other', 'direct']) await app.queue(name).enqueue('a.b');
    expect(await lengths('near')).toEqual([1, 0]);
    for (const name of ['far', 'farther', 'other', 'direct']) expect(await lengths(name)).toEqual([0, 1]);
    expect(await ownConnections(there)).toBe(1);
    expect(await app.queues['far']?.length()).toBe(1);
  });

  it('reads a configuration file it is given, and says what is wrong with it', async () => {
    const file = join(dir, 'tsrq.json');
    writeFileSync(file, JSON.stringify({ connections: { remote: there.url }, queueConnections: { q: 'remote' } }));
    await keep(new Tsrq({ config: file }))
      .queue('q')
      .enqueue('a.b');
    expect(await lengths()).toEqual([0, 1]);
    writeFileSync(file, '{"queueConnections": {"q": "nowhere"}}');
    const wrong = keep(new Tsrq({ config: file }));
    await expect(wrong.queue('q').length()).rejects.toMatchObject({ code: 'CONFIG' });
    // What is mended is read again.
    writeFileSync(file, JSON.stringify({ redis: { url: here.url } }));
    expect(await wrong.queue('q').length()).toBe(0);
  });

  it('waits with its calls for a Redis that is restarted, no longer than the deadline', async () => {
    const server = await startRedis();
    keep({ close: () => server.stop() });
    const [patient, brief] = [20_000, 400].map((deadlineMs) =>
      keep(new Tsrq({ url: server.url, deadlineMs })).queue('q'),
    );
    await Promise.all([patient!.length(), brief!.length()]);
    const stop = new AbortController();
    const watch = await patient!.watch({ interval: 0.05, signal: stop.signal });
    await server.kill('SIGTERM');
    const seen = watch.next();
    setTimeout(() => stop.abort(), 200);
    expect((await seen).done).toBe(true);
    const late = patient!.enqueue('a.b');
    await expect(brief!.enqueue('a.b')).rejects.toMatchObject({ code: 'REDIS_UNREACHABLE' });
    await server.restart();
    expect((await late).status).toBe('queued');
    expect(await server.client().llen('rq:queue:q')).toBe(1);
  });

  it('takes neither file nor environment where it is told which Redis is meant', async () => {
    process.env['TSRQ_REDIS_URL'] = there.url;
    try {
      await keep(new Tsrq({ redis: { host: '127.0.0.1', port: here.port }, queueConnections: {} }))
        .queue('q')
        .enqueue('a.b');
      expect(await lengths()).toEqual([1, 0]);
      await Tsrq.default.queue('q').enqueue('a.b');
      expect(await lengths()).toEqual([1, 1]);
    } finally {
      delete process.env['TSRQ_REDIS_URL'];
    }
  });

  it('refuses options that exclude each other, and a url that is none', () => {
    expect(() => new Tsrq({ url: here.url, config: 'x' })).toThrow('url and config are given together');
    expect(() => new Tsrq({ config: 'x', connections: {} })).toThrow('given together');
    expect(() => new Tsrq({ url: 'http://x' })).toThrow('is no address of a Redis');
  });

  it('is closed once for all; the default one is made anew', async () => {
    const app = new Tsrq({ url: here.url });
    const queue = app.queue('q');
    await queue.length();
    await app.close();
    await app.close();
    await expect(queue.length()).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(app.queue('other').length()).rejects.toMatchObject({ code: 'CLOSED' });
    const first = Tsrq.default;
    expect(Tsrq.default).toBe(first);
    await first[Symbol.asyncDispose]();
    expect(Tsrq.default).not.toBe(first);
  });
});

describe('a job to depend on', () => {
  it('of another Redis is refused before anything is stored; what leads to the same one is not', async () => {
    const app = keep(new Tsrq({ url: here.url, connections: { far: there.url }, queueConnections: { away: 'far' } }));
    const parent = await app.queue('away').enqueue('a.b', [], { id: 'parent' });
    const queue = app.queue('q');
    const refusals = [
      queue.enqueue('a.b', [], { dependsOn: parent }),
      queue.enqueue('a.b', [], { dependsOn: ['x', parent] }),
      queue.enqueueMany([['a.b'], ['a.b', [], { dependsOn: { jobs: [parent], allowFailure: true } }]]),
      queue.enqueueGroup([['a.b', [], { dependsOn: parent }]]),
    ];
    for (const refusal of refusals) {
      await expect(refusal).rejects.toMatchObject({
        code: 'USAGE',
        message: expect.stringContaining(`job parent on ${there.url}`),
      });
    }
    expect(await here.client().dbsize()).toBe(0);
    const [near, again] = [await app.queue('near').enqueue('a.b'), keep(new Tsrq({ url: here.url }))];
    expect((await queue.enqueue('a.b', [], { dependsOn: near })).status).toBe('deferred');
    expect((await again.queue('q').enqueue('a.b', [], { dependsOn: [near, near.id] })).status).toBe('deferred');
    const fetched = await new Queue('q', { connection: again }).fetchJob(near.id);
    expect((await queue.enqueue('a.b', [], { dependsOn: fetched! })).status).toBe('deferred');
    const named = keep(new Tsrq({ url: here.url.replace('127.0.0.1', 'localhost') }));
    const byName = await named.queue('q').enqueue('a.b');
    expect((await queue.enqueue('a.b', [], { dependsOn: byName })).status).toBe('deferred');
    await parent.delete();
    expect((await queue.enqueue('a.b', [], { dependsOn: parent })).status).toBe('queued');
  });

  it('is that which runs only on the Redis of its worker', async () => {
    const [a, b] = [here, there].map(({ url }) => keep(new Tsrq({ url }))) as [Tsrq, Tsrq];
    const handlers = {
      'app.parent': async () => {
        const dependsOn = getCurrentJob()!;
        const error = await b
          .queue('q')
          .enqueue('a.b', [], { dependsOn })
          .catch((reason: unknown) => reason);
        return [(error as Error).message, (await new Queue('next').enqueue('a.b', [], { dependsOn })).status];
      },
    };
    const parent = await a.queue('q').enqueue('app.parent');
    await a.worker('q', { handlers }).work();
    expect(await parent.waitForResult()).toEqual([expect.stringContaining('of another Redis'), 'deferred']);
    expect(await lengths('next')).toEqual([1, 0]);
  });
});

describe("an application's own client", () => {
  const client = (options = {}): IoRedis => {
    const made = new IoRedis({ host: '127.0.0.1', port: here.port, ...options });
    made.on('error', () => undefined);
    opened.push({ close: () => made.disconnect() });
    return made;
  };

  it('serves queues, and stays open', async () => {
    const own = client();
    const app = new Tsrq({ client: own });
    await app.queue('q').enqueue('a.b');
    await new Queue('q', { connection: own }).enqueue('a.b');
    await app.close();
    expect(await own.llen('rq:queue:q')).toBe(2);
  });

  it('is refused with a reason if it changes keys or replies, is of a Cluster, or is none', () => {
    expect(() => new Tsrq({ client: client({ keyPrefix: 'my:' }) })).toThrow("keyPrefix 'my:'");
    expect(() => new Tsrq({ client: client({ stringNumbers: true }) })).toThrow('stringNumbers');
    expect(() => new Tsrq({ client: client({ enableAutoPipelining: true }) })).toThrow('enableAutoPipelining');
    const cluster = new Cluster([{ host: '127.0.0.1', port: here.port }], { lazyConnect: true });
    expect(() => new Tsrq({ client: cluster })).toThrow('Redis Cluster');
    expect(() => new Tsrq({ client: {} as never })).toThrow('no client of ioredis');
  });

  it.each([
    ['that queues for ever', { maxRetriesPerRequest: null }],
    ['that gives up at once', { maxRetriesPerRequest: 0, enableOfflineQueue: false }],
  ])('%s ends a call by its deadline, and nothing of it is sent later', async (_, habits) => {
    const server = await startRedis();
    opened.push(server as never, { close: () => server.stop() });
    opened.shift();
    const own = client({ port: server.port, ...habits });
    const queue = keep(new Tsrq({ client: own, deadlineMs: 300 })).queue('q');
    await queue.enqueue('a.b', [], { id: 'first' });
    await server.kill('SIGTERM');
    await expect(queue.enqueue('a.b', [], { id: 'late' })).rejects.toMatchObject({ code: 'REDIS_UNREACHABLE' });
    await server.restart();
    await own.ping().catch(() => undefined);
    await expect.poll(() => queue.length().catch(() => -1), { timeout: 20_000 }).toBe(0);
    expect(await own.exists('rq:job:late')).toBe(0);
  });

  it('cannot be that of a worker, which opens connections of its own', async () => {
    const app = new Tsrq({ client: client() });
    await expect(app.worker('q').work()).rejects.toThrow('a worker opens connections of its own');
    await withConnection(client(), () => expect(new Worker('q').work()).rejects.toThrow('connections of its own'));
  });
});

describe('the connection of calling code', () => {
  it('is that of the nearest withConnection, follows what is awaited, and stays with the queue', async () => {
    const [a, b] = [here, there].map(({ url }) => keep(new Tsrq({ url }))) as [Tsrq, Tsrq];
    const queues: Queue[] = [];
    await Promise.all([
      withConnection(a, async () => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        await withConnection(b, async () => {
          await Promise.resolve();
          queues.push(new Queue('inner'));
        });
        queues.push(new Queue('outer'));
      }),
      withConnection(b, async () => {
        await Promise.resolve();
        queues.push(new Queue('aside'));
      }),
    ]);
    for (const queue of queues) await queue.enqueue('a.b');
    expect(await lengths('inner')).toEqual([0, 1]);
    expect(await lengths('outer')).toEqual([1, 0]);
    expect(await lengths('aside')).toEqual([0, 1]);
  });

  it('is what was pushed last, where none is nearer', async () => {
    const a = keep(connect(parseRedisUrl(here.url), { role: 'producer' }));
    const b = keep(connect(parseRedisUrl(there.url), { role: 'producer' }));
    pushConnection(a);
    pushConnection(b);
    await new Queue('q').enqueue('a.b');
    expect(popConnection()).toBe(true);
    await new Queue('q').enqueue('a.b');
    await withConnection(b, () => new Queue('q').enqueue('a.b'));
    expect(popConnection()).toBe(true);
    expect(popConnection()).toBe(false);
    expect(await lengths()).toEqual([1, 2]);
  });

  it("is the worker's in its jobs, wherever the worker was started, and another's if the job says so", async () => {
    const [a, b] = [here, there].map(({ url }) => keep(new Tsrq({ url }))) as [Tsrq, Tsrq];
    const handlers = {
      'app.parent': async () => {
        await new Queue('children').enqueue('app.child');
        await withConnection(b, () => new Queue('elsewhere').enqueue('app.child'));
      },
    };
    await a.queue('q').enqueue('app.parent');
    await withConnection(b, () => a.worker('q', { handlers }).work());
    expect(await lengths('children')).toEqual([1, 0]);
    expect(await lengths('elsewhere')).toEqual([0, 1]);
  });

  it('is looked for when a job is enqueued, not when it is defined', async () => {
    const later = job('app.later', () => 1);
    await withConnection(keep(new Tsrq({ url: there.url })), () => later.enqueue());
    expect(await lengths('default')).toEqual([0, 1]);
  });
});

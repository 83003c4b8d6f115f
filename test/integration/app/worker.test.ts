import { beforeAll, describe, expect, it, vi } from 'vitest';
import { job, Tsrq, Worker, type WorkerEvent, type WorkerOptions } from '../../../src/index.js';
import { freePort } from '../../support/redis.js';
import { freshRedis } from '../../support/fresh-redis.js';
import { statusOf, until } from '../../support/rq.js';
import type { Redis as IoRedis } from 'ioredis';

let app: Tsrq;
let client: IoRedis;
let url: string;
freshRedis((fresh) => {
  client = fresh.client;
  url = fresh.server.url;
});
beforeAll(() => {
  app = new Tsrq({ url });
  return () => app.close();
});

describe('a worker', () => {
  it('runs functions it is given, with events and hooks in their order', async () => {
    const told: string[] = [];
    const events: WorkerEvent[] = [];
    const worker = app.worker(['high', 'low'], {
      handlers: { ok: (n: number) => n + 1, bad: () => Promise.reject(new Error('no')) },
      onBirth: ({ name }) => told.push(`birth ${name.length}`),
      onDeath: ({ reason, jobs }) => told.push(`death ${reason} ${jobs}`),
      beforePerform: ({ queue }) => told.push(`before ${queue}`),
      afterPerform: ({ queue, summary }) => told.push(`after ${queue} ${summary ?? ''}`),
      onFailure: ({ error }) => told.push(`failure ${error?.includes('Error: no') === true}`),
      exceptionHandlers: [() => void told.push('first'), () => !told.push('second'), () => void told.push('third')],
    });
    worker.on('job-ended', (event) => events.push(event));
    const good = await app.queue('low').enqueue('ok', [1]);
    const bad = await app.queue('high').enqueue('bad', []);
    expect(await worker.work()).toBe(true);
    expect(await good.waitForResult()).toBe(2);
    expect(await statusOf(client, bad.id)).toBe('failed');
    const ofLow = ['before low', 'after low '];
    expect(told.filter((line) => ofLow.includes(line))).toEqual(ofLow);
    const others = [
      'birth 32',
      'before high',
      'after high Error: no',
      'failure true',
      'first',
      'second',
      'death burst 2',
    ];
    expect(told.filter((line) => !ofLow.includes(line))).toEqual(others);
    expect(events.map((event) => event.type === 'job-ended' && event.id)).toEqual([bad.id, good.id]);
  });

  it('is not ended by a hook that throws or is rejected, but tells of it', async () => {
    const warnings: string[] = [];
    const worker = app.worker('q', {
      handlers: { ok: () => 1 },
      beforePerform: () => {
        throw new Error('of the hook');
      },
      afterPerform: (): unknown => Promise.reject(new Error('of the promise')),
    });
    worker.on('warning', ({ message }) => warnings.push(message));
    const made = await app.queue('q').enqueue('ok');
    await worker.work();
    expect(await made.result()).toBe(1);
    expect(warnings.some((text) => text.includes('of the hook'))).toBe(true);
    expect(warnings.some((text) => text.includes('of the promise'))).toBe(true);
  });

  it('asks exception handlers that take their time one after the other, past those that fail, until one answers false', async () => {
    const told: string[] = [];
    const worker = app.worker('q', {
      handlers: { bad: () => Promise.reject(new Error('no')) },
      exceptionHandlers: [
        async () => {
          await Promise.resolve();
          told.push('first');
          throw new Error('of the handler');
        },
        () => Promise.resolve(told.push('second') === 0),
        () => void told.push('third'),
      ],
    });
    worker.on('warning', async ({ message }) => {
      await Promise.resolve();
      told.push(message.replace(/^.*: /, ''));
      throw new Error('of the listener of warnings');
    });
    await app.queue('q').enqueue('bad');
    await worker.work();
    await until('all is told', () => told.length === 3);
    expect(told.sort()).toEqual(['first', 'of the handler', 'second']);
  });

  it('works until its signal fires, and only once', async () => {
    const stop = new AbortController();
    const worker = new Worker('q', { connection: url, handlers: { ok: () => 'ran' } });
    const end = worker.workForever({ signal: stop.signal });
    expect(await (await app.queue('q').enqueue('ok')).waitForResult({ timeout: '1m' })).toBe('ran');
    stop.abort();
    expect(await end).toMatchObject({ reason: 'shutdown', jobs: 1 });
    await expect(worker.work()).rejects.toThrow('worked already');
    expect(await client.smembers('rq:workers')).toEqual([]);
  });

  it('takes the dates of a clock that is set while it works, and no longer for its jobs', async () => {
    const [stop, system, hours] = [new AbortController(), Date.now, 3_600_000];
    const worker = new Worker('q', {
      ...{ connection: url, maxIdleTime: 60, defaultTimeout: 60 },
      handlers: {
        set: async (ms: number) => {
          vi.spyOn(Date, 'now').mockImplementation(() => system() + ms);
          await new Promise((resolve) => setTimeout(resolve, 100));
        },
      },
    });
    try {
      const end = worker.workForever({ signal: stop.signal });
      for (const ms of [8 * hours, -8 * hours, 0]) {
        await (await app.queue('q').enqueue('set', [ms])).waitForResult();
        const next = await app.queue('q').enqueue('set', [ms]);
        await next.waitForResult();
        const dates = await client.hmget(`rq:job:${next.id}`, 'created_at', 'started_at', 'ended_at');
        for (const date of dates) expect(Math.abs(Date.parse(date ?? '') - ms - system())).toBeLessThan(30_000);
      }
      stop.abort();
      expect(await end).toMatchObject({ reason: 'shutdown', jobs: 6 });
    } finally {
      vi.restoreAllMocks();
    }
  });

  it('stops also when it is told so before it has reached its Redis', async () => {
    const connection = `redis://127.0.0.1:${await freePort()}`;
    const worker = new Worker('q', { connection, connectTimeout: '10m', isolation: 'none' });
    const end = worker.workForever({ signal: AbortSignal.timeout(200) });
    expect(await end).toMatchObject({ reason: 'shutdown', jobs: 0 });
  });

  it.each(['', undefined])('has its jobs moved to no queue without a name: %j', async (to) => {
    await app.queue('moved').enqueue('ok');
    await expect(app.queue('moved').move(to as string)).rejects.toMatchObject({ code: 'USAGE' });
    expect(await app.queue('moved').empty()).toBe(1);
  });

  it('records the failure of a job that returns a Proxy which cannot be looked at', async () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const worker = app.worker('q', {
      isolation: 'none',
      handlers: { revoked: () => proxy },
      exceptionHandlers: [() => {}],
    });
    const made = await app.queue('q').enqueue('revoked');
    await worker.work();
    expect(await statusOf(client, made.id)).toBe('failed');
  });

  it('stops also when it is told so before it is ready', async () => {
    const worker = new Worker('q', { connection: url, isolation: 'none' });
    const end = worker.workForever();
    worker.stop();
    expect(await end).toMatchObject({ reason: 'shutdown', jobs: 0 });
  });

  it('runs jobs by means of a performer it is given', async () => {
    const worker = app.worker('q', {
      performer: () => ({
        start: () => Promise.resolve([]),
        perform: (run, listener) => {
          setImmediate(() => {
            listener.onBegun();
            const at = { functionName: 'x', startedAtMs: Date.now(), endedAtMs: Date.now() };
            listener.onDone({ kind: 'performed', performed: { ...at, ok: true, value: JSON.stringify(run.id) } });
          });
          return { abort: () => undefined, kill: () => undefined };
        },
        reload: () => Promise.resolve([]),
        limit: () => undefined,
        memory: () => Promise.resolve([]),
        stop: () => Promise.resolve(),
      }),
    });
    const made = await app.queue('q').enqueue('whatever');
    await worker.work();
    expect(await made.result()).toBe(made.id);
  });

  it('does not pass for done what it could not do: a queue that cannot be read, jobs that nothing can run', async () => {
    const made = await app.queue('q').enqueue('ok');
    const performer: WorkerOptions['performer'] = () => ({
      start: () => Promise.resolve([]),
      perform: (_, listener) => {
        queueMicrotask(() => {
          listener.onDone({ kind: 'unbegun', how: 'exited with code 3' });
        });
        return { abort: () => undefined, kill: () => undefined };
      },
      limit: () => undefined,
      reload: () => Promise.resolve([]),
      memory: () => Promise.resolve([]),
      stop: () => Promise.resolve(),
    });
    await client.set('rq:queue:odd', 'x');
    await expect(app.worker('odd', { performer }).work()).rejects.toMatchObject({ code: 'BAD_DATA' });
    await expect(app.worker('q', { performer }).work()).rejects.toMatchObject({ code: 'NO_PROCESS' });
    expect(await statusOf(client, made.id)).toBe('queued');
    expect(await app.queue('q').jobIds()).toEqual([made.id]);
  });

  it('refuses no queue, and queues of different connections', async () => {
    expect(() => new Worker([])).toThrow('names of its queues');
    const handlers = { ok: () => 1 };
    await expect(app.worker('q', { handlers, isolation: 'process' }).work()).rejects.toThrow('child processes');
    const two = new Tsrq({ url, connections: { other: 'redis://127.0.0.1:1' }, queueConnections: { b: 'other' } });
    await expect(two.worker(['a', 'b']).work()).rejects.toThrow('on different connections');
  });
});

it.each([
  [{ concurrency: 0 }, 'the concurrency is 0'],
  [{ concurrency: NaN }, 'the concurrency is NaN'],
  [{ jobsPerHorse: 0 }, 'the jobsPerHorse is 0'],
  [{ maxJobs: 1.5 }, 'the maxJobs is 1.5'],
  [{ weights: { q: 0 } }, "the weight of queue 'q' is 0"],
  [{ monitoringInterval: 0 }, 'monitoringInterval is 0'],
  [{ resultTtl: -2 }, 'the resultTtl is -2'],
] as const)('a worker refuses %j', async (options, why) => {
  await expect(app.worker('q', { handlers: {}, ...options }).work()).rejects.toThrow(why);
});

describe('a job defined with job()', () => {
  it('keeps its meta and sees where it is', async () => {
    const seen: unknown[] = [];
    const step = job('app.step', { queue: 'q' }, async () => {
      const { getCurrentJob } = await import('../../../src/index.js');
      const current = getCurrentJob();
      seen.push(current?.functionName);
      if (current) current.meta['done'] = true;
      await current?.saveMeta();
    });
    const made = await app.queue('q').enqueue(step, []);
    await app.worker('q', { isolation: 'none' }).work();
    await until('it has ended', async () => (await statusOf(client, made.id)) === 'finished');
    await made.refresh();
    expect([seen, made.meta]).toEqual([['app.step'], { done: true }]);
  });
});

import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import type { Redis as IoRedis } from 'ioredis';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  enqueueMany,
  getCurrentJob,
  Queue,
  Retry,
  Tsrq,
  Worker,
  type ChannelMessages,
  type Logger,
  type LogFields,
  type PerformTrace,
  type WorkerEvent,
} from '../../../src/index.js';
import { freshRedis } from '../../support/fresh-redis.js';
import { until } from '../../support/rq.js';

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

const ends: (() => unknown)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** Everything that is published on these channels until the test ends: the channel's last word, then the message. */
function heard(...names: (keyof ChannelMessages)[]): [string, Record<string, unknown>][] {
  const messages: [string, Record<string, unknown>][] = [];
  for (const name of names) {
    const listener = (message: unknown): void => {
      messages.push([name.slice('tsrq:job:'.length), message as Record<string, unknown>]);
    };
    subscribe(name, listener);
    ends.push(() => unsubscribe(name, listener));
  }
  return messages;
}

const handlers = {
  ok: (n: number) => n + 1,
  bad: () => Promise.reject(new RangeError('no')),
  again: () => {
    throw new Retry({ max: 1 });
  },
};
const work = (queue: string): Promise<boolean> => app.worker(queue, { handlers, name: 'watched' }).work();

describe('the channels of node:diagnostics_channel', () => {
  it('tell of each job that is stored, by one or by many, and not of one that is refused', async () => {
    const messages = heard('tsrq:job:enqueued');
    const queue = app.queue('q');
    const one = await queue.enqueue('ok', [1]);
    await queue.enqueueIn('1h', 'ok', [1], { id: 'later' });
    await expect(queue.enqueue('ok', [1], { id: 'later', onExistingId: 'unique' })).rejects.toThrow('later');
    await enqueueMany(queue.redis, [
      { functionName: 'ok', queue: 'q', id: 'later', onExistingId: 'unique' },
      { functionName: 'bad', queue: 'q', id: 'child', dependsOn: one.id },
    ]);
    const redis = queue.redis.description;
    expect(messages.map(([, message]) => message)).toEqual([
      { id: one.id, queue: 'q', functionName: 'ok', status: 'queued', redis },
      { id: 'later', queue: 'q', functionName: 'ok', status: 'scheduled', redis },
      { id: 'child', queue: 'q', functionName: 'bad', status: 'deferred', redis },
    ]);
    expect(redis).toContain('redis://127.0.0.1');
  });

  it('tell how each job of a worker begins and ends', async () => {
    const queue = app.queue('q');
    await queue.enqueue('ok', [1], { id: 'good', repeat: { times: 1, interval: 3600 } });
    await queue.enqueue('bad', [], { id: 'poor', retry: 1 });
    await queue.enqueue('again', [], { id: 'asks' });
    const messages = heard('tsrq:job:started', 'tsrq:job:finished', 'tsrq:job:failed', 'tsrq:job:retried');
    await work('q');
    const lines = messages.map(([name, { id, attempt, againInSeconds }]) =>
      [name, id, attempt, ...(againInSeconds === undefined ? [] : [againInSeconds])].join(' '),
    );
    expect(lines.sort()).toEqual(
      [
        ...['started good 1', 'finished good 1 3600'],
        ...['started poor 1', 'retried poor 1 0', 'started poor 2', 'failed poor 2 '],
        ...['started asks 1', 'retried asks 1 0', 'started asks 2', 'failed asks 2 '],
      ].sort(),
    );
    for (const [, message] of messages) expect(message).toMatchObject({ worker: 'watched', queue: 'q' });
    const failed = messages.find(([name, { id }]) => name === 'failed' && id === 'poor');
    expect(failed?.[1]['error']).toContain('RangeError: no');
  });

  it('tell of an execution that is not the worker’s any more', async () => {
    const messages = heard('tsrq:job:lost', 'tsrq:job:finished');
    const { id } = await app.queue('q').enqueue('ends', []);
    // What ends it is gone when it has ended.
    const ending = { ends: () => client.del(`rq:job:${id}`).then(() => client.del('rq:wip:q')) };
    await app.worker('q', { handlers: ending, name: 'watched' }).work();
    expect(messages).toEqual([['lost', { worker: 'watched', id, queue: 'q' }]]);
  });

  it('trace the function of a job, with its job, its result and what it throws, and its frames alone in the error', async () => {
    const traces: string[] = [];
    const note = (point: string) => (trace: PerformTrace) => {
      const end = 'error' in trace ? ` ${String(trace.error)}` : 'result' in trace ? ` ${String(trace.result)}` : '';
      traces.push(`${point} ${trace.job.functionName} ${trace.job === getCurrentJob()}${end}`);
    };
    const none = (): void => undefined;
    const subscriber = {
      start: note('start'),
      end: none,
      asyncStart: none,
      asyncEnd: note('end'),
      error: note('error'),
    };
    const channel = tracingChannel<unknown, PerformTrace>('tsrq:job:perform');
    channel.subscribe(subscriber);
    ends.push(() => channel.unsubscribe(subscriber));
    await app.queue('q').enqueue('ok', [1]);
    await work('q');
    const bad = await app.queue('q').enqueue('bad', []);
    await work('q');
    expect(traces).toEqual([
      ...['start ok true', 'end ok true 2'],
      ...['start bad true', 'error bad true RangeError: no', 'end bad true RangeError: no'],
    ]);
    await bad.refresh();
    expect(bad.error).not.toMatch(/tracing\.|diagnostics_channel/);
  });
});

describe('the logger of a worker', () => {
  const lines: [string, LogFields, string][] = [];
  const take = (level: string) => (fields: LogFields, message: string) => void lines.push([level, fields, message]);
  const logger: Logger = { debug: take('debug'), info: take('info'), warn: take('warn'), error: take('error') };

  it('gets the lines of tsrq worker, with their parts, and no descriptions where they are not wanted', async () => {
    await app.queue('q').enqueue('bad', ['secret']);
    await app.worker('q', { handlers, logger, logJobDescription: false }).work();
    const ended = lines.find(([, { event }]) => event === 'job-failed');
    expect(ended?.[0]).toBe('error');
    expect(ended?.[1]).toMatchObject({ queue: 'q', attempt: 1, outcome: 'failed' });
    expect(ended?.[1]['detail']).toContain('RangeError: no');
    expect(ended?.[2]).toMatch(/^q: [\w-]+ failed in .*RangeError: no; moved to the failed registry$/);
    expect(lines.map(([, { event }]) => event)).toContain('ready');
    expect(JSON.stringify(lines)).not.toContain('secret');
  });
});

describe('a subclass of Worker', () => {
  it('is told of everything before hooks and listeners, and what it throws ends nothing', async () => {
    const told: string[] = [];
    class Own extends Worker {
      protected override onEvent({ type }: WorkerEvent): void {
        told.push(`own ${type}`);
        if (type === 'job-started') throw new Error('of the subclass');
      }
    }
    const worker = new Own('q', { connection: url, handlers, beforePerform: () => told.push('hook') });
    worker.on('job-started', () => told.push('listener')).on('warning', ({ message }) => told.push(message));
    const made = await app.queue('q').enqueue('ok', [1]);
    await worker.work();
    expect(await made.result()).toBe(2);
    const at = told.indexOf('own job-started');
    expect(told.slice(at, at + 4)).toEqual([
      'own job-started',
      expect.stringContaining('of the subclass'),
      'hook',
      'listener',
    ]);
  });
});

describe('what a running worker can be told', () => {
  it('quiet, unquiet and scale, also before it works; and disposed of it has ended', async () => {
    const worker = new Worker('q', { connection: url, handlers, name: 'told' });
    worker.scale(2);
    const end = worker.workForever();
    worker.quiet();
    await until('others see it', async () => (await client.hget('rq:worker:told', 'tsrq_concurrency')) === '2');
    expect(() => worker.scale(0)).toThrow('a number from 1');
    worker.scale(3);
    const made = await new Queue('q', { connection: app }).enqueue('ok', [1]);
    await until('others see it', async () => (await client.hget('rq:worker:told', 'tsrq_concurrency')) === '3');
    expect(await client.hget('rq:worker:told', 'tsrq_quiet')).toBe('1');
    worker.unquiet();
    expect(await made.waitForResult({ timeout: '1m' })).toBe(2);
    await worker[Symbol.asyncDispose]();
    expect(await end).toMatchObject({ reason: 'shutdown' });
    expect(await client.smembers('rq:workers')).toEqual([]);
  });
});

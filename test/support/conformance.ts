import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis as IoRedis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TsrqError } from '../../src/errors.js';
import type { WaitOptions } from '../../src/redis/blocking.js';
import type { ConnectOptions } from '../../src/redis/connect.js';
import type { Redis, RedisCommand, Script } from '../../src/redis/redis.js';
import type { RedisTarget } from '../../src/redis/target.js';
import { startProxy, type Proxy } from './proxy.js';
import { startRedis, type TestRedis } from './redis.js';
import { until } from './rq.js';

interface Waiting {
  readonly resume: () => void;
  readonly pause: () => void;
  readonly close: (redis: Redis, graceMs?: number) => Promise<void>;
}

/** What a client library is put behind: the only things of it that the rest of tsrq knows. */
export interface Implementation {
  readonly connect: (target: RedisTarget, options: ConnectOptions) => Redis;
  readonly QueueWait: new (target: RedisTarget, options: WaitOptions) => Waiting;
  readonly subscribe: (
    target: RedisTarget,
    options: { readonly channel: string; readonly name: string; readonly onMessage: (message: string) => void },
  ) => { readonly ready: Promise<void>; readonly close: () => void };
}

let server: TestRedis;
let admin: IoRedis;
let proxy: Proxy;
const atEnd: (() => unknown)[] = [];

/** Declares the tests that whatever stands behind src/redis/redis.ts has to pass. */
export function conformance(
  implementation: Implementation,
  parts: readonly Part[] = Object.keys(PARTS) as Part[],
): void {
  beforeAll(async () => {
    // Loading can be made slow, and answers between two keys.
    const slow = { 'key-load-delay': '50000', 'loading-process-events-interval-bytes': '1024', rdbcompression: 'no' };
    server = await startRedis({ conf: slow });
    admin = server.client();
  });
  beforeEach(async () => {
    await admin.flushall();
    proxy = await startProxy(server.port);
  });
  afterEach(async () => {
    for (const end of atEnd.splice(0).reverse()) await end();
    await proxy.stop();
  });
  afterAll(() => server.stop());

  for (const part of parts) {
    describe(part, () => {
      PARTS[part](implementation);
    });
  }
}

const PARTS = {
  replies,
  scripts,
  'a lost reply': lostReplies,
  'a producer': producers,
  'a consumer': consumers,
  close: closing,
  'waiting on queues': waiting,
  subscribing,
};
type Part = keyof typeof PARTS;

const target = (port: number): RedisTarget => ({ kind: 'tcp', host: '127.0.0.1', port, db: 0 });

/** A connection through the proxy. */
function open({ connect }: Implementation, options: Partial<ConnectOptions> = {}): Redis {
  const redis = connect(target(proxy.port), { role: 'consumer', replyTimeoutMs: 1_000, ...options });
  atEnd.push(() => redis.close());
  return redis;
}

const errorOf = (work: Promise<unknown>): Promise<TsrqError> =>
  work.then(
    (value) => expect.fail(`it did not fail: ${JSON.stringify(value)}`),
    (error: unknown) => error as TsrqError,
  );

const scriptOf = (source: string): Script => ({
  name: 'test',
  source,
  sha: createHash('sha1').update(source).digest('hex'),
});

function replies(implementation: Implementation): void {
  it('are text, integers, nil and nested arrays, as Redis sends them', async () => {
    const redis = open(implementation);
    expect(await redis.call(['SET', 'text', 'grüße 🚀'])).toBe('OK');
    expect(await redis.call(['GET', 'text'])).toBe('grüße 🚀');
    expect(await redis.call(['SET', 'empty', ''])).toBe('OK');
    expect(await redis.call(['GET', 'empty'])).toBe('');
    expect(await redis.call(['GET', 'none'])).toBeNull();
    expect(await redis.call(['SET', 'empty', 'x', 'NX'])).toBeNull();
    expect(await redis.call(['LRANGE', 'none', 0, -1])).toEqual([]);
    expect(await redis.call(['INCRBY', 'n', 2 ** 52 + 1])).toBe(2 ** 52 + 1);
    expect(await redis.call(['DECRBY', 'm', 7])).toBe(-7);
    expect(await redis.call(['ZADD', 'z', 1.5, 'a'])).toBe(1);
    expect(await redis.call(['ZSCORE', 'z', 'a'])).toBe('1.5');
    const nested = "return { 1, 'a', false, { 2, { 'b', {} } }, redis.status_reply('FINE') }";
    expect(await redis.call(['EVAL', nested, 0])).toEqual([1, 'a', null, [2, ['b', []]], 'FINE']);
    const [a, b, fine] = ['a', 'b', 'FINE'].map((text) => Buffer.from(text));
    expect(await redis.callBuffer(['EVAL', nested, 0])).toEqual([1, a, null, [2, [b, []]], fine]);
  });

  it('hold every byte exactly, in keys, values and replies', async () => {
    const redis = open(implementation);
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    await redis.call(['HSET', bytes, bytes, bytes]);
    expect(await redis.callBuffer(['HGETALL', bytes])).toEqual([bytes, bytes]);
    expect(await redis.pipelineBuffer([['HGET', bytes, bytes]])).toEqual([bytes]);
    expect(await redis.evaluate(scriptOf('return { ARGV[1], #ARGV[1], KEYS[1] }'), ['k'], [bytes])).toEqual([
      bytes,
      256,
      Buffer.from('k'),
    ]);
    expect(await admin.hgetallBuffer(bytes)).toEqual({ [bytes.toString()]: bytes });
  });

  it('of a megabyte come whole, also byte by byte and many at once', async () => {
    const redis = open(implementation, { replyTimeoutMs: 20_000 });
    const large = Buffer.alloc(1024 * 1024, Buffer.from([0, 13, 10, 255, 36, 42]));
    await redis.call(['SET', 'large', large]);
    const values = await redis.pipelineBuffer(Array.from({ length: 8 }, (): RedisCommand => ['GET', 'large']));
    expect(values.every((value) => Buffer.isBuffer(value) && value.equals(large))).toBe(true);
    proxy.throttle(4 * 1024 * 1024);
    expect(large.equals((await redis.callBuffer(['GET', 'large'])) as Buffer)).toBe(true);
  });

  it('that are errors reject a call, stand in their places in a pipeline, and harm nobody else', async () => {
    const redis = open(implementation);
    await redis.call(['SET', 'text', 'x']);
    const commands: RedisCommand[] = [
      ['LPUSH', 'text', 1],
      ['GET', 'text'],
      ['NO-SUCH-COMMAND'],
      ['GET', 'none'],
      ['GET'],
      ['LLEN', 'none'],
    ];
    for (const [answers, text] of [
      [await redis.pipeline(commands), 'x'],
      [await redis.pipelineBuffer(commands), Buffer.from('x')],
    ] as const) {
      const messages = answers.map((answer) => (answer instanceof Error ? answer.message.split(' ')[0] : answer));
      expect(messages).toEqual(['WRONGTYPE', text, 'ERR', null, 'ERR', 0]);
    }
    expect(await redis.pipeline([])).toEqual([]);
    const [failed, fine] = await Promise.all([errorOf(redis.call(['LPUSH', 'text', 1])), redis.call(['PING'])]);
    expect([failed.message.split(' ')[0], fine]).toEqual(['WRONGTYPE', 'PONG']);
    expect((await errorOf(redis.callBuffer(['LPUSH', 'text', 1]))).message).toMatch(/^WRONGTYPE/);
  });

  it('keep the order of calls, from the first one on, however they are made', async () => {
    const redis = open(implementation);
    const rpush = scriptOf("return redis.call('RPUSH', 'list', ARGV[1])");
    await admin.script('LOAD', rpush.source);
    const calls = Array.from({ length: 300 }, (_, i) => {
      if (i % 3 === 0) return redis.call(['RPUSH', 'list', i]);
      if (i % 3 === 1) return redis.pipeline([['RPUSH', 'list', i]]).then(([length]) => length);
      return redis.evaluate(rpush, [], [i]);
    });
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 300 }, (_, i) => i + 1));
    expect(await admin.lrange('list', '0', '-1')).toEqual(Array.from({ length: 300 }, (_, i) => String(i)));
  });

  it('come over one connection, which shows its name and no secret', async () => {
    const redis = open(implementation, { name: 'a name\nwith ümlaut' });
    await Promise.all(Array.from({ length: 20 }, () => redis.call(['PING'])));
    expect(proxy.connections()).toBe(1);
    expect(await redis.call(['CLIENT', 'GETNAME'])).toBe('a_name_with__mlaut');
    const secret = implementation.connect(
      { ...target(server.port), username: 'u', password: 'geheim' },
      { role: 'producer' },
    );
    expect(secret.description).toBe(`redis://127.0.0.1:${server.port}/0`);
    secret.close();
  });
}

function scripts(implementation: Implementation): void {
  const count = scriptOf("return redis.call('INCR', 'count')");

  it('are sent once, then called by their digest, and sent again when Redis has forgotten them', async () => {
    const redis = open(implementation);
    const calls = async (): Promise<(number | null)[]> => {
      const stats = await admin.info('commandstats');
      const of = (name: string): number =>
        Number(new RegExp(`^cmdstat_${name}:calls=(\\d+)`, 'm').exec(stats)?.[1] ?? 0);
      return [of('eval'), of('evalsha')];
    };
    await admin.script('FLUSH');
    await admin.config('RESETSTAT');
    for (let i = 1; i <= 3; i += 1) expect(await redis.evaluate(count, [], [])).toBe(i);
    expect(await calls()).toEqual([1, 3]);
    await admin.script('FLUSH');
    for (let i = 4; i <= 6; i += 1) expect(await redis.evaluate(count, [], [])).toBe(i);
    expect(await calls()).toEqual([2, 6]);
  });

  it('run once each when they are forgotten in the middle of 200 concurrent calls', async () => {
    const redis = open(implementation);
    const calls = Array.from({ length: 200 }, async (_, i) => {
      if (i % 50 === 25) await admin.script('FLUSH');
      return redis.evaluate(count, [], []);
    });
    const answers = (await Promise.all(calls)) as number[];
    expect(answers.sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
  });

  it('that fail reject, once, and are not repeated', async () => {
    const redis = open(implementation);
    const failing = scriptOf("redis.call('INCR', 'count') return redis.error_reply('MINE it failed')");
    expect((await errorOf(redis.evaluate(failing, [], []))).message).toMatch(/MINE it failed/);
    expect((await errorOf(redis.evaluate(scriptOf('this is no Lua'), [], []))).message).toMatch(/compil/);
    expect(await admin.get('count')).toBe('1');
  });

  it('written durably tell how many replicas have it; too few is an answer', async () => {
    const redis = open(implementation);
    expect(await redis.evaluateDurably(count, [], { replicas: 1, timeoutMs: 50 })).toEqual({ reply: 1, replicas: 0 });
    const replica = await startRedis({ conf: { replicaof: `127.0.0.1 ${server.port}` } });
    atEnd.push(() => replica.stop());
    await until('the replica is online', async () => (await admin.info('replication')).includes('state=online'));
    const durable = await redis.evaluateDurably(count, [], { replicas: 1, timeoutMs: 20_000 });
    expect(durable).toEqual({ reply: 2, replicas: 1 });
  });
}

function lostReplies(implementation: Implementation): void {
  const count = scriptOf("return redis.call('INCR', 'count')");
  const ways: Record<string, (redis: Redis) => Promise<unknown>> = {
    call: (redis) => redis.call(['INCR', 'count']),
    callBuffer: (redis) => redis.callBuffer(['INCR', 'count']),
    pipeline: async (redis) => (await redis.pipeline([['PING'], ['INCR', 'count'], ['PING']]))[1],
    pipelineBuffer: async (redis) => (await redis.pipelineBuffer([['PING'], ['INCR', 'count'], ['PING']]))[1],
    evaluate: (redis) => redis.evaluate(count, [], []),
    evaluateDurably: async (redis) => (await redis.evaluateDurably(count, [], { replicas: 0, timeoutMs: 100 })).reply,
  };

  describe.each(['producer', 'consumer'] as const)('of a %s', (role) => {
    it.each(Object.entries(ways))('to %s: it is sent again, and returns', async (_name, call) => {
      await admin.script('LOAD', count.source);
      const redis = open(implementation, { role });
      await redis.call(['PING']);
      const dropped = proxy.dropReply(/^eval/.test(_name) ? 'EVALSHA' : 'INCR');
      expect(await call(redis)).toBe(2);
      await dropped;
    });
  });

  it('takes none of the concurrent calls with it', async () => {
    const redis = open(implementation);
    await redis.call(['PING']);
    const dropped = proxy.dropReply('key-50');
    const calls = Array.from({ length: 100 }, (_, i) => redis.call(['SET', `key-${i}`, i]));
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 100 }, () => 'OK'));
    await dropped;
    expect(await admin.dbsize()).toBe(100);
  });
}

/** A state in which a Redis cannot serve a write, begun and ended. */
interface Outage {
  readonly begin: () => Promise<unknown>;
  readonly end: () => Promise<unknown>;
}

let loading: Promise<void>;
let killing: NodeJS.Timeout;

const OUTAGES: Readonly<Record<string, Outage>> = {
  'a cut, and refused connections': { begin: () => proxy.refuse(), end: () => proxy.accept() },
  'a black hole': { begin: async () => proxy.blackhole(), end: async () => proxy.heal() },
  'a server that accepts and does not answer': {
    begin: () => server.kill('SIGSTOP'),
    end: () => server.kill('SIGCONT'),
  },
  'CLIENT PAUSE': {
    begin: () => admin.call('CLIENT', 'PAUSE', '600000', 'WRITE'),
    end: () => admin.call('CLIENT', 'UNPAUSE'),
  },
  'CLIENT KILL again and again': {
    begin: async () => {
      await admin.call('CLIENT', 'PAUSE', '600000', 'WRITE');
      killing = setInterval(() => void admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'), 20);
    },
    end: async () => {
      clearInterval(killing);
      await admin.call('CLIENT', 'UNPAUSE');
    },
  },
  READONLY: {
    begin: () => admin.call('REPLICAOF', '127.0.0.1', '1'),
    end: () => admin.call('REPLICAOF', 'NO', 'ONE'),
  },
  LOADING: {
    begin: async () => {
      for (let i = 0; i < 200; i += 1) await admin.set(`filling-${i}`, 'x'.repeat(2_000));
      await admin.save();
      loading = server.restart();
      await until('Redis loads', async () => /^-LOADING/.test(await raw('PING')));
    },
    end: async () => {
      await raw('CONFIG SET key-load-delay 0');
      await loading;
      rmSync(join(server.dir, 'dump.rdb'));
      // It would ask again when loading was to be over at its former pace.
      admin.disconnect();
      admin = server.client();
    },
  },
  'a restart': { begin: () => server.kill('SIGTERM'), end: () => server.restart() },
};

/** One inline command past every client; what Redis answers first, '' when it does not. */
const raw = (command: string): Promise<string> =>
  new Promise((resolve) => {
    const socket = connectSocket(server.port, '127.0.0.1', () => socket.write(`${command}\r\n`));
    socket.once('data', (answer) => {
      resolve(answer.toString());
      socket.destroy();
    });
    socket
      .on('error', () => undefined)
      .once('close', () => {
        resolve('');
      });
  });

function producers(implementation: Implementation): void {
  describe.each(Object.entries(OUTAGES))('%s', (_name, outage) => {
    it('ends a call by its deadline, connected before or not, and is forgotten when it is over', async () => {
      const [connected, fresh] = [1, 2].map(() => open(implementation, { role: 'producer', deadlineMs: 500 })) as [
        Redis,
        Redis,
      ];
      await connected.call(['SET', 'key', 'before']);
      await outage.begin();
      try {
        const errors = await Promise.all([connected, fresh].map((redis) => errorOf(redis.call(['SET', 'key', 'x']))));
        expect(errors.map((error) => error.code)).toEqual(['REDIS_UNREACHABLE', 'REDIS_UNREACHABLE']);
      } finally {
        await outage.end();
      }
      await until('Redis serves again', async () => (await raw('PING')) === '+PONG\r\n');
      for (const redis of [connected, fresh]) {
        await until('the producer works again', () =>
          redis.call(['SET', 'key', 'after']).then(
            () => true,
            () => false,
          ),
        );
      }
    });
  });

  it('is told what was wrong, also where the time was over before it could try again', async () => {
    const redis = implementation.connect(target(server.port), { role: 'producer', deadlineMs: 400 });
    atEnd.push(() => redis.close());
    await redis.call(['PING']);
    await admin.call('REPLICAOF', '127.0.0.1', '1');
    try {
      const failed = errorOf(redis.call(['SET', 'a', 'b']));
      await sleep(20);
      // Whatever pause it makes meanwhile ends too late.
      for (const end = performance.now() + 500; performance.now() < end;);
      expect((await failed).message).toMatch(/READONLY/);
    } finally {
      await admin.call('REPLICAOF', 'NO', 'ONE');
    }
  });

  it('ends a call by its own deadline also where it waits for a connection that a later call opens', async () => {
    const redis = open(implementation, { role: 'producer', deadlineMs: 1_500, replyTimeoutMs: 1_500 });
    await redis.call(['PING']);
    proxy.blackhole();
    const order: string[] = [];
    const first = errorOf(redis.call(['PING'])).then(() => order.push('first'));
    await sleep(700);
    proxy.cut();
    await until('the connection is gone', () => proxy.connections() === 0);
    const second = errorOf(redis.call(['PING'])).then(() => order.push('second'));
    await Promise.all([first, second]);
    expect(order).toEqual(['first', 'second']);
  });

  it('is refused what its user may not do, within scripts too', async () => {
    await admin.call(
      'ACL',
      'SETUSER',
      'somebody',
      'reset',
      'on',
      'nopass',
      '~own',
      '+ping',
      '+eval',
      '+evalsha',
      '+get',
    );
    const user = { ...target(proxy.port), username: 'somebody', password: '' };
    const redis = implementation.connect(user, { role: 'producer' });
    atEnd.push(() => redis.close());
    for (const forbidden of ["redis.call('FLUSHALL')", "redis.call('GET', 'other')"]) {
      const error = await errorOf(redis.evaluate(scriptOf(`return ${forbidden}`), [], []));
      expect([error.code, forbidden]).toEqual(['REDIS_REFUSED', forbidden]);
    }
    expect((await errorOf(redis.call(['GET', 'other']))).code).toBe('REDIS_REFUSED');
    expect(await redis.evaluate(scriptOf("return redis.call('GET', 'own')"), [], [])).toBeNull();
  });

  it('is refused at once when a password is missing or wrong', async () => {
    await admin.config('SET', 'requirepass', 'right');
    atEnd.push(() => admin.config('SET', 'requirepass', ''));
    const without = await errorOf(open(implementation, { role: 'producer' }).call(['PING']));
    const wrong = implementation.connect({ ...target(server.port), password: 'wrong' }, { role: 'producer' });
    atEnd.push(() => wrong.close());
    expect([without.code, (await errorOf(wrong.call(['PING']))).code]).toEqual(['REDIS_REFUSED', 'REDIS_REFUSED']);
  });
}

function consumers(implementation: Implementation): void {
  const noAuth: Outage = {
    begin: async () => {
      await admin.config('SET', 'requirepass', 'geheim');
      await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    },
    end: () => admin.config('SET', 'requirepass', ''),
  };
  const outages = { ...OUTAGES, 'NOAUTH until the password is put right': noAuth };

  const watched = (): { redis: Redis; events: string[] } => {
    const events: string[] = [];
    const redis = open(implementation, {
      onLost: () => events.push('lost'),
      onRegained: () => events.push('regained'),
    });
    return { redis, events };
  };
  const write = (redis: Redis, count: number): Promise<unknown>[] =>
    Array.from({ length: count }, (_, i) => redis.call(['SET', `key-${i}`, i]));

  describe.each(Object.entries(outages))('%s', (_name, outage) => {
    it('holds up its calls, which then return; it is told once of the loss and once of the end', async () => {
      const { redis, events } = watched();
      await Promise.all(write(redis, 1));
      await outage.begin();
      const calls: Promise<unknown>[] = [];
      try {
        calls.push(...write(redis, 5));
        await until('the loss is noticed', () => events.length > 0);
        calls.push(...write(redis, 5));
      } finally {
        await outage.end();
      }
      expect(await Promise.all(calls)).toEqual(Array.from({ length: 10 }, () => 'OK'));
      expect(await Promise.all(write(redis, 5))).toEqual(Array.from({ length: 5 }, () => 'OK'));
      expect(events).toEqual(['lost', 'regained']);
    });
  });

  it('is told of every outage anew', async () => {
    const { redis, events } = watched();
    for (let round = 1; round <= 3; round += 1) {
      await proxy.refuse();
      const calls = write(redis, 3);
      await until('the loss is noticed', () => events.length === 2 * round - 1);
      await proxy.accept();
      await Promise.all(calls);
      expect(events).toEqual(Array.from({ length: round }, () => ['lost', 'regained']).flat());
    }
  });

  it('does not notice what nobody had to wait for: a connection that is killed while idle', async () => {
    const { redis, events } = watched();
    await redis.call(['PING']);
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await until('the connection is gone', () => proxy.connections() === 0);
    expect(await redis.call(['PING'])).toBe('PONG');
    expect(events.length % 2).toBe(0);
  });
}

/** What keeps this process running besides the tests themselves. */
const alive = (): number =>
  process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout' || kind === 'TCPSocketWrap').length;

function closing(implementation: Implementation): void {
  const notBegun = async (): Promise<Promise<unknown>[]> => [];
  const states: Record<string, (redis: Redis) => Promise<Promise<unknown>[]>> = {
    'before the first call': notBegun,
    'while idle': async (redis) => {
      await redis.call(['PING']);
      return [];
    },
    'while connecting': async (redis) => {
      proxy.blackhole();
      const calls = [redis.call(['PING']), redis.pipeline([['PING']])];
      await until('it connects', () => proxy.connections() === 1);
      return calls;
    },
    'with calls in a black hole': async (redis) => {
      await redis.call(['PING']);
      proxy.blackhole();
      return [redis.call(['PING']), redis.pipeline([['PING']]), redis.evaluate(scriptOf('return 1'), [], [])];
    },
    'while it waits to try again': async (redis) => {
      await redis.call(['PING']);
      await proxy.refuse();
      const calls = [redis.call(['PING']), redis.callBuffer(['PING'])];
      await sleep(300);
      return calls;
    },
  };

  it.each(Object.entries(states))('%s rejects what is pending, and leaves no socket and no timer', async (_, enter) => {
    const before = alive();
    // Longer than this test may last: nothing may wait for it.
    const redis = implementation.connect(target(proxy.port), { role: 'consumer', replyTimeoutMs: 600_000 });
    const calls = (await enter(redis)).map(errorOf);
    redis.close();
    redis.close();
    expect(await Promise.all(calls.map(async (error) => (await error).code))).toEqual(calls.map(() => 'CLOSED'));
    for (const late of [
      redis.call(['PING']),
      redis.pipeline([['PING']]),
      redis.evaluate(scriptOf('return 1'), [], []),
    ]) {
      expect((await errorOf(late)).code).toBe('CLOSED');
    }
    await until('no socket is left', () => proxy.connections() === 0);
    proxy.heal();
    await until('nothing keeps the process alive', () => alive() <= before);
  });
}

interface Hit {
  readonly queue: string;
  readonly id: string;
}

interface Watch {
  readonly wait: Waiting;
  readonly hits: Hit[];
  readonly troubles: string[];
  /** How often a connection was lost on which a wait was under way. */
  readonly losses: () => number;
}

/** What follows a wait in these tests: what it has moved is `begun`. */
const follow: WaitOptions['follow'] = (queue) => ({
  script: scriptOf(`local id = redis.call('RPOP', 'rq:queue:' .. ARGV[1] .. ':intermediate:tsrq')
if not id then return 0 end
redis.call('RPUSH', 'begun:' .. ARGV[1], id)
return id`),
  args: [queue],
});

const WAIT_NAME = 'conformance-wait';

function watch({ QueueWait }: Implementation, queues: readonly string[], blockSeconds = 1): Watch {
  const [hits, troubles]: [Hit[], string[]] = [[], []];
  let lost = 0;
  const wait = new QueueWait(target(proxy.port), {
    queues,
    name: WAIT_NAME,
    blockSeconds,
    follow,
    onMoved: (queue, id) => hits.push({ queue, id: String(id) }),
    onLost: () => (lost += 1),
    onTrouble: (queue, error) => troubles.push(`${queue}: ${error.message.split(' ')[0] ?? ''}`),
  });
  return { wait, hits, troubles, losses: () => lost };
}

const begunOf = (queue: string): Promise<string[]> => admin.lrange(`begun:${queue}`, '0', '-1');
const queued = (queue: string): Promise<string[]> => admin.lrange(`rq:queue:${queue}`, '0', '-1');
const push = (queue: string, ...ids: string[]): Promise<number> => admin.rpush(`rq:queue:${queue}`, ...ids);

/** The ids of the connections that are blocked now. */
async function waiters(): Promise<string[]> {
  const list = (await admin.call('CLIENT', 'LIST')) as string;
  const lines = list.split('\n').filter((line) => line.includes(`name=${WAIT_NAME}`) && / flags=\S*b/.test(line));
  return lines.map((line) => /^id=(\d+)/.exec(line)?.[1] ?? '');
}
const untilWaiting = (count = 1): Promise<void> => until('it waits', async () => (await waiters()).length === count);

function waiting(implementation: Implementation): void {
  /** Ends the waiting as a worker does, through a connection that works. */
  const closed = async ({ wait }: Pick<Watch, 'wait'>, graceMs?: number): Promise<void> => {
    const redis = implementation.connect(target(server.port), { role: 'consumer' });
    await wait.close(redis, graceMs);
    redis.close();
  };
  const begun = (...args: Parameters<typeof watch> extends [unknown, ...infer Rest] ? Rest : never): Watch => {
    const seen = watch(implementation, ...args);
    atEnd.push(() => closed(seen, 0));
    return seen;
  };

  it('begins when it is told to, and reports each id once, when what follows has taken it', async () => {
    const { wait, hits } = begun(['a', 'b']);
    await push('a', '1', '2');
    expect(proxy.connections()).toBe(0);
    wait.resume();
    wait.resume();
    await until('the first is reported', () => hits.length === 1);
    await untilWaiting(1);
    expect([hits, await begunOf('a'), await queued('a')]).toEqual([[{ queue: 'a', id: '1' }], ['1'], ['2']]);
    await push('b', '3');
    await until('the other queue is reported', () => hits.length === 2);
    wait.resume();
    await until('the next one is reported', () => hits.length === 3);
    expect(hits.map(({ queue, id }) => queue + id)).toEqual(['a1', 'b3', 'a2']);
    expect([await begunOf('a'), await begunOf('b')]).toEqual([['1', '2'], ['3']]);
  });

  it.each([
    ['at once', (act: () => void) => act()],
    ['a microtask later', queueMicrotask],
    ['a turn later', (act: () => void) => void setImmediate(act)],
  ])('goes on when it is told so %s after a hit', async (_when, later) => {
    const ids: string[] = [];
    const wait = new implementation.QueueWait(target(proxy.port), {
      queues: ['q'],
      name: WAIT_NAME,
      blockSeconds: 1,
      follow,
      onMoved: (_, id) => {
        ids.push(String(id));
        later(() => wait.resume());
      },
    });
    atEnd.push(() => closed({ wait }, 0));
    wait.resume();
    await push('q', '1', '2', '3');
    await until('all are reported', () => ids.length === 3);
    expect(ids).toEqual(['1', '2', '3']);
  });

  it('takes what an earlier wait has left, and waits then', async () => {
    await admin.rpush('rq:queue:q:intermediate:tsrq', 'left');
    const { wait, hits } = begun(['q'], 60);
    wait.resume();
    await until('it is reported', () => hits.length === 1);
    wait.resume();
    await untilWaiting();
    expect([hits, await begunOf('q')]).toEqual([[{ queue: 'q', id: 'left' }], ['left']]);
  });

  it('tells that a reply may be lost when the connection is cut as an id is moved, and waits on', async () => {
    const { wait, hits, losses } = begun(['q']);
    wait.resume();
    await untilWaiting();
    wait.pause();
    // The call under way is older than the loss: it is the next one whose reply is lost.
    const dropped = proxy.dropReply('BLMOVE');
    await until('the call under way is over', async () => (await waiters()).length === 0);
    wait.resume();
    await untilWaiting();
    await push('q', 'cut');
    await dropped;
    expect([await begunOf('q'), hits]).toEqual([['cut'], []]);
    await until('it is told', () => losses() === 1);
    await push('q', 'next');
    await until('the next one is reported', () => hits.length > 0);
    expect([await begunOf('q'), hits]).toEqual([['cut', 'next'], [{ queue: 'q', id: 'next' }]]);
  });

  it('reports what comes after a pause to a call under way, and takes no more', async () => {
    const { wait, hits } = begun(['q'], 60);
    wait.resume();
    await untilWaiting();
    wait.pause();
    await push('q', '1', '2');
    await until('the first is reported', () => hits.length === 1);
    expect([await begunOf('q'), await queued('q'), await waiters()]).toEqual([['1'], ['2'], []]);
  });

  it('takes nothing any more when it is closed while its connection opens', async () => {
    const { wait } = begun(['q'], 60);
    proxy.delay(200);
    wait.resume();
    await until('Redis has told it who it is', async () => {
      const list = (await admin.call('CLIENT', 'LIST')) as string;
      return list.split('\n').some((line) => line.includes(`name=${WAIT_NAME}`) && / cmd=client(\|id)? /.test(line));
    });
    await closed({ wait });
    await push('q', '1');
    await until('no socket is left', () => proxy.connections() === 0);
    expect([await begunOf('q'), await queued('q')]).toEqual([[], ['1']]);
  });

  it('loses no id however it is paused, resumed and closed', async () => {
    const ids = Array.from({ length: 120 }, (_, i) => String(i));
    const reported: string[] = [];
    for (let from = 0; from < ids.length; from += 12) {
      const seen = watch(implementation, ['q'], 0.05);
      const pushing = (async () => {
        for (const id of ids.slice(from, from + 12)) {
          await push('q', id);
          const act = Math.random();
          if (act < 0.3) seen.wait.pause();
          else if (act < 0.9) seen.wait.resume();
          if (act < 0.5) await sleep(act * 20);
        }
      })();
      seen.wait.resume();
      await sleep(Math.random() * 150);
      await Promise.all([pushing, closed(seen, 10_000)]);
      reported.push(...seen.hits.map((hit) => hit.id));
    }
    expect(await begunOf('q')).toEqual(reported);
    expect([...reported, ...(await queued('q'))]).toEqual(ids);
  });

  it.each([
    ['unblocked with an error', (id: string) => admin.call('CLIENT', 'UNBLOCK', id, 'ERROR')],
    ['killed', (id: string) => admin.call('CLIENT', 'KILL', 'ID', id)],
    ['cut', async () => proxy.cut()],
  ])('replaces a connection that was %s', async (_what, disturb) => {
    const { wait, hits, troubles } = begun(['q'], 60);
    wait.resume();
    await untilWaiting();
    const [first = ''] = await waiters();
    await disturb(first);
    await until('another one waits', async () => (await waiters()).some((id) => id !== first));
    expect(await waiters()).not.toContain(first);
    await push('q', '1');
    await until('it is reported', () => hits.length === 1);
    expect([await begunOf('q'), troubles.length <= 1]).toEqual([['1'], true]);
  });

  it('keeps a connection that was unblocked as if its time was over', async () => {
    const { wait, hits } = begun(['q'], 60);
    wait.resume();
    await untilWaiting();
    const [first = ''] = await waiters();
    await admin.call('CLIENT', 'UNBLOCK', first, 'TIMEOUT');
    await untilWaiting();
    expect(await waiters()).toEqual([first]);
    await push('q', '1');
    await until('it is reported', () => hits.length === 1);
  });

  it.each([
    ['a black hole', OUTAGES['a black hole']],
    ['refused connections', OUTAGES['a cut, and refused connections']],
    ['a restart', OUTAGES['a restart']],
  ] as const)('waits on after %s', async (_what, outage) => {
    const { wait, hits } = begun(['q'], 0.2);
    wait.resume();
    await untilWaiting();
    await outage?.begin();
    await sleep(2_000);
    await outage?.end();
    await until('Redis serves again', async () => (await raw('PING')) === '+PONG\r\n');
    await untilWaiting();
    await push('q', '1');
    await until('what follows has taken it', async () => (await begunOf('q')).length === 1);
    await until('another is reported', async () => hits.length > 0 || (await push('q', 'more')) < 0);
    expect(await begunOf('q')).toEqual(expect.arrayContaining(hits.map((hit) => hit.id)));
  });

  it('tells once of a queue that is none, and takes from it when it is one again', async () => {
    const { wait, hits, troubles } = begun(['q']);
    await admin.set('rq:queue:q', 'no list');
    wait.resume();
    await until('it is told', () => troubles.length > 0);
    await sleep(500);
    await admin.del('rq:queue:q');
    await push('q', '1');
    await until('it is reported', () => hits.length === 1);
    expect(troubles).toEqual(['q: WRONGTYPE']);
  });

  it.each([
    ['before it has begun', false, async () => undefined],
    ['while it waits', true, () => untilWaiting(2)],
    ['in a black hole', true, () => untilWaiting(2).then(() => proxy.blackhole())],
    ['while it connects', true, async () => proxy.blackhole()],
    ['while it waits to try again', true, async () => proxy.refuse().then(() => sleep(300))],
  ])('closed %s it leaves no socket and no timer', async (_when, resumed, enter) => {
    const before = alive();
    const seen = watch(implementation, ['a', 'b'], 5);
    if (resumed) seen.wait.resume();
    await enter();
    await closed(seen, 100);
    await until('no socket is left', () => proxy.connections() === 0);
    proxy.heal();
    await until('nothing keeps the process alive', () => alive() <= before);
  });
}

function subscribing(implementation: Implementation): void {
  const listen = (): { heard: string[]; ready: Promise<void>; close: () => void } => {
    const heard: string[] = [];
    const options = { channel: 'c', name: 'conformance-sub', onMessage: (message: string) => heard.push(message) };
    const { ready, close } = implementation.subscribe(target(proxy.port), options);
    atEnd.push(close);
    return { heard, ready, close };
  };

  it('hears what is published once it is ready, in order, and only on its channel', async () => {
    const { heard, ready } = listen();
    await ready;
    await admin.publish('other', 'not this');
    for (const message of ['1', '{"command":"grüße"}', '']) await admin.publish('c', message);
    await until('all is heard', () => heard.length === 3);
    expect(heard).toEqual(['1', '{"command":"grüße"}', '']);
  });

  it.each([
    ['CLIENT KILL', () => admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub')],
    ['a cut', async () => proxy.cut()],
    ['a restart', () => server.restart()],
  ])('hears again after %s', async (_what, disturb) => {
    const { heard, ready } = listen();
    await ready;
    await disturb();
    await until('it is heard again', async () => (await admin.publish('c', 'again')) > 0 && heard.length > 0);
    expect(new Set(heard)).toEqual(new Set(['again']));
  });

  it('begins when there is a Redis', async () => {
    await proxy.refuse();
    const { heard, ready } = listen();
    await sleep(300);
    await proxy.accept();
    await ready;
    await admin.publish('c', 'now');
    await until('it is heard', () => heard.length === 1);
  });

  it.each([
    ['when it is ready', ({ ready }: { ready: Promise<void> }) => ready],
    ['while it connects', async () => proxy.blackhole()],
    ['while it waits to try again', async () => proxy.refuse().then(() => sleep(300))],
  ])('closed %s it leaves no socket and no timer, and hears nothing', async (_when, enter) => {
    const before = alive();
    const { heard, ready, close } = listen();
    await enter({ ready });
    close();
    close();
    await until('no socket is left', () => proxy.connections() === 0);
    proxy.heal();
    await until('nothing keeps the process alive', () => alive() <= before);
    await admin.publish('c', 'late');
    expect(heard).toEqual([]);
  });
}

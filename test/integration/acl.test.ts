import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Redis as IoRedis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connect } from '../../src/redis/connect.js';
import type { Redis, RedisCommand } from '../../src/redis/redis.js';
import { script, type ScriptName } from '../../src/redis/scripts.js';
import { atEndOfFile } from '../support/endings.js';
import { runTsrq, startTsrq, type CliProcess, type CliResult } from '../support/cli.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { latestResult, placesOf, producerTo, put, statusOf, until } from '../support/rq.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));
const DOCUMENT = readFileSync(new URL('../../docs/security.md', import.meta.url), 'utf8');
const LINES = [...DOCUMENT.matchAll(/^ACL SETUSER (\S+) (.*)$/gm)].map(
  ([, user = '', rules = '']) => [user, rules.split(' ')] as const,
);

/** What each user runs: scripts, and commands outside of them. */
const USES: Readonly<Record<string, { readonly scripts: readonly ScriptName[]; readonly commands: string }>> = {
  'tsrq-worker': {
    scripts: [
      ...(['register', 'unregister', 'heartbeat', 'claim', 'claim_moved', 'adopt', 'finish'] as const),
      ...([
        'abandoned',
        'stranded',
        'clean',
        'clean_gone',
        'clean_group',
        'clean_rate_limit',
        'forget_worker',
        'due',
        'note',
        'worker_note',
      ] as const),
      ...(['scheduler_hold', 'scheduler_release', 'release', 'deferred'] as const),
    ],
    commands:
      'info client|id client|info client|unblock client|reply wait blmove subscribe eval evalsha exists get set del hset expire sscan zcard zcount',
  },
  'tsrq-producer': { scripts: ['enqueue', 'enqueue_many'], commands: 'eval evalsha wait' },
  'tsrq-cron': { scripts: ['cron', 'cron_beat', 'cron_entry'], commands: 'eval evalsha zrem del' },
  'tsrq-observer': {
    scripts: [],
    commands:
      'time pttl smembers sscan llen lindex lrange exists zcard zcount zrange zrevrangebyscore hget hmget hgetall hstrlen xrevrange',
  },
  'tsrq-operator': {
    scripts: ['requeue', 'empty', 'empty_old', 'empty_registry', 'release', 'pause', 'move', 'move_some', 'compact'],
    commands: 'eval evalsha set del smembers llen lrange hget hmget zcard zrange zmscore xrevrange',
  },
  'tsrq-controller': {
    scripts: ['tell'],
    commands:
      'eval evalsha hmget sismember time pttl smembers llen lindex exists zcard zcount zrange zrevrangebyscore hget hgetall',
  },
};
const OF_EVERY_CONNECTION = ['select', 'ping', 'client|setname'];

let server: TestRedis;
let client: IoRedis;
let redis: Redis;
let worker: CliProcess | null = null;

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
  redis = producerTo(server.port);
  const version = /^redis_version:(\d+)\.(\d+)/m.exec(await client.info('server'));
  const saysItsName = Number(version?.[1]) * 100 + Number(version?.[2]) >= 702;
  for (const [user, rules] of LINES) {
    const own = rules.map((rule) => rule.replace('CHANGE-ME', `${user}-pw`));
    await client.call('ACL', 'SETUSER', user, ...own, ...(saysItsName ? ['+client|setinfo'] : []));
  }
});
beforeEach(async () => {
  await client.flushall();
  await client.call('ACL', 'LOG', 'RESET');
});
afterEach(async () => {
  worker?.kill('SIGKILL');
  await worker?.exited;
  worker = null;
});
afterAll(async () => {
  redis.close();
  await server.stop();
});

const urlOf = (user: string, db = 0): string => `redis://${user}:${user}-pw@127.0.0.1:${server.port}/${db}`;

async function run(user: string, args: readonly string[], code = 0): Promise<CliResult> {
  const result = await runTsrq(args, { url: urlOf(user) });
  expect(result.code, result.stderr).toBe(code);
  expect(result.stdout + result.stderr).not.toMatch(/NOPERM|permission/i);
  return result;
}

/** Everybody whom Redis has refused something, and what. */
async function refusals(): Promise<string[]> {
  const log = (await client.call('ACL', 'LOG', '100')) as string[][];
  const field = (entry: string[], name: string): string => String(entry[entry.indexOf(name) + 1]);
  return log.map((entry) => ['username', 'reason', 'object'].map((name) => field(entry, name)).join(' '));
}

const burst = (...args: string[]): Promise<CliResult> =>
  run('tsrq-worker', ['worker', '--burst', '--path', JOBS, '-n', 'w', ...args]);

describe('the users of docs/security.md are refused nothing that tsrq does', () => {
  it('a worker: success, failure, retries at once and later, meta, results not kept, replicas asked for', async () => {
    const ok = await put(redis, 'count.words', ['a b'], { queue: 'q' });
    const gone = await put(redis, 'count.words', ['a b'], { queue: 'q', resultTtlSeconds: 0 });
    const bad = await put(redis, 'count.boom', ['x'], { queue: 'q', failureTtlSeconds: 60 });
    const retried = await put(redis, 'count.boom', ['x'], { queue: 'low', retry: { max: 1 } });
    const later = await put(redis, 'count.boom', ['x'], { queue: 'q', retry: { max: 1, intervals: [1] } });
    const meta = await put(redis, 'count.current', [], { queue: 'q', meta: { a: 1 } });
    await burst('--with-scheduler', '--concurrency', '2', '--durable', '1', 'q', 'low');
    await until('the delayed retry has come and failed', async () => {
      await burst('--with-scheduler', 'q', 'low');
      return (await placesOf(client, later, 'q')).includes('failed');
    });
    expect(await Promise.all([ok, bad, retried, meta].map((id) => statusOf(client, id)))).toEqual([
      'finished',
      'failed',
      'failed',
      'finished',
    ]);
    expect((await latestResult(client, ok))?.value).toBe(2);
    expect(await client.hget(`rq:job:${meta}`, 'meta')).toContain('seen');
    expect(await client.exists(`rq:job:${gone}`)).toBe(0);
    expect(await refusals()).toEqual([]);
  });

  it('a worker that waits: jobs that come, a stop by command, suspension, a shutdown by command', async () => {
    worker = startTsrq(
      ['worker', '--path', JOBS, '-n', 'w', '--with-scheduler', '--job-monitoring-interval', '1', 'q'],
      {
        url: urlOf('tsrq-worker'),
      },
    );
    await worker.waitFor('listening on');
    const ok = await put(redis, 'count.words', ['a b'], { queue: 'q' });
    await until('it has run', async () => (await statusOf(client, ok)) === 'finished');
    const long = await put(redis, 'count.sleep', [60_000], { queue: 'q' });
    await until('it runs', async () => (await statusOf(client, long)) === 'started');
    await until('it is heard', async () => (await client.hget('rq:worker:w', 'state')) === 'busy');
    await client.publish('rq:pubsub:w', JSON.stringify({ command: 'stop-job', job_id: long }));
    await until('it is stopped', async () => (await statusOf(client, long)) === 'stopped');
    await run('tsrq-operator', ['suspend']);
    await worker.waitFor('suspended');
    await run('tsrq-operator', ['resume']);
    await worker.waitFor('Taking jobs again');
    await client.publish('rq:pubsub:w', JSON.stringify({ command: 'shutdown' }));
    expect((await worker.exited).code).toBe(0);
    expect(worker.stdout() + worker.stderr()).not.toMatch(/NOPERM|permission/i);
    expect(await refusals()).toEqual([]);
  });

  it('a worker that comes after dead ones: ids between queue and start, leases that are over, a name to take', async () => {
    const [stranded, abandoned] = [
      await put(redis, 'count.words', ['a b'], { queue: 'q' }),
      await put(redis, 'count.sleep', [60_000], { queue: 'q' }),
    ];
    await client.lmove('rq:queue:q', 'rq:queue:q:intermediate', 'LEFT', 'RIGHT');
    worker = startTsrq(['worker', '--path', JOBS, '-n', 'w', 'q'], { url: urlOf('tsrq-worker') });
    await worker.waitFor(`(${abandoned}) started`);
    worker.kill('SIGKILL');
    await worker.exited;
    const [member = ''] = await client.zrange('rq:wip:q', '0', '-1');
    await client.zadd('rq:wip:q', '1', member);
    await client.zadd('rq:finished:q', '1', 'long-over');
    await client.sadd('rq:workers:q', 'rq:worker:long-dead');
    await client.set(`rq:queue:q:intermediate:first_seen:${stranded}`, '1');
    await burst('q');
    expect(await statusOf(client, abandoned)).toBe('failed');
    expect(await client.zscore('rq:finished:q', 'long-over')).toBeNull();
    expect(await client.smembers('rq:workers:q')).toEqual([]);
    for (const how of [['--dry-run'], []]) await run('tsrq-worker', ['clean', '--all', ...how]);
    expect(await refusals()).toEqual([]);
  });

  it('a producer: new ids, ids given again, replaced and refused, replicas asked for', async () => {
    const enqueue = (args: string[], code = 0): Promise<CliResult> =>
      run('tsrq-producer', ['enqueue', '-q', 'q', ...args, 'count.words', 'a b'], code);
    await enqueue([]);
    await enqueue(['--at-front', '--ttl', '60', '--result-ttl', '0', '--retry-max', '2', '--meta', '{"a":1}']);
    await enqueue(['--job-id', 'mine', '--ttl', '60', '--group', 'g']);
    await enqueue(['--job-id', 'mine'], 1);
    await enqueue(['--job-id', 'mine', '--unique'], 1);
    await enqueue(['--job-id', 'mine', '--replace']);
    await enqueue(['--durable', '1'], 75);
    expect(await client.llen('rq:queue:q')).toBe(4);
    await burst('q');
    await enqueue(['--job-id', 'mine']);
    expect(await client.lrange('rq:queue:q', '0', '-1')).toEqual(['mine']);
    expect(await client.zscore('rq:finished:q', 'mine')).toBeNull();
    expect(await refusals()).toEqual([]);
  });

  it('a cron scheduler: from birth to death', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'tsrq-test-acl-')), 'cron.json');
    atEndOfFile(() => {
      rmSync(dirname(file), { recursive: true });
    });
    writeFileSync(file, '[{ "name": "n", "function": "count.words", "args": ["a b"], "queue": "q", "interval": 60 }]');
    const cron = startTsrq(['cron', file], { url: urlOf('tsrq-cron') });
    await cron.waitFor('enqueued');
    cron.kill('SIGTERM');
    expect((await cron.exited).code).toBe(0);
    expect(await client.keys('rq:cron_scheduler*')).toEqual([]);
    expect(await client.llen('rq:queue:q')).toBe(1);
    expect(await refusals()).toEqual([]);
  });

  it('an observer: info in every form, with workers, running jobs and a suspension', async () => {
    worker = startTsrq(['worker', '--path', JOBS, '-n', 'w', 'q'], { url: urlOf('tsrq-worker') });
    await worker.waitFor('listening on');
    const long = await put(redis, 'count.sleep', [60_000], { queue: 'q' });
    await put(redis, 'count.words', ['a b'], { queue: 'q' });
    await until('it runs', async () => (await statusOf(client, long)) === 'started');
    await client.set('rq:suspended', '1', 'EX', '60');
    for (const form of [[], ['--json'], ['--raw'], ['--prometheus'], ['--by-queue'], ['q']]) {
      expect((await run('tsrq-observer', ['info', ...form])).stdout).toContain('q');
    }
    for (const form of [['metrics'], ['health', '--worker', 'w']]) await run('tsrq-observer', form);
    await run('tsrq-observer', ['queue', 'list']);
    const { queues } = JSON.parse((await run('tsrq-observer', ['info', '--json'])).stdout) as {
      queues: { name: string; queued: number; error?: string | null }[];
    };
    expect(queues).toMatchObject([{ name: 'q', queued: 1 }]);
    await put(redis, 'count.words', [], { queue: 'q', group: 'g' });
    for (const form of [['list'], ['show', 'g']]) {
      expect((await run('tsrq-observer', ['group', ...form])).stdout).toContain('g');
    }
    expect((await run('tsrq-observer', ['job', 'list'])).stdout).toContain(long);
    expect((await run('tsrq-observer', ['job', 'show', long])).stdout).toContain('started');
    await run('tsrq-observer', ['job', 'wait', '--timeout', '0', long], 124);
    expect(await refusals()).toEqual([]);
    // It may not write, and so cannot see whether Redis takes writes.
    expect((await run('tsrq-observer', ['health'])).stdout).toBe('Redis answers\n');
    expect((await run('tsrq-worker', ['health'])).stdout).toBe('Redis answers\n');
    expect((await refusals()).length).toBe(1);
  });

  it('an operator: requeue by id and all, empty, suspend and resume', async () => {
    const failed = [];
    for (let i = 0; i < 3; i += 1) {
      failed.push(await put(redis, 'count.boom', ['x'], { queue: 'q', retry: { max: 1 }, ttlSeconds: 600 }));
    }
    await burst('q');
    await client.zadd('rq:failed:q', String(Date.now()), 'gone');
    await run('tsrq-operator', ['requeue', failed[0] ?? '', '--at-front']);
    await run('tsrq-operator', ['requeue', 'unknown', 'gone'], 1);
    await run('tsrq-operator', ['failures']);
    await run('tsrq-operator', ['requeue', '--all', '--match', 'no such error']);
    await run('tsrq-operator', ['empty', 'q', '--finished', '--canceled', '--older-than', '1d']);
    await run('tsrq-operator', ['requeue', '--all']);
    await run('tsrq-operator', ['empty', 'q', '--older-than', '1d']);
    expect(await client.llen('rq:queue:q')).toBe(3);
    expect((await run('tsrq-operator', ['empty', 'q'])).stdout).toContain('3 jobs removed');
    expect((await run('tsrq-operator', ['empty', '--all', '--yes'])).stdout).toContain('0 jobs removed');
    await put(redis, 'count.boom', ['x'], { queue: 'q' });
    await run('tsrq-operator', ['queue', 'pause', 'q', '--duration', '60']);
    await run('tsrq-operator', ['queue', 'resume', 'q']);
    await run('tsrq-operator', ['queue', 'move', 'q', 'other']);
    await run('tsrq-operator', [
      'move',
      'other',
      'q',
      '--queued',
      '--failed',
      '--scheduled',
      '--function',
      'count.words',
    ]);
    await run('tsrq-operator', ['queue', 'compact', 'other']);
    await run('tsrq-operator', ['suspend', '--duration', '60']);
    expect(await client.ttl('rq:suspended')).toBeGreaterThan(0);
    await run('tsrq-operator', ['resume']);
    expect(await refusals()).toEqual([]);
  });

  it('a controller: every action of tsrq workers', async () => {
    worker = startTsrq(['worker', '--path', JOBS, '-n', 'w', 'q'], { url: urlOf('tsrq-worker') });
    await worker.waitFor('listening on');
    for (const action of [['list'], ['quiet', 'w'], ['resume', '--all'], ['scale', '-C', '2', '--queue', 'q']]) {
      await run('tsrq-controller', ['workers', ...action]);
    }
    const long = await put(redis, 'count.sleep', [60_000], { queue: 'q' });
    await until('it runs', async () => (await statusOf(client, long)) === 'started');
    await run('tsrq-controller', ['workers', 'kill-job', 'w']);
    await run('tsrq-controller', ['workers', 'stop', 'w']);
    expect((await worker.exited).code).toBe(0);
    expect(await refusals()).toEqual([]);
  });

  it('anybody, on another database', async () => {
    const inDb2 = { url: urlOf('tsrq-producer', 2) };
    expect((await runTsrq(['enqueue', 'count.words', 'a'], inDb2)).code).toBe(0);
    expect(await refusals()).toEqual([]);
  });
});

describe('the lists of docs/security.md', () => {
  it.each(LINES)('of %s have every command of its scripts, and none that nothing needs', async (user, rules) => {
    const granted = rules.filter((rule) => rule.startsWith('+')).map((rule) => rule.slice(1));
    const { scripts = [], commands = '' } = USES[user] ?? {};
    const words = scripts.flatMap((name) => {
      const source = script(name).source.replace(/--.*/g, '');
      return [...source.matchAll(/'([A-Z]{2,})'/g)].map(([, word = '']) => word);
    });
    const known = (await client.call('COMMAND', 'INFO', ...new Set(words), 'PING')) as (unknown[] | null)[];
    const called = [...new Set(words)].filter((_, i) => known[i] !== null).map((word) => word.toLowerCase());
    const needed = new Set([...called, ...commands.split(' '), ...OF_EVERY_CONNECTION]);
    expect(granted.sort()).toEqual([...needed].sort());
    expect(rules).toContain('-@all');
    expect(rules.filter((rule) => /^[~&%]/.test(rule) && !/^[~&]rq:/.test(rule))).toEqual([]);
  });

  it('are of all users', () => {
    expect(LINES.map(([user]) => user)).toEqual(Object.keys(USES));
  });
});

const EVERYBODY: readonly RedisCommand[] = [
  ['FLUSHALL'],
  ['FLUSHDB'],
  ['KEYS', '*'],
  ['SCAN', 0],
  ['CONFIG', 'GET', '*'],
  ['CONFIG', 'SET', 'dir', '/tmp'],
  ['ACL', 'LIST'],
  ['SAVE'],
  ['SHUTDOWN', 'NOSAVE'],
  ['REPLICAOF', 'NO', 'ONE'],
  ['CLIENT', 'LIST'],
  ['CLIENT', 'KILL', 'TYPE', 'normal'],
  ['MONITOR'],
  ['MODULE', 'LIST'],
  ['SCRIPT', 'FLUSH'],
  ['GET', 'other'],
  ['SET', 'other', 1],
  ['HGETALL', 'other'],
  ['PUBLISH', 'other', '{}'],
  ['SUBSCRIBE', 'other'],
  ['PSUBSCRIBE', '*'],
];
const ALSO: Readonly<Record<string, readonly RedisCommand[]>> = {
  'tsrq-worker': [
    ['PUBLISH', 'rq:pubsub:w', '{}'],
    ['EVAL', "return redis.call('FLUSHALL')", 0],
    ['EVAL', "return redis.call('GET', 'other')", 0],
    ['DEL', 'other'],
    ['BLMOVE', 'other', 'rq:queue:q', 'LEFT', 'LEFT', 1],
  ],
  'tsrq-producer': [
    ['PUBLISH', 'rq:pubsub:w', '{}'],
    ['EVAL', "return redis.call('FLUSHALL')", 0],
    ['EVAL', "return redis.call('DEL', 'rq:suspended')", 0],
    ['DEL', 'other'],
    ['DEL', 'rq:suspended'],
    ['SET', 'rq:suspended', 1],
    ['DEL', 'rq:worker:w'],
    ['HSET', 'rq:worker:w', 'state', 'idle'],
    ['SADD', 'rq:workers', 'rq:worker:w'],
    ['XRANGE', 'rq:results:x', '-', '+'],
    ['LPOP', 'rq:queue:q'],
    ['LRANGE', 'rq:queue:q', 0, -1],
    ['SUBSCRIBE', 'rq:pubsub:w'],
  ],
  'tsrq-cron': [
    ['PUBLISH', 'rq:pubsub:w', '{}'],
    ['DEL', 'other'],
    ['DEL', 'rq:worker:w'],
    ['SET', 'rq:suspended', 1],
    ['XRANGE', 'rq:results:x', '-', '+'],
    ['SUBSCRIBE', 'rq:pubsub:w'],
  ],
  'tsrq-observer': [
    ['PUBLISH', 'rq:pubsub:w', '{}'],
    ['EVAL', 'return 1', 0],
    ['DEL', 'rq:job:x'],
    ['HSET', 'rq:job:x', 'status', 'queued'],
    ['LPUSH', 'rq:queue:q', 'x'],
    ['SET', 'rq:suspended', 1],
    ['XRANGE', 'rq:results:x', '-', '+'],
    ['SUBSCRIBE', 'rq:pubsub:w'],
  ],
  'tsrq-operator': [
    ['PUBLISH', 'rq:pubsub:w', '{}'],
    ['EVAL', "return redis.call('FLUSHALL')", 0],
    ['DEL', 'rq:worker:w'],
    ['DEL', 'rq:wip:q'],
    ['XRANGE', 'rq:results:x', '-', '+'],
    ['SUBSCRIBE', 'rq:pubsub:w'],
  ],
  'tsrq-controller': [
    ['EVAL', "return redis.call('FLUSHALL')", 0],
    ['DEL', 'rq:worker:w'],
    ['HSET', 'rq:worker:w', 'state', 'idle'],
    ['SET', 'other', 1],
    ['LPOP', 'rq:queue:q'],
    ['SUBSCRIBE', 'rq:pubsub:w'],
  ],
};

describe.each(LINES.map(([user]) => user))('%s is refused', (user) => {
  it.each([...EVERYBODY, ...(ALSO[user] ?? [])].map((command) => [command.join(' '), command] as const))(
    '%s',
    async (_text, command) => {
      const target = { kind: 'tcp', host: '127.0.0.1', port: server.port, db: 0 } as const;
      const own = connect({ ...target, username: user, password: `${user}-pw` }, { role: 'producer' });
      const outcome = await own.call(command).then(
        (reply) => `it was allowed: ${JSON.stringify(reply)}`,
        (error: unknown) => (error as Error).message,
      );
      own.close();
      expect(outcome).toMatch(/NOPERM|no permissions|The user executing the script can't|ACL failure/i);
      expect((await refusals()).filter((line) => line.startsWith(user)).length).toBeGreaterThan(0);
    },
  );
});

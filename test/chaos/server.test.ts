import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Redis as IoRedis } from 'ioredis';
import { freePort, startRedis, type TestRedis } from '../support/redis.js';
import { producerTo } from '../support/rq.js';
import { chanceOf, faultSeconds, SEED } from './plan.js';
import { JOBS, play, QUEUES } from './scenario.js';
import { Staff, tsrqWorker } from './workers.js';

let server: TestRedis;

beforeAll(async () => {
  server = await startRedis({
    conf: {
      appendonly: 'yes',
      appendfsync: 'everysec',
      // So that loading its data takes long enough to be seen.
      'loading-process-events-interval-bytes': '1024',
    },
  });
});
afterAll(async () => {
  await server.stop();
});

const ARGS = ['-C', '2', '--with-scheduler', '--path', JOBS, ...QUEUES];

describe(`a server in trouble (seed ${SEED})`, { timeout: 3_600_000 }, () => {
  it('that is killed and started again, with its append-only file, loses no job and doubles none', async () => {
    const chance = chanceOf('restarts');
    const redis = producerTo(server.port);
    const staff = new Staff({ count: 3, launch: tsrqWorker(server.url, ARGS) });
    const outcome = await play({
      ...{ name: 'restarts', chance, staff, redis, client: () => server.client() },
      ...{ seconds: faultSeconds(0.12, 10), jobsPerSecond: 40, maxJobMs: 300 },
      everyMs: 4_000,
      fault: async () => {
        await server.kill('SIGKILL');
        await sleep(chance.below(1_500));
        await server.restart();
        return 'redis killed';
      },
    });
    redis.close();
    expect(outcome.violations.join('\n')).toBe('');
  });

  it('that forgets scripts, drops and holds clients, is full, read-only, loading or wants a password, loses and doubles none', async () => {
    const chance = chanceOf('moods');
    const redis = producerTo(server.port);
    const staff = new Staff({ count: 3, launch: tsrqWorker(server.url, ARGS) });
    let client = server.client();
    const nobody = await freePort();
    const outcome = await play({
      ...{ name: 'moods', chance, staff, redis, client: () => server.client() },
      ...{ seconds: faultSeconds(0.12, 14), jobsPerSecond: 40, maxJobMs: 300 },
      everyMs: 300,
      fault: async () => {
        const kind = chance.pick(MOODS);
        await moods(client, nobody)[kind](300 + chance.below(1_200));
        if (kind === 'loading') {
          await load(server);
          client = server.client();
        }
        return kind;
      },
    });
    redis.close();
    expect(outcome.violations.join('\n')).toBe('');
  });
});

const MOODS = [
  'scripts flushed',
  'clients killed',
  'clients paused',
  'full',
  'read-only',
  'password',
  'loading',
] as const;

function moods(client: IoRedis, nobody: number): Record<(typeof MOODS)[number], (ms: number) => Promise<unknown>> {
  const killOthers = (): Promise<unknown> => client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  const during = async (ms: number, begin: () => Promise<unknown>, end: () => Promise<unknown>): Promise<void> => {
    await begin();
    await sleep(ms);
    await end();
  };
  return {
    'scripts flushed': () => client.script('FLUSH'),
    'clients killed': killOthers,
    'clients paused': (ms) => client.client('PAUSE', ms, 'ALL'),
    full: (ms) =>
      during(
        ms,
        () => client.config('SET', 'maxmemory', '1'),
        () => client.config('SET', 'maxmemory', '0'),
      ),
    'read-only': (ms) =>
      during(
        ms,
        () => client.replicaof('127.0.0.1', nobody),
        () => client.replicaof('NO', 'ONE'),
      ),
    password: (ms) =>
      during(
        ms,
        async () => [await client.config('SET', 'requirepass', 'changed'), await killOthers()],
        () => client.config('SET', 'requirepass', ''),
      ),
    loading: () => Promise.resolve(),
  };
}

/** A restart during which the server answers LOADING for a while. */
async function load(server: TestRedis): Promise<void> {
  const client = server.client();
  const keys = await client.dbsize();
  await client
    .config('SET', 'key-load-delay', String(Math.round(1_000_000 / Math.max(keys, 1))))
    .catch(() => undefined);
  await server.kill('SIGKILL');
  await server.restart();
}

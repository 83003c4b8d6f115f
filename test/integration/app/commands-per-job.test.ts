import { beforeAll, describe, expect, it } from 'vitest';
import type { Redis as IoRedis } from 'ioredis';
import { Tsrq } from '../../../src/index.js';
import { commandsRun } from '../../support/commands-run.js';
import { freshRedis } from '../../support/fresh-redis.js';

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

const FAR = '4000000000';
/** So many ids wait behind those of the test and are in the queue's registries, and so many other workers are registered. */
async function surround(ids: number, workers: number): Promise<void> {
  const some = client.pipeline();
  for (let from = 0; from < ids; from += 1_000) {
    const names = Array.from({ length: Math.min(1_000, ids - from) }, (_, i) => `other-${from + i}`);
    const scored = names.flatMap((name) => [FAR, name]);
    some.rpush('rq:queue:q', ...names);
    for (const registry of ['finished', 'failed']) some.zadd(`rq:${registry}:q`, ...scored);
    some.zadd('rq:wip:q', ...names.flatMap((name) => [FAR, `${name}:e`]));
  }
  const now = new Date().toISOString().replace('Z', '000Z');
  for (let i = 0; i < workers; i += 1) {
    const key = `rq:worker:other-${i}`;
    some.hset(key, { birth: now, last_heartbeat: now, state: 'idle', queues: 'q' });
    some.sadd('rq:workers', key).sadd('rq:workers:q', key);
  }
  await some.exec();
}

interface Options {
  readonly concurrency: number;
  readonly claimAhead: boolean;
}

/** Commands of a worker that runs so many jobs, from its registration to its end. */
async function commandsFor(jobs: number, ids: number, workers: number, options: Options): Promise<number> {
  await client.flushall();
  await app.queue('q').enqueueMany(Array.from({ length: jobs }, (_, n) => ['ok', [n]] as const));
  await surround(ids, workers);
  const before = await commandsRun(client);
  await app.worker('q', { handlers: { ok: (n: number) => n }, maxJobs: jobs, ...options }).work();
  const after = await commandsRun(client);
  expect(await client.llen('rq:queue:q')).toBe(ids);
  expect(await client.zcard('rq:finished:q')).toBe(ids + jobs);
  return after - before;
}

/** Commands that a job costs, the calls themselves included, without what a worker does however few there are. */
const perJob = async (ids: number, workers: number, options: Options): Promise<number> =>
  ((await commandsFor(600, ids, workers, options)) - (await commandsFor(100, ids, workers, options))) / 500;

describe('what a job costs Redis', () => {
  it(
    'does not depend on how many jobs wait and have ended, nor on how many workers there are',
    { timeout: 120_000 },
    async () => {
      const strict = { concurrency: 1, claimAhead: false };
      const few = await perJob(10, 1, strict);
      // The two calls themselves, and 20 commands in them; BullMQ's job is one call and 23.
      expect(few).toBeLessThan(24);
      expect(await perJob(10_000, 100, strict)).toBeCloseTo(few, 0);
      expect(await perJob(200_000, 1_000, strict)).toBeCloseTo(few, 0);
    },
  );

  it('nor where jobs are claimed ahead and recorded together', { timeout: 120_000 }, async () => {
    const many = { concurrency: 50, claimAhead: true };
    // How many go together depends on the machine.
    expect(await perJob(10, 1, many)).toBeLessThan(11);
    expect(await perJob(200_000, 1_000, many)).toBeLessThan(11);
  });
});

import fc from 'fast-check';
import type { Redis as IoRedis } from 'ioredis';
import { deflateSync, inflateSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { seal } from '../../../src/protocol/dump.js';
import { dumpJob, frameJob } from '../../../src/protocol/job-dump.js';
import { enqueueMany } from '../../../src/queue/enqueue-many.js';
import { enqueue, type NewJob } from '../../../src/queue/enqueue.js';
import { prepare } from '../../../src/queue/prepare.js';
import { storeOne } from '../../../src/queue/store.js';
import { connect } from '../../../src/redis/connect.js';
import type { Redis } from '../../../src/redis/redis.js';
import { parseRedisUrl } from '../../../src/redis/target.js';
import { freshRedis, type FreshRedis } from '../../support/fresh-redis.js';

let fresh: FreshRedis;
freshRedis((given) => {
  fresh = given;
});

const DATES = ['created_at', 'enqueued_at'];

/** A connection whose user may do everything but RESTORE. */
async function withoutRestore(): Promise<Redis> {
  await fresh.client.call('ACL', 'SETUSER', 'plain', 'on', '>secret', '~*', '&*', '+@all', '-restore');
  await fresh.client.call('ACL', 'LOG', 'RESET');
  return connect(parseRedisUrl(`redis://plain:secret@127.0.0.1:${fresh.server.port}/0`), { role: 'producer' });
}

async function hashOf(client: IoRedis, id: string): Promise<Record<string, string>> {
  const hash = await client.hgetallBuffer(`rq:job:${id}`);
  const texts = Object.entries(hash).map(([name, value]) => [name, value.toString('latin1')] as const);
  return Object.fromEntries(texts.filter(([name]) => !DATES.includes(name)));
}
const encoding = (id: string): Promise<unknown> => fresh.client.call('OBJECT', 'ENCODING', `rq:job:${id}`);
const refusals = async (): Promise<number> =>
  ((await fresh.client.call('ACL', 'LOG')) as unknown[][]).reduce((sum, entry) => sum + Number(entry[1]), 0);

/** A text of so many bytes, always the same. */
function lettersOf(bytes: number, parts: readonly string[]): string {
  let seed = 1;
  let made = '';
  while (made.length < bytes) made += parts[(seed = (seed * 48_271) % 2_147_483_647) % parts.length] ?? '';
  return made.slice(0, bytes);
}

const text = fc.string({ unit: 'binary', maxLength: 90 });
const large = fc.string({ unit: 'binary', minLength: 300, maxLength: 2_000 });
const jobs: fc.Arbitrary<NewJob> = fc.record(
  {
    functionName: fc.constantFrom('a.b', 'größe.rechnen'),
    args: fc.array(fc.oneof(text, large, fc.integer(), fc.constant(null)), { maxLength: 4 }),
    queue: fc.constantFrom('q', 'schlänge', 'x'.repeat(80)),
    description: text.map((some) => Buffer.from(some).toString()),
    timeoutSeconds: fc.constantFrom(1, 3_600, -1),
    resultTtlSeconds: fc.constantFrom(60, -1),
    failureTtlSeconds: fc.constant(86_400),
    meta: fc.record({ text }),
    retry: fc.constant({ max: 3, intervals: [1, 2] }),
    onSuccess: fc.constant('a.called'),
    webhooks: fc.constant([{ url: 'http://127.0.0.1/done', jobStatus: 'finished' as const }]),
    serializer: fc.constantFrom('json', 'pickle'),
    atFront: fc.boolean(),
  },
  { requiredKeys: ['functionName'] },
);

describe('the hash of a plain job that is stored in one piece', () => {
  beforeEach(async () => {
    await fresh.client.config('SET', 'sanitize-dump-payload', 'yes');
  });

  it('is that of one that is stored field by field, whatever the job', async () => {
    const plain = await withoutRestore();
    await fc.assert(
      fc.asyncProperty(fc.array(jobs, { minLength: 1, maxLength: 5 }), async (some) => {
        const hashes = async (redis: Redis): Promise<unknown[]> => {
          await fresh.client.flushall();
          const one = await enqueue(redis, some[0] as NewJob);
          const many = await enqueueMany(redis, some);
          const ids = [one, ...many].map(({ id }) => id);
          const queues = await Promise.all(['q', 'schlänge', 'x'.repeat(80), 'default'].map((queue) => listOf(queue)));
          return [await Promise.all(ids.map((id) => hashOf(fresh.client, id))), places(queues, ids)];
        };
        expect(await hashes(fresh.redis)).toEqual(await hashes(plain));
      }),
      { numRuns: 60 },
    );
    plain.close();
  });

  it('is a listpack, as large as it may be, and takes what workers and Python write', async () => {
    const [small] = await enqueueMany(fresh.redis, [{ functionName: 'a.b', description: 'd'.repeat(300) }]);
    expect(await encoding(small?.id ?? '')).toBe('listpack');
    for (const bytes of [600, 2_000, 3_500, 5_000]) {
      const description = 'e'.repeat(bytes);
      const { id } = await enqueue(fresh.redis, { functionName: 'a.b', description });
      expect(await encoding(id)).toBe(bytes < 5_000 ? 'listpack' : 'hashtable');
      await fresh.client.hset(`rq:job:${id}`, 'status', 'started', 'exc_info', 'x'.repeat(3_000));
      await fresh.client.hincrby(`rq:job:${id}`, 'timeout', 1);
      expect(await fresh.client.hmget(`rq:job:${id}`, 'description', 'timeout')).toEqual([description, '181']);
    }
  });

  it('takes half the room', async () => {
    const plain = await withoutRestore();
    const job = {
      functionName: 'mail.send',
      args: [{ to: 'somebody@example.com', template: 'welcome', language: 'en' }],
    };
    const usage = async (redis: Redis): Promise<number> => {
      const { id } = await enqueue(redis, job);
      return Number(await fresh.client.call('MEMORY', 'USAGE', `rq:job:${id}`, 'SAMPLES', '0'));
    };
    expect(await usage(fresh.redis)).toBeLessThan(0.6 * (await usage(plain)));
    plain.close();
  });

  it.each([
    ['of words', (bytes: number) => lettersOf(bytes, ['order ', 'invoice ', 'customer ', 'paid ', 'street ', 'open '])],
    ['that hardly deflate', (bytes: number) => lettersOf(bytes, [...'0123456789abcdefghijklmnopqrstuvwxyzABCDEFGH/'])],
    ['of one letter', (bytes: number) => 'x'.repeat(bytes)],
  ])('takes no more room than what RQ writes, with payloads %s', async (_, payload) => {
    for (const bytes of [0, 100, 300, 500, 560, 620, 700, 900, 1_100, 1_500, 2_000, 3_000, 5_000, 8_000, 12_000]) {
      const { id } = await enqueue(fresh.redis, { functionName: 'mail.send', args: [payload(bytes)] });
      const usage = async (key: string) => Number(await fresh.client.call('MEMORY', 'USAGE', key, 'SAMPLES', '0'));
      const hash = await fresh.client.hgetallBuffer(`rq:job:${id}`);
      const data = deflateSync(inflateSync(hash['data'] as Buffer));
      await fresh.client.hset(`rq:copy:${id}`, { ...hash, data });
      const [own, theirs] = [await usage(`rq:job:${id}`), await usage(`rq:copy:${id}`)];
      expect({ bytes, own, theirs, isMore: own > theirs }).toMatchObject({ isMore: false });
    }
  });

  it('is stored once when the call is sent again, and others are dumped as before', async () => {
    const prepared = prepare({ functionName: 'a.b', queue: 'q' }, Date.now());
    for (let i = 0; i < 2; i += 1) expect((await storeOne(fresh.redis, prepared)).id).toBe(prepared.id);
    expect(await listOf('q')).toEqual([prepared.id]);
    const { id } = await enqueue(fresh.redis, { functionName: 'a.b', description: 'd'.repeat(100) });
    expect(await encoding(id)).toBe('listpack');
  });

  it('is told of a server that is full, and goes on when it is not', async () => {
    const job = { functionName: 'a.b', description: 'd'.repeat(100) };
    await fresh.client.config('SET', 'maxmemory', '1');
    await expect(enqueue(fresh.redis, job)).rejects.toThrow(/OOM|out of memory/i);
    expect(await fresh.client.keys('rq:job:*')).toEqual([]);
    await fresh.client.config('SET', 'maxmemory', '0');
    expect(await encoding((await enqueue(fresh.redis, job)).id)).toBe('listpack');
  });

  it('is refused by Redis where a byte is wrong', async () => {
    const frame = frameJob('q', '2026-11-22T10:00:00.000000Z', [['timeout', '180']]);
    const bytes = Buffer.from(dumpJob(frame, Buffer.from('payload'), 'a.b()') ?? '', 'latin1');
    seal(bytes, 0, bytes.length);
    await fresh.client.config('SET', 'rdbcompression', 'no');
    await fresh.client.restore('whole', 0, bytes);
    expect(await fresh.client.hlen('whole')).toBe(frame.elements / 2);
    expect(await fresh.client.dumpBuffer('whole')).toEqual(bytes);
    for (let at = 0; at < bytes.length; at += 7) {
      const broken = Buffer.from(bytes);
      broken[at] = (broken[at] ?? 0) ^ 0x10;
      await expect(fresh.client.restore('broken', 0, broken)).rejects.toThrow(/checksum|format/);
    }
  });
});

describe('where a Redis takes no dumps', () => {
  it('jobs are stored field by field, once each and in their order, after one attempt', async () => {
    const plain = await withoutRestore();
    const some = Array.from({ length: 1_450 }, (_, n) => ({ functionName: 'a.b', args: [n], queue: 'q' }));
    const ids = (await enqueueMany(plain, some)).map(({ id, state }) => {
      expect(state).toBe('queued');
      return id;
    });
    expect(await listOf('q')).toEqual(ids);
    const tried = await refusals();
    expect(tried).toBeGreaterThan(0);
    const later = [...(await enqueueMany(plain, some)), await enqueue(plain, { functionName: 'a.b', queue: 'q' })];
    expect((await listOf('q')).slice(1_450)).toEqual(later.map(({ id }) => id));
    expect(await refusals()).toBe(tried);
    plain.close();
  });

  it('one by one as well', async () => {
    const plain = await withoutRestore();
    const ids: string[] = [];
    for (let n = 0; n < 3; n += 1) ids.push((await enqueue(plain, { functionName: 'a.b', queue: 'q' })).id);
    expect(await listOf('q')).toEqual(ids);
    expect(await refusals()).toBe(1);
    plain.close();
  });
});

const listOf = (queue: string): Promise<string[]> => fresh.client.lrange(`rq:queue:${queue}`, 0, -1);
const places = (queues: readonly string[][], ids: readonly string[]): number[][] =>
  queues.map((queue) => queue.map((id) => ids.indexOf(id)));

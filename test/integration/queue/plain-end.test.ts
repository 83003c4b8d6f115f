import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { seal } from '../../../src/protocol/dump.js';
import { packedBytes, packedList, packedNumber, packedText, PackedReader } from '../../../src/protocol/packed.js';
import { dumpSuccess } from '../../../src/protocol/result-stream.js';
import { cancelJob } from '../../../src/queue/end-job.js';
import { enqueue } from '../../../src/queue/enqueue.js';
import { finish, type Ended } from '../../../src/queue/finish.js';
import { connect } from '../../../src/redis/connect.js';
import { parseRedisUrl } from '../../../src/redis/target.js';
import { freshRedis, type FreshRedis } from '../../support/fresh-redis.js';
import { oneWorker } from '../../support/one-worker.js';
import { placesOf, put, statusOf } from '../../support/rq.js';

let fresh: FreshRedis;
freshRedis((given) => {
  fresh = given;
});
const worker = oneWorker();
beforeEach(() => worker.register(fresh.client));

const add = (): Promise<string> => put(fresh.redis, 'a.b', [], { queue: 'q' });
const value = Buffer.from('{"n": 1}');
const entries = (id: string): Promise<[string, string[]][]> => fresh.client.xrange(`rq:results:${id}`, '-', '+');

/** A success, in one step with the others of its call, or on the long way. */
async function success(isPlain: boolean, more: Partial<Ended> = {}): Promise<Ended> {
  const job = await worker.take(fresh.redis);
  const run = worker.ended(job, { kind: 'finished', value, ...more });
  return isPlain ? run : { ...run, plainEndRedisMs: null };
}

describe('the success of a plain job', () => {
  it('leaves what the long way leaves', async () => {
    const seen: unknown[] = [];
    for (const isPlain of [true, false]) {
      const id = await add();
      const run = await success(isPlain);
      expect(run.plainEndRedisMs !== null).toBe(isPlain);
      expect(await worker.end(fresh.redis, run)).toEqual([{ state: 'finished' }]);
      const { started_at, ended_at, last_heartbeat, ...hash } = await fresh.client.hgetall(`rq:job:${id}`);
      expect([started_at, last_heartbeat]).toEqual([started_at, ended_at]);
      delete hash['created_at'];
      delete hash['enqueued_at'];
      const [entry] = await entries(id);
      const fields = new Map(pairs(entry?.[1] ?? []));
      expect(fields.get('execution_id')).toBe(run.executionId);
      for (const own of ['execution_id', 'execution_started_at', 'execution_ended_at']) fields.delete(own);
      const ttls = await Promise.all([`rq:job:${id}`, `rq:results:${id}`].map((key) => fresh.client.ttl(key)));
      for (const ttl of ttls) expect(ttl).toBeGreaterThan(490);
      expect(await fresh.client.memory('USAGE', `rq:results:${id}`)).toBeLessThan(1_500);
      seen.push([hash, Object.fromEntries(fields), await placesOf(fresh.client, id, 'q')]);
    }
    expect(seen[0]).toEqual(seen[1]);
  });

  it('has its result dated by the clock of Redis', async () => {
    const id = await add();
    const run = await success(true);
    await worker.end(fresh.redis, run);
    const [entry] = await entries(id);
    expect(entry?.[0]).toBe(`${Math.floor(run.plainEndRedisMs ?? 0)}-0`);
  });

  it('goes with the results of former runs', async () => {
    const id = await add();
    await fresh.client.xadd(`rq:results:${id}`, '1-0', 'type', '2', 'exc_string', 'eA==');
    expect(await worker.end(fresh.redis, await success(true))).toEqual([{ state: 'finished' }]);
    const all = await entries(id);
    expect(all.map(([, fields]) => new Map(pairs(fields)).get('type'))).toEqual(['2', '1']);
    expect(new Map(pairs(all[1]?.[1] ?? [])).get('return_value')).toBe(value.toString('base64'));
    expect(await fresh.client.ttl(`rq:results:${id}`)).toBeGreaterThan(490);
    expect(await fresh.client.exists(`rq:tsrq:result:${id}`)).toBe(0);
  });

  it('is kept for ever if it is to be', async () => {
    const id = await add();
    await worker.end(fresh.redis, await success(true, { resultTtlSeconds: -1 }));
    expect(await fresh.client.ttl(`rq:results:${id}`)).toBe(-1);
    expect(await fresh.client.ttl(`rq:job:${id}`)).toBe(-1);
    expect(await fresh.client.zscore('rq:finished:q', id)).toBe('inf');
  });

  it.each([true, false])(
    'releases who waits for it, is told of a loss and of a repetition (plain: %s)',
    async (isPlain) => {
      const parent = await add();
      const child = await put(fresh.redis, 'a.b', [], { queue: 'other', dependsOn: parent });
      const first = await success(isPlain);
      const second = await add();
      const lost = await success(isPlain);
      expect(await cancelJob(fresh.redis, second)).toEqual({ state: 'canceled' });
      expect(await worker.end(fresh.redis, lost, first)).toEqual([
        { state: 'lost', status: 'canceled' },
        { state: 'finished' },
      ]);
      expect(await statusOf(fresh.client, child)).toBe('queued');
      expect(await worker.end(fresh.redis, first)).toEqual([{ state: 'repeated' }]);
    },
  );

  it('stands beside other ends in one call, each with its own answer', async () => {
    const ids = [await add(), await add(), await add()];
    const runs = [await success(true), { ...(await success(false)), kind: 'failed' as const }, await success(true)];
    expect(await worker.end(fresh.redis, ...runs)).toEqual([
      { state: 'finished' },
      { state: 'failed' },
      { state: 'finished' },
    ]);
    const statuses = await Promise.all(ids.map((id) => statusOf(fresh.client, id)));
    expect(statuses).toEqual(['finished', 'failed', 'finished']);
    const [finished, failed] = await fresh.client.hmget('rq:worker:w', 'successful_job_count', 'failed_job_count');
    expect([finished, failed]).toEqual(['2', '1']);
  });

  it.each(['dump', 'spare'])('where Redis lets nobody RESTORE it is told on the long way (%s)', async (which) => {
    const id = await add();
    const run = await success(true);
    if (which === 'spare') await fresh.client.xadd(`rq:results:${id}`, '1-0', 'type', '2');
    await fresh.client.call('ACL', 'SETUSER', 'poor', 'on', '>secret', '~*', '&*', '+@all', '-restore');
    const poor = connect(parseRedisUrl(`redis://poor:secret@127.0.0.1:${fresh.server.port}`), { role: 'producer' });
    const wish = { count: 0, strategy: 'ordered', seed: 0, queues: [], processPrefix: '' } as const;
    try {
      const refused = await finish(poor, worker.stamp, [run], wish, '');
      expect(refused.endings).toEqual([{ state: 'refused' }]);
      expect(await statusOf(fresh.client, id)).toBe('started');
      expect(await fresh.client.zscore('rq:wip:q', `${id}:${run.executionId}`)).not.toBeNull();
      const { endings } = await finish(poor, worker.stamp, [{ ...run, plainEndRedisMs: null }], wish, '');
      expect(endings).toEqual([{ state: 'finished' }]);
      expect(await entries(id)).toHaveLength(which === 'spare' ? 2 : 1);
    } finally {
      poor.close();
    }
  });

  it('is not for jobs that have more to them', async () => {
    const more = [
      { group: 'g' },
      { repeat: { times: 1 } },
      { rateLimit: { key: 'k', concurrency: 1 } },
      { onSuccess: 'a.done' },
    ];
    const plain: boolean[] = [];
    for (const options of more) {
      await enqueue(fresh.redis, { functionName: 'a.b', queue: 'q', ...options });
      plain.push((await worker.take(fresh.redis)).plainSince !== null);
    }
    expect(plain).toEqual([true, false, false, false]);
  });
});

it('a result of any length is what XADD would have made of it', async () => {
  const text = fc.string({ maxLength: 300, unit: 'binary' });
  const run = fc.record({ workerName: text, value: fc.uint8Array({ maxLength: 5_000 }), executionId: text });
  await fc.assert(
    fc.asyncProperty(run, async ({ workerName, value: bytes, executionId }) => {
      const base64 = Buffer.from(bytes).toString('base64');
      const latin1 = (of: string): string => Buffer.from(of).toString('latin1');
      const dump = Buffer.from(
        dumpSuccess({
          ...{ endedAtRedisMs: 1_795_285_811_035.7, workerName: latin1(workerName), value: base64 },
          ...{ executionId: latin1(executionId), startedAt: '1795285811.1', endedAt: '1795285811.2' },
        }),
        'latin1',
      );
      seal(dump, 0, dump.length);
      await fresh.client.restore('s', 0, dump, 'REPLACE');
      const fields = ['type', '1', 'worker_name', workerName, ...(base64 === '' ? [] : ['return_value', base64])];
      fields.push('execution_id', executionId, 'execution_started_at', '1795285811.1', 'execution_ended_at');
      expect(await fresh.client.xrange('s', '-', '+')).toEqual([['1795285811035-0', [...fields, '1795285811.2']]]);
      expect(await fresh.client.xadd('s', '*', 'type', '2')).not.toBeNull();
      expect(await fresh.client.xlen('s')).toBe(2);
    }),
    { numRuns: 200 },
  );
});

it('what is packed here scripts read, and what they pack is read here', async () => {
  const packed = (items: readonly string[]): Buffer => Buffer.from(packedList(items.length) + items.join(''), 'latin1');
  const echo = 'local list = cmsgpack.unpack(ARGV[1]) list[#list + 1] = false return cmsgpack.pack(list)';
  const text = fc.oneof(fc.string({ maxLength: 70_000, size: 'max', unit: 'binary' }), fc.string({ maxLength: 40 }));
  await fc.assert(
    fc.asyncProperty(fc.array(text, { maxLength: 20 }), async (texts) => {
      const reply = (await fresh.client.callBuffer('EVAL', echo, 0, packed(texts.map(packedText)))) as Buffer;
      const reader = new PackedReader(reply);
      expect(reader.list()).toBe(texts.length + 1);
      for (const one of texts) expect(reader.text()).toBe(one);
      expect(reader.value()).toBeNull();
    }),
    { numRuns: 200 },
  );
  const print =
    "local list = cmsgpack.unpack(ARGV[1]) for i, n in ipairs(list) do list[i] = string.format('%.17g', n) end return list";
  // To Lua -0 and 0 are one number.
  const number = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.nat()).map((one) => one + 0);
  await fc.assert(
    fc.asyncProperty(fc.array(number, { maxLength: 20 }), async (list) => {
      const printed = (await fresh.client.eval(print, 0, packed(list.map(packedNumber)))) as string[];
      expect(printed.map(Number)).toEqual(list);
    }),
    { numRuns: 200 },
  );
  const numbers = [0, 127, 128, 300, 70_000, 5_000_000_000];
  const reader = new PackedReader(
    (await fresh.client.callBuffer('EVAL', `return cmsgpack.pack({ ${numbers.join(', ')} })`, 0)) as Buffer,
  );
  expect(Array.from({ length: reader.list() }, () => reader.value())).toEqual(numbers);
  expect(() => new PackedReader(Buffer.from([0xc1])).list()).toThrow('a script has packed an item of type 193');
  expect(() => new PackedReader(Buffer.alloc(0)).text()).toThrow('ends too early');
  expect(packedBytes('\xff')).toBe('\xa1\xff');
});

const pairs = (list: readonly string[]): [string, string][] =>
  list.flatMap((name, i) => (i % 2 === 0 ? [[name, list[i + 1] ?? ''] as [string, string]] : []));

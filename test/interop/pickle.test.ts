import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadsPickle } from '../../src/protocol/pickle.js';
import { PickleError } from '../../src/protocol/pickle-values.js';
import { dumpsPickle } from '../../src/protocol/pickle-writer.js';
import { fetchJob } from '../../src/queue/job-store.js';
import { runTsrq } from '../support/cli.js';
import { freshRq, type FreshRq } from '../support/fresh-redis.js';
import { rqEnvironment } from '../support/python.js';
import { put, statusOf } from '../support/rq.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));
const environment = await rqEnvironment('2.10.0');
const PROTOCOLS = [2, 3, 4, 5];

/** A Python expression, and what a handler gets. */
const READ: readonly (readonly [expression: string, value: unknown])[] = [
  ['None', null],
  [
    '[True, False, 0, 1, -1, 255, 256, 65535, 65536, 2**31 - 1, -2**31]',
    [true, false, 0, 1, -1, 255, 256, 65535, 65536, 2 ** 31 - 1, -(2 ** 31)],
  ],
  ['[2**53 - 1, 2**53, -2**63, 2**64, 10**400]', [2 ** 53 - 1, 2n ** 53n, -(2n ** 63n), 2n ** 64n, 10n ** 400n]],
  ["[0.5, -0.0, 1e308, float('inf')]", [0.5, -0, 1e308, Infinity]],
  ["['', 'a', 'ü€😀', 'x' * 300, 'y' * 70000]", ['', 'a', 'ü€😀', 'x'.repeat(300), 'y'.repeat(70_000)]],
  ["[b'', b'\\x00\\xff', bytes(300)]", [Buffer.from(''), Buffer.from([0, 255]), Buffer.alloc(300)]],
  ["bytearray(b'\\x01\\x80')", Buffer.from([1, 128])],
  ['(1, (2,), (), (3, 4, 5, 6))', [1, [2], [], [3, 4, 5, 6]]],
  ['{"a": 1, "b": {"c": [1, 2]}, "__proto__": 3}', JSON.parse('{"a": 1, "b": {"c": [1, 2]}, "__proto__": 3}')],
  [
    '{1: "one", None: 2}',
    new Map<unknown, unknown>([
      [1, 'one'],
      [null, 2],
    ]),
  ],
  ['{1, 2, 3}', new Set([1, 2, 3])],
  ['frozenset(["a"])', new Set(['a'])],
  ['datetime(2026, 11, 21, 8, 9, 10, 123456)', new Date('2026-11-21T08:09:10.123Z')],
  ['datetime(2026, 11, 21, 8, 9, 10, tzinfo=timezone.utc)', new Date('2026-11-21T08:09:10Z')],
  ['datetime(2026, 11, 21, 8, 9, 10, tzinfo=timezone(timedelta(hours=2)))', new Date('2026-11-21T06:09:10Z')],
  ['[date(2026, 1, 2), time(3, 4, 5), time(3, 4, 5, 60)]', ['2026-01-02', '03:04:05', '03:04:05.000060']],
  ['[timedelta(days=1, seconds=2, microseconds=500000), timedelta(seconds=-1)]', [86_402.5, -1]],
  ["[Decimal('1.50'), UUID('12345678-1234-5678-1234-567812345678')]", ['1.50', '12345678-1234-5678-1234-567812345678']],
  ['OrderedDict([("b", 1), ("a", 2)])', { b: 1, a: 2 }],
  ['[shared, shared]', [[1], [1]]],
];

/** What a handler returns, and the Python expression that equals it. */
const WRITTEN: readonly (readonly [value: unknown, expression: string])[] = [
  [null, 'None'],
  [[true, false, undefined], '[True, False, None]'],
  [[0, 1, -1, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), 2 ** 53 - 1], '[0, 1, -1, 2**31 - 1, 2**31, -2**31, 2**53 - 1]'],
  [
    [2n ** 63n, -(2n ** 63n), 2n ** 64n - 1n, 128n, -128n, 10n ** 400n, -(10n ** 800n)],
    '[2**63, -2**63, 2**64 - 1, 128, -128, 10**400, -10**800]',
  ],
  [[0.5, -1e308, Infinity], "[0.5, -1e308, float('inf')]"],
  [['', 'ü€😀', 'x'.repeat(70_000)], "['', 'ü€😀', 'x' * 70000]"],
  [Buffer.from([0, 255]), "b'\\x00\\xff'"],
  [{ a: 1, b: { c: [] }, gone: undefined }, '{"a": 1, "b": {"c": []}}'],
  [
    new Map<unknown, unknown>([
      [1, 'one'],
      [null, new Set(['x'])],
    ]),
    '{1: "one", None: {"x"}}',
  ],
  [new Date('2026-11-21T08:09:10.123Z'), 'datetime(2026, 11, 21, 8, 9, 10, 123000, tzinfo=timezone.utc)'],
  [{ toJSON: () => ({ is: 'json' }) }, '{"is": "json"}'],
];

const PYTHON = [
  'import pickle, base64',
  'from collections import OrderedDict, Counter',
  'from datetime import date, datetime, time, timedelta, timezone',
  'from decimal import Decimal',
  'from fractions import Fraction',
  'from uuid import UUID',
  'shared = [1]',
].join('\n');

describe.skipIf(environment === null)('pickles, and CPython', () => {
  let { server, client, redis, rq } = {} as FreshRq;
  freshRq(environment, (fresh) => ({ server, client, redis, rq } = fresh));

  const pickled = async (expression: string, protocol: number): Promise<Buffer> => {
    const code = `${PYTHON}\nresult = base64.b64encode(pickle.dumps(${expression}, ${protocol})).decode()`;
    return Buffer.from((await rq.eval(code)) as string, 'base64');
  };

  it.each(READ.map(([expression, value]) => [expression, () => value] as const))(
    '%s is read, of each protocol',
    async (expression, make) => {
      const value = make();
      for (const protocol of PROTOCOLS) expect(loadsPickle(await pickled(expression, protocol))).toEqual(value);
    },
  );

  it.each([
    ['Fraction(1, 2)', /fractions\.Fraction/],
    ['complex(1, 2)', /complex/],
    ['range(3)', /range/],
    ['print', /print/],
    ['Counter("aab")', /collections\.Counter/],
    ['OrderedDict', /collections\.OrderedDict/],
    ['ValueError("x")', /ValueError/],
  ])('%s is refused by the name of its type', async (expression, name) => {
    for (const protocol of PROTOCOLS) {
      const data = await pickled(expression, protocol);
      expect(() => loadsPickle(data)).toThrow(PickleError);
      expect(() => loadsPickle(data)).toThrow(name);
    }
  });

  it.each(WRITTEN.map(([value, expression]) => [expression, () => value] as const))(
    '%s is written so that CPython reads what was meant',
    async (expression, make) => {
      const value = make();
      const data = dumpsPickle(value).toString('base64');
      const code = `${PYTHON}\nwanted = ${expression}\nseen = pickle.loads(base64.b64decode('${data}'))\nresult = [seen == wanted, type(seen) == type(wanted), repr(seen)[:200]]`;
      expect((await rq.eval(code)) as unknown[]).toEqual([true, true, expect.anything()]);
    },
  );

  it('a job of a default Python producer is run, and its result and meta read by Python', async () => {
    await rq.eval(
      `Queue('q', connection=r).enqueue('count.echo', 1, b'x', key=(2, 3), job_id='default', meta={'seen': [1]})\nQueue('q', connection=r).enqueue('count.current', job_id='meta', meta={'k': (1, 2)})\nQueue('q', connection=r).enqueue('count.circular', job_id='odd')`,
    );
    const { code } = await runTsrq(['worker', '--burst', '--path', JOBS, 'q'], { url: server.url });
    expect(code).toBe(0);
    const seen = await rq.eval(
      `j = Job.fetch('default', connection=r)\nm = Job.fetch('meta', connection=r)\no = Job.fetch('odd', connection=r)\nresult = [repr(j.return_value()), j.get_status().value, repr(m.meta), repr(o.return_value())]`,
    );
    expect(seen).toEqual([
      "[1, b'x', {'key': [2, 3]}]",
      'finished',
      "{'k': [1, 2], 'seen': 'meta'}",
      "'Unserializable return value'",
    ]);
    expect((await fetchJob(redis, 'default'))?.result).toEqual([1, Buffer.from('x'), { key: [2, 3] }]);
  });

  it("a job of tsrq's with the pickle serializer is run by Python's default worker", async () => {
    const id = await put(redis, 'pyjobs.echo', [1, 'ü', null], { queue: 'py', serializer: 'pickle', meta: { a: 1 } });
    expect((await rq.cli(['worker', '--burst', '-u', server.url, 'py'])).code).toBe(0);
    expect(await statusOf(client, id)).toBe('finished');
    const job = await fetchJob(redis, id);
    expect(job?.meta).toEqual({ a: 1 });
    expect(job?.result).toEqual(await rq.eval(`import pyjobs\nresult = pyjobs.echo(1, 'ü', None)`));
  });
});

import fc from 'fast-check';
import { inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { TsrqError } from '../../../src/errors.js';
import { parseCommand } from '../../../src/protocol/commands.js';
import { parseJob } from '../../../src/protocol/job.js';
import { loads } from '../../../src/protocol/json.js';
import { dumps, UnserializableError } from '../../../src/protocol/json-writer.js';
import { isJobId } from '../../../src/protocol/keys.js';
import { decodePayload, deflateText, encodePayload, inflateText, PayloadError } from '../../../src/protocol/payload.js';
import { describeCall, pythonRepr } from '../../../src/protocol/repr.js';
import { parseResult } from '../../../src/protocol/result.js';
import { formatDate, formatEpochSeconds, parseDate, parseDuration } from '../../../src/protocol/time.js';

describe('json', () => {
  it('reads back what it wrote', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(loads(dumps(value))).toEqual(value);
      }),
    );
  });
  it('writes plain ASCII that JSON.parse reads too', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = dumps(value);
        expect(text).toMatch(/^[\x20-\x7e]*$/);
        expect(JSON.parse(text)).toEqual(value);
      }),
    );
  });
  it.each([
    [{ a: [1, 2.5, null, true] }, '{"a": [1, 2.5, null, true]}'],
    ['é𝄞\u2028"\\\n', '"\\u00e9\\ud834\\udd1e\\u2028\\"\\\\\\n"'],
    [[NaN, Infinity, -Infinity, -0], '[NaN, Infinity, -Infinity, -0.0]'],
    [2n ** 64n, '18446744073709551616'],
    [1e22, '1e+22'],
    [2 ** 53, '9007199254740992.0'],
    [-1.25e20, '-1.25e+20'],
    [1e-7, '1e-07'],
    [[0.0001, 0.00001, -1.5e-5], '[0.0001, 1e-05, -1.5e-05]'],
    [[1e16, 1e15], '[1e+16, 1000000000000000]'],
    [new Array(2), '[null, null]'],
    [[Object(5), Object('é'), Object(false)], '[5, "\\u00e9", false]'],
    [{ a: undefined, b: [undefined] }, '{"b": [null]}'],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
  ])('writes a value as Python would: case %#', (value, text) => {
    expect(dumps(value)).toBe(text);
  });
  it('is the same whichever way it is written', () => {
    // Deeper than 64 levels it is written with an eye on where it is.
    const [begin, end] = ['['.repeat(70), ']'.repeat(70)];
    const leaf = fc.oneof(
      ...[fc.string(), fc.string({ unit: 'binary' }), fc.double(), fc.bigInt(), fc.boolean(), fc.date()],
      fc.constantFrom(null, undefined, '__proto__', { toJSON: () => [1] }),
    );
    const nested = fc.letrec((tie) => ({
      value: fc.oneof({ depthSize: 'small' }, leaf, tie('list'), tie('object')),
      list: fc.array(tie('value')),
      object: fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('a', 'toString')), tie('value')),
    }));
    fc.assert(
      fc.property(nested.value, (value) => {
        let deep: unknown = value;
        for (let i = 0; i < begin.length; i += 1) deep = [deep];
        expect(dumps(deep)).toBe(begin + dumps(value) + end);
      }),
    );
  });
  it.each(['0.12345678901234567', '1.5e1234567890123456', '12345678901234567.5', '-1e-00000000000000001'])(
    'a number with many digits that is no integer is a float: %s',
    (text) => {
      expect(loads(`{"a": [${text}]}`)).toEqual({ a: [Number(text)] });
    },
  );
  it('a long run of digits in a string is read once', () => {
    const text = '1'.repeat(4_000_000);
    expect(loads(`["${text}", 1]`)).toEqual([text, 1]);
  });
  it('long integers are exact wherever they stand', () => {
    for (let before = 0; before < 240; before += 1) {
      for (const digits of ['9007199254740993', '90071992547409930', '-1234567890123456789012345']) {
        expect(loads(`["${'x'.repeat(before)}", ${digits}, 7]`)).toEqual(['x'.repeat(before), BigInt(digits), 7]);
      }
      expect(loads(`["${'x'.repeat(before)}", 123456789012345]`)).toEqual(['x'.repeat(before), 123_456_789_012_345]);
    }
  });

  it('reads NaN, Infinity and big integers', () => {
    expect(loads('[NaN, -Infinity, Infinity, 18446744073709551616, 1.5e3, {"a": "NaN"}]')).toEqual([
      NaN,
      -Infinity,
      Infinity,
      18446744073709551616n,
      1500,
      { a: 'NaN' },
    ]);
  });
  it('reads with its own parser what JSON.parse reads', () => {
    // JSON.stringify writes a float beyond 2^53 like an integer, which is read as a bigint.
    const small = (_: string, value: unknown): unknown =>
      Number.isInteger(value) && !Number.isSafeInteger(value) ? 0.5 : value;
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(3), (value, indent) => {
        const text = JSON.stringify([value, 'NaN'], small, indent);
        expect(loads(text)).toEqual(JSON.parse(text));
      }),
    );
  });
  it('reads texts of any length beside a big integer', () => {
    const [text, integer] = loads(`["${'x\\"'.repeat(4_000_000)}", 12345678901234567]`) as [string, bigint];
    expect(text).toHaveLength(8_000_000);
    expect(integer).toBe(12345678901234567n);
  });
  it.each(['null', 'NaN'])('reads 1,000 levels around %s, and refuses one more', (inner) => {
    const nested = (levels: number): string => `${'[{"]": '.repeat(levels / 2)}${inner}${'}]'.repeat(levels / 2)}`;
    expect(() => loads(nested(1_000))).not.toThrow();
    expect(() => loads(`[${nested(1_000)}]`)).toThrow('nested deeper than 1000');
    expect(() => dumps([loads(nested(1_000))])).toThrow('nested deeper than 1000');
    // Many that are not deep, and so many levels that they are better not made.
    const flat = `[${'{"]": [1]}, '.repeat(300_000)}0]`;
    expect(loads(flat)).toHaveLength(300_001);
    expect(() => loads('['.repeat(2_000_000) + ']'.repeat(2_000_000))).toThrow('nested deeper than 1000');
  });
  it('does not look at what somebody has added to all objects', () => {
    const all = Object.prototype as Record<string, unknown>;
    all['added'] = { big: 2 ** 60 };
    try {
      expect(Object.entries(loads('{"a": {"b": 12345678901234567}}') as object)).toEqual([
        ['a', { b: 12345678901234567n }],
      ]);
    } finally {
      delete all['added'];
    }
  });
  it('refuses a number of more digits than Python reads', () => {
    expect(loads('9'.repeat(4_300))).toBe(BigInt('9'.repeat(4_300)));
    expect(() => loads('9'.repeat(4_301))).toThrow('a number of 4301 digits is refused');
  });
  it('takes __proto__ as a key like others', () => {
    for (const text of ['{"__proto__": {"x": 1}}', '{"__proto__": {"x": NaN}}']) {
      const value = loads(text) as Record<string, unknown>;
      expect(Object.keys(value)).toEqual(['__proto__']);
      expect(({} as Record<string, unknown>)['x']).toBeUndefined();
    }
  });
  it.each(['[NaN', '[NaN,]', '{"a" NaN}', 'NaN NaN', '[01, NaN]', '"a\nNaN"', '[1 2 NaN]', `${'['.repeat(2_000)}NaN`])(
    'refuses %j',
    (text) => {
      expect(() => loads(text)).toThrow(SyntaxError);
    },
  );
  it.each([
    [() => 1, '$: a function'],
    [{ a: [1, Symbol('x')] }, '$.a[1]: a symbol'],
    [new Map(), '$: a Map'],
    [{ deep: new Set([1]) }, '$.deep: a Set'],
    [{ file: [Buffer.from('x')] }, '$.file[0]: a Buffer'],
    [new Uint8Array(2), '$: a Uint8Array'],
    [[{ ok: [1] }, { a: [0, [() => 1]] }], '$[1].a[1][0]: a function'],
  ])('names the place of what cannot be written: case %#', (value, message) => {
    expect(() => dumps(value)).toThrow(UnserializableError);
    expect(() => dumps(value)).toThrow(message);
  });
  it('refuses what contains itself', () => {
    const value: unknown[] = [];
    value.push({ inner: value });
    expect(() => dumps(value)).toThrow('$[0].inner: it contains itself');
  });
});

describe('payload', () => {
  const call = fc.record({
    functionName: fc.string({ minLength: 1 }),
    args: fc.array(fc.jsonValue(), { maxLength: 4 }),
    kwargs: fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 4 }),
  });
  it('is read back as it was written, and is a zlib stream for everybody', () => {
    fc.assert(
      fc.property(call, (value) => {
        const data = encodePayload(value);
        const back = decodePayload(data);
        expect(dumps([back.functionName, back.args, back.kwargs])).toBe(
          dumps([value.functionName, value.args, value.kwargs]),
        );
        expect(JSON.parse(inflateSync(data).toString())).toHaveLength(4);
      }),
    );
  });
  it.each([0, 1, 1_023, 1_024, 70_000])('of %d bytes is stored or deflated', (length) => {
    const text = 'ü'
      .repeat(length / 2)
      .padEnd(length, 'x')
      .slice(0, length);
    expect(inflateSync(deflateText(text)).toString()).toBe(text);
    expect(inflateText(deflateText(text))).toBe(text);
  });
  it.each([
    ['', /not JSON/],
    ['[1, 2]', /not a list of function/],
    ['["f", {}, [], {}]', /method of an object/],
    ['[1, null, [], {}]', /function name in the payload is no text/],
    ['["f", null, {}, {}]', /arguments in the payload are no list/],
    ['["f", null, [], []]', /keyword arguments/],
    ['\x80\x05N.', /not a list of function/],
    ['\x80\x05cos\nsystem\n.', /os\.system/],
    ['\x80\x05]', /breaks off/],
    ['x\x9cgarbage', /not JSON/],
  ])('%j is refused with what was seen', (text, message) => {
    expect(() => decodePayload(Buffer.from(text, 'latin1'))).toThrow(PayloadError);
    expect(() => decodePayload(Buffer.from(text, 'latin1'))).toThrow(message);
  });
  it('that inflates without end is refused', () => {
    expect(() => decodePayload(deflateText('x'.repeat(3_000_000)), 1_048_576)).toThrow(/larger than 1 MiB/);
  });
});

describe('tolerant readers', () => {
  it('never throw on whatever bytes', () => {
    const field = fc.constantFrom(
      'status',
      'timeout',
      'created_at',
      'retry_intervals',
      'dependency_ids',
      'data',
      'type',
      'exc_string',
      'return_value',
      'other',
    );
    const fields = fc.array(fc.tuple(field, fc.uint8Array({ maxLength: 40 })), { maxLength: 12 });
    fc.assert(
      fc.property(fields, fc.string(), (items, id) => {
        const map = new Map(items.map(([name, bytes]) => [name, Buffer.from(bytes)]));
        expect(parseJob(id, map).id).toBe(id);
        expect(parseResult(id, map)).toHaveProperty('error');
        expect(parseCommand(id)).toEqual({ command: 'unknown' });
        const data = map.get('data');
        if (data) {
          try {
            decodePayload(data);
          } catch (error) {
            expect(error).toBeInstanceOf(PayloadError);
          }
        }
      }),
      { numRuns: 500 },
    );
  });
  it('say which fields are bad', () => {
    const job = parseJob(
      'j',
      new Map([
        ['timeout', Buffer.from('soon')],
        ['created_at', Buffer.from('yesterday')],
      ]),
    );
    expect(job.problems).toEqual(["created_at is 'yesterday'", "timeout is 'soon'"]);
    expect(job.timeoutSeconds).toBeNull();
  });
  it('take an integer that cannot be held exactly for a bad value', () => {
    const job = parseJob('j', new Map([['result_ttl', Buffer.from('99999999999999999999')]]));
    expect(job.problems).toEqual(["result_ttl is '99999999999999999999'"]);
    expect(job.resultTtlSeconds).toBeNull();
  });
  it.each([
    ['', '0x2'],
    ['-0', ''],
    ['soon-1', '1.5'],
  ])('take entry id %j and type %j for unknown', (id, type) => {
    expect(parseResult(id, new Map([['type', Buffer.from(type)]]))).toMatchObject({ createdAtMs: null, type: null });
  });
  it('know every command of RQ', () => {
    expect(parseCommand('{"command": "shutdown"}')).toEqual({ command: 'shutdown' });
    expect(parseCommand('{"command": "stop-job", "job_id": "J"}')).toEqual({ command: 'stop-job', jobId: 'J' });
    expect(parseCommand('{"command": "stop-job"}')).toEqual({ command: 'unknown' });
  });
});

describe('time', () => {
  it('dates are read back to the microsecond', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_000_000_000_000_000 }), (micros) => {
        const text = formatDate(micros / 1_000);
        expect(text).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
        // A double holds the milliseconds of our century to half a microsecond.
        expect(Math.abs(Math.round((parseDate(text) ?? 0) * 1_000) - micros)).toBeLessThanOrEqual(1);
      }),
    );
  });
  it.each(['2026-11-20T23:47:42Z', '2026-11-20T23:47:42.1Z', '2026-11-20T23:47:42.123Z'])(
    '%s of other writers is read',
    (text) => {
      expect(parseDate(text)).toBe(Date.parse(text));
    },
  );
  it.each([
    ['2026-01-01T00:00:00+00:00', '2026-01-01T00:00:00Z'],
    ['2026-01-01T00:30:00+00:30', '2026-01-01T00:00:00Z'],
    ['2026-01-01 00:00:00.5-0130', '2026-01-01T01:30:00.5Z'],
  ])('%s is %s', (text, same) => {
    expect(parseDate(text)).toBe(Date.parse(same));
  });
  it.each(['', 'yesterday', '2026-13-45T99:99:99Z', '5', '2026-02-30T00:00:00Z', '2026-02-28T24:00:00Z'])(
    '%j is no date',
    (text) => {
      expect(parseDate(text)).toBeNull();
    },
  );
  it('seconds are written as Python prints floats', () => {
    expect(formatEpochSeconds(1795218627097.21)).toBe('1795218627.09721');
    expect(formatEpochSeconds(1795218627000)).toBe('1795218627.0');
  });
  it.each([
    ['90', 90],
    ['1h', 3_600],
    ['23m', 1_380],
    ['5s', 5],
    ['2d', 172_800],
    ['1.5h', 5_400],
    ['1.1m', 66],
    ['-1', -1],
    [1.9, 1],
  ])('the duration %j is %d seconds', (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds);
  });
  it.each(['', '1.5', '0.0001h', '.5h', '1.h', 'soon', '1w', 'h', NaN, Infinity, '99999999999999999999d'])(
    '%j is no duration',
    (text) => {
      expect(() => parseDuration(text)).toThrow(TsrqError);
    },
  );
});

describe('descriptions', () => {
  it.each([
    [null, 'None'],
    [true, 'True'],
    ["it's", `"it's"`],
    [`it's "x"`, `'it\\'s "x"'`],
    ['a\n\t\\\x00\x7f\u00a0\u2028\u{e0001}é𝄞', "'a\\n\\t\\\\\\x00\\x7f\\xa0\\u2028\\U000e0001é𝄞'"],
    [[1, 'a', { k: [null] }], "[1, 'a', {'k': [None]}]"],
    [12345678901234567890n, '12345678901234567890'],
    [-0, '-0.0'],
    [Infinity, 'inf'],
    [[1e-5, 1e16, 2 ** 53, 5], '[1e-05, 1e+16, 9007199254740992.0, 5]'],
    [new Array(2), '[None, None]'],
    [new Date(0), "'1970-01-01T00:00:00.000Z'"],
  ])('repr: case %#', (value, text) => {
    expect(pythonRepr(value)).toBe(text);
  });
  it('cut long arguments and sort keywords as whole texts', () => {
    const text = describeCall('f', ['x'.repeat(100)], { a: 1, a1: 2 });
    expect(text).toBe(`f('${'x'.repeat(74)}..., a1=2, a=1)`);
    expect(describeCall('f', [], { '\u{1f600}': 1, '\uff01': 2 })).toBe('f(\uff01=2, \u{1f600}=1)');
  });
  it('cut at characters as Python counts them, wherever the cut falls', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', "'", '"', '\n', 'é', '𝄞', '\u2028', '\u{e0001}'),
      maxLength: 200,
    });
    const nested = fc.oneof(text, fc.array(text, { maxLength: 4 }), fc.dictionary(text, text, { maxKeys: 4 }));
    fc.assert(
      fc.property(nested, (value) => {
        const whole = [...pythonRepr(value)];
        const shown = whole.length > 75 ? `${whole.slice(0, 75).join('')}...` : whole.join('');
        expect(describeCall('f', [value], {})).toBe(`f(${shown})`);
      }),
    );
  });
  it('end, also of a value that holds itself twice', () => {
    const value: Record<string, unknown> = {};
    Object.assign(value, { one: value, two: [value, value] });
    expect(pythonRepr(value)).toBe("{'one': {...}, 'two': [{...}, {...}]}");
    let pairs: unknown = 1;
    for (let i = 0; i < 90; i += 1) pairs = [pairs, pairs];
    expect(describeCall('f', [pairs], {})).toBe(`f(${'['.repeat(75)}...)`);
  });
});

describe('job ids', () => {
  it.each(['a', 'A-1_b', '0'])('%s is one', (id) => {
    expect(isJobId(id)).toBe(true);
  });
  it.each(['', 'a b', 'a:b', 'ä', 'a\n'])('%j is none', (id) => {
    expect(isJobId(id)).toBe(false);
  });
});

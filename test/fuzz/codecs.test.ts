import { loadsPickle } from '../../src/protocol/pickle.js';
import { PickleError } from '../../src/protocol/pickle-values.js';
import { dumpsPickle } from '../../src/protocol/pickle-writer.js';
import { isDeepStrictEqual } from 'node:util';
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loads } from '../../src/protocol/json.js';
import { dumps } from '../../src/protocol/json-writer.js';
import { decodePayload, deflateText, encodePayload, inflateText, PayloadError } from '../../src/protocol/payload.js';
import { describeCall, pythonRepr } from '../../src/protocol/repr.js';
import { expectCleanPrototypes, fuzz, oddJson, parameters, thrown } from './fuzz.js';

const MAX_DEPTH = 1_000;
const MIB = 1_048_576;

fuzz('json', (input) => {
  const text = input.toString();
  const value = readJson(text);
  if (value === undefined) return;
  const written = dumps(value);
  expect(written).toMatch(/^[\x20-\x7e]*$/);
  expectSame(loads(written), value);
  expect(dumps(loads(written))).toBe(written);
});

fuzz('repr', (input) => {
  const value = readJson(input.toString());
  if (value !== undefined) checkRepr(value);
});

fuzz('payload', (input) => {
  checkPayload(input);
  // An input of which a bit has changed fails at the checksum: the reader behind it sees the bytes as they are.
  checkPayload(deflateText(input.toString()));
  checkPayload(deflateSync(input));
});

describe('json', () => {
  it('of any value reads back as the value, whatever its keys', () => {
    fc.assert(
      fc.property(oddJson, (value) => {
        expectSame(loads(dumps(value)), value);
        expectClean(loads(dumps(value)));
      }),
      parameters(),
    );
  });

  it('with its own parser is read as with JSON.parse', () => {
    fc.assert(
      fc.property(oddJson, fc.nat(3), (value, indent) => {
        // Numbers beyond 2^53 are where the two differ on purpose.
        const text = JSON.stringify(value, (_, inner: unknown) => (Number.isInteger(inner) ? 7 : inner), indent) ?? '0';
        const [own] = loads(`[${text}, NaN]`) as [unknown];
        expectSame(own, JSON.parse(text));
      }),
      parameters(),
    );
  });

  it("that JSON.parse refuses is refused, unless it has Python's words", () => {
    const change = fc.array(fc.tuple(fc.nat(200), fc.constantFrom(...'"\\[]{},:-+.0e\u0000\ufeff')), { maxLength: 3 });
    fc.assert(
      fc.property(oddJson, change, (value, changes) => {
        const characters = [...(JSON.stringify(value) ?? '0')];
        for (const [at, character] of changes) characters.splice(at % (characters.length + 1), 1, character);
        const text = characters.join('');
        fc.pre(!/NaN|Infinity/.test(text));
        const isRefused = thrown(() => JSON.parse(text), SyntaxError) !== null;
        expect(thrown(() => loads(text), SyntaxError) !== null).toBe(isRefused);
      }),
      parameters(),
    );
  });
});

describe('a payload', () => {
  const call = fc.record({
    functionName: fc.string({ unit: 'grapheme', maxLength: 20 }),
    args: fc.array(oddJson, { maxLength: 3 }),
    kwargs: fc
      .array(fc.tuple(fc.string({ unit: 'binary', maxLength: 12 }), oddJson), { maxLength: 3 })
      .map((entries) => Object.fromEntries(entries)),
  });
  it('of any call is read back as the call', () => {
    fc.assert(
      fc.property(call, (value) => expectSame(decodePayload(encodePayload(value)), { ...value, serializer: 'json' })),
      parameters(),
    );
  });

  it('and a text larger than the limit are refused, deflated or bare', () => {
    fc.assert(
      fc.property(fc.integer({ min: 30, max: 3_000 }), fc.integer({ min: 30, max: 3_000 }), (size, limit) => {
        const text = `["f", null, ["${'x'.repeat(size - 20)}"], {}]`;
        const refused = text.length > limit;
        for (const data of [Buffer.from(text), deflateText(text), deflateSync(text)]) {
          expect(thrown(() => decodePayload(data, limit), PayloadError) !== null).toBe(refused);
        }
        expect(thrown(() => inflateText(deflateSync(text), limit), PayloadError) !== null).toBe(refused);
      }),
      parameters(),
    );
  });
});

describe('a pickle', () => {
  it('of any data is read back as the data', () => {
    // A half of a surrogate pair is no text in UTF-8: it becomes U+FFFD.
    const data = oddJson.filter((value) => !/\\ud[89a-f]/i.test(JSON.stringify(value) ?? ''));
    fc.assert(
      fc.property(data, (value) => expectSame(loadsPickle(dumpsPickle(value)), value)),
      parameters(),
    );
  });

  it('of whatever bytes is read or refused, and nothing else happens', () => {
    const opcodes = fc.array(
      fc.constantFrom(
        ...Buffer.from('(.02N\x88\x89IJKMGX\x8cCB]ael}sud)t\x85\x86\x87\x8f\x90\x91\x94qhcR\x81b\x93', 'latin1'),
      ),
      { maxLength: 60 },
    );
    const written = oddJson.map((value) => [...dumpsPickle(value)]);
    const bytes = fc.oneof(opcodes, fc.array(fc.nat(255), { maxLength: 80 }), written);
    const change = fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 4 });
    fc.assert(
      fc.property(bytes, change, (body, changes) => {
        const data = Buffer.from([0x80, 4, ...body, 0x2e]);
        for (const [at, byte] of changes) data[at % data.length] = byte;
        thrown(() => loadsPickle(data), PickleError);
      }),
      parameters(),
    );
  });

  it('that refers to itself, or holds one thing very often, is refused', () => {
    const nested = (text: string): Buffer => Buffer.from(`\x80\x04${text}.`, 'latin1');
    expect(() => loadsPickle(nested(']q\x00h\x00a'))).toThrow(/nested deeper/);
    let bomb = ']q\x00';
    for (let i = 0; i < 30; i += 1)
      bomb = `${bomb}](${`h${String.fromCharCode(i)}`.repeat(10)}eq${String.fromCharCode(i + 1)}`;
    expect(() => loadsPickle(nested(bomb))).toThrow(/more than/);
    expect(() =>
      loadsPickle(Buffer.concat([nested('').subarray(0, 2), Buffer.from([0x8b, 0xff, 0xff, 0xff, 0x7f])])),
    ).toThrow(PickleError);
  });
});

describe('a repr', () => {
  it('of any value is one line of printable text, and with enough of it begins like the whole', () => {
    fc.assert(fc.property(oddJson, checkRepr), parameters());
  });
});

/** The value of a text that is JSON, undefined for others; holds the reader against JSON.parse. */
function readJson(text: string): unknown {
  let value: unknown;
  const refused = thrown(() => (value = loads(text)), SyntaxError);
  let plain: unknown;
  const plainlyRefused = thrown(() => (plain = JSON.parse(text)), SyntaxError);
  if (refused) {
    const limited = /nested deeper|digits is refused/.test(refused.message);
    expect(plainlyRefused !== null || limited, `only loads refuses it: ${refused.message}`).toBe(true);
    expect(refused.message.length).toBeLessThan(300);
    expectCleanPrototypes();
    return undefined;
  }
  if (plainlyRefused) expect(text, 'only loads reads it').toMatch(/NaN|Infinity/);
  else if (!/\d{16}/.test(text)) expectSame(value, plain);
  expectClean(value);
  return value;
}

function checkPayload(data: Buffer): void {
  let call = null as ReturnType<typeof decodePayload> | null;
  const refused = thrown(() => (call = decodePayload(data, MIB)), PayloadError);
  if (refused) expect(refused.message.length, 'the length of the message').toBeLessThan(600);
  if (call) {
    expect(Object.keys(call)).toEqual(['functionName', 'args', 'kwargs', 'serializer']);
    expect(typeof call.functionName).toBe('string');
    if (call.serializer === 'json') expectClean([...call.args, call.kwargs]);
    expectSame(decodePayload(encodePayload(call, call.serializer)), call);
  }
  const unread = thrown(() => inflateText(data, MIB), PayloadError);
  if (unread) expect(unread.message.length).toBeLessThan(600);
}

function checkRepr(value: unknown): void {
  const whole = pythonRepr(value);
  expect(whole).not.toMatch(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u);
  for (const enough of [0, 1, 20, 152]) {
    const some = pythonRepr(value, enough);
    if (whole.length <= enough) expect(some).toBe(whole);
    else expect(some.slice(0, enough)).toBe(whole.slice(0, enough));
  }
  const shown = describeCall('f', [value], {}).slice(2, -1);
  expect([...shown].length).toBeLessThanOrEqual(78);
  expect(whole.startsWith([...shown].slice(0, 75).join(''))).toBe(true);
}

/** As expect(…).toEqual, which takes minutes for deep values, and does not tell -0 from 0. */
function expectSame(value: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(value, expected)) expect(value).toEqual(expected);
}

/** That a value is plain to its last level, and no deeper than it may be. */
function expectClean(value: unknown): void {
  expectCleanPrototypes();
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    expect(depth).toBeLessThanOrEqual(MAX_DEPTH + 1);
    level = level.flatMap((item) => {
      if (typeof item !== 'object' || item === null) return [];
      const plain = Array.isArray(item) ? Array.prototype : Object.prototype;
      if (Object.getPrototypeOf(item) !== plain) throw new Error('a value that is read has a prototype of its own');
      return Object.values(item) as unknown[];
    });
  }
}

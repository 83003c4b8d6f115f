import { deflateSync, inflateSync, type Zlib } from 'node:zlib';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { deflateShort, inflateShort, LEVEL, Reused } from '../../../src/protocol/zlib.js';

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 20_000 }),
  fc.string({ maxLength: 200 }).map((text) => Buffer.from(text.repeat(50))),
);

/** What may come to a stream that has worked before, one after the other. */
const task = fc.oneof(
  bytes.map((text) => ({ do: 'deflate' as const, text: Buffer.from(text) })),
  bytes.map((text) => ({ do: 'inflate' as const, text: deflateSync(text) })),
  fc.constant({ do: 'inflate' as const, text: deflateSync(Buffer.alloc(100_000)) }),
  // Cut short, changed, with something behind, and nothing like it.
  fc.tuple(bytes, fc.nat(), fc.nat({ max: 255 })).map(([text, at, byte]) => {
    const broken = deflateSync(text);
    broken[at % broken.length] = byte;
    return { do: 'inflate' as const, text: broken };
  }),
  fc.tuple(bytes, fc.nat()).map(([text, at]) => {
    const whole = deflateSync(text);
    return { do: 'inflate' as const, text: whole.subarray(0, at % whole.length) };
  }),
  bytes.map((text) => ({ do: 'inflate' as const, text: Buffer.concat([deflateSync(text), Buffer.from('more')]) })),
  bytes.map((text) => ({ do: 'inflate' as const, text: Buffer.from(text) })),
);

it('one stream for many texts does what one for each does, or leaves it to that', () => {
  const kept: [Buffer, Buffer][] = [];
  fc.assert(
    fc.property(fc.array(task, { maxLength: 20 }), (tasks) => {
      for (const { do: what, text } of tasks) {
        const got = what === 'deflate' ? deflateShort(text) : inflateShort(text);
        if (got === null) continue;
        expect(got).toEqual(what === 'deflate' ? deflateSync(text, { level: LEVEL }) : inflateSync(text));
        kept.push([got, Buffer.from(got)]);
      }
    }),
  );
  // What was given away is not written over.
  for (const [got, copy] of kept) expect(got.equals(copy)).toBe(true);
});

it('it is not left to that: whatever is short goes through one stream, also after what was broken', () => {
  const short = Buffer.from('text '.repeat(1_000));
  for (const broken of [deflateSync(short).subarray(0, 20), Buffer.from('x\x9cnonsense'), Buffer.alloc(0)]) {
    expect(inflateShort(broken)).toBeNull();
    expect(inflateShort(deflateSync(short))).toEqual(short);
    expect(deflateShort(short)).toEqual(deflateSync(short, { level: LEVEL }));
  }
  expect(inflateShort(deflateSync(Buffer.alloc(65_535)))).toEqual(Buffer.alloc(65_535));
  expect(inflateShort(deflateSync(Buffer.alloc(65_536)))).toBeNull();
});

it('a Node whose streams are different inside is told, once', () => {
  let made = 0;
  for (const stream of [
    {},
    { _handle: {}, _writeState: new Uint32Array(2) },
    { _handle: { reset: () => undefined, writeSync: () => undefined }, _writeState: [0, 0] },
    // It seems to work, and does not.
    { _handle: { reset: () => undefined, writeSync: () => undefined }, _writeState: [60_000, 0] },
  ]) {
    const reused = new Reused(
      () => {
        made += 1;
        return stream as unknown as Zlib;
      },
      (text) => deflateSync(text),
    );
    expect([reused.run(Buffer.from('a')), reused.run(Buffer.from('b'))]).toEqual([null, null]);
  }
  expect(made).toBe(4);
});

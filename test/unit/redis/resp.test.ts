import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { RedisArg } from '../../../src/redis/redis.js';
import { encode, ReplyReader } from '../../../src/redis/resp.js';

class Refused extends Error {}

type Sent = null | number | string | { readonly status: string } | { readonly error: string } | Sent[];

const line = fc.string({ unit: 'grapheme' }).filter((text) => !/[\r\n]/.test(text));
const { sent } = fc.letrec<{ sent: Sent; list: Sent[] }>((tie) => ({
  sent: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.maxSafeInteger(),
    fc.string({ unit: 'binary' }),
    fc.string({ unit: 'grapheme', maxLength: 300 }),
    fc.record({ status: line }),
    fc.record({ error: line }),
    tie('list'),
  ),
  list: fc.array(tie('sent'), { maxLength: 5 }),
}));

/** As Redis writes it. */
function written(value: Sent, nil = '$-1\r\n'): string {
  if (value === null) return nil;
  if (typeof value === 'number') return `:${value}\r\n`;
  if (typeof value === 'string') return `$${Buffer.byteLength(value)}\r\n${value}\r\n`;
  if (Array.isArray(value)) return `*${value.length}\r\n${value.map((item) => written(item, nil)).join('')}`;
  return 'status' in value ? `+${value.status}\r\n` : `-${value.error}\r\n`;
}

function expected(value: Sent, asText: boolean): unknown {
  const string = (text: string): string | Buffer => (asText ? Buffer.from(text).toString() : Buffer.from(text));
  if (value === null || typeof value === 'number') return value;
  if (typeof value === 'string') return string(value);
  if (Array.isArray(value)) return value.map((item) => expected(item, asText));
  return 'status' in value ? string(value.status) : new Refused(Buffer.from(value.error).toString());
}

function readerOf(asText: boolean): { replies: unknown[]; add: (piece: Buffer) => void } {
  const replies: unknown[] = [];
  const reader = new ReplyReader({
    onReply: (reply) => replies.push(reply),
    wantsText: () => asText,
    toError: (message) => new Refused(message),
  });
  return {
    replies,
    add: (piece) => {
      reader.add(piece);
    },
  };
}

/** The same bytes in pieces that are so long, by turns. */
function* cut(bytes: Buffer, lengths: readonly number[]): Generator<Buffer> {
  for (let at = 0, i = 0; at < bytes.length; i += 1) {
    const length = lengths[i % lengths.length] ?? 1;
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

describe('replies', () => {
  it('are what Redis has sent, in whatever pieces it comes', () => {
    const pieces = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(
        fc.array(sent, { maxLength: 8 }),
        pieces,
        fc.boolean(),
        fc.boolean(),
        (values, lengths, asText, old) => {
          const { replies, add } = readerOf(asText);
          const bytes = Buffer.from(values.map((value) => written(value, old ? '*-1\r\n' : '$-1\r\n')).join(''));
          for (const piece of cut(bytes, lengths)) add(piece);
          expect(replies).toEqual(values.map((value) => expected(value, asText)));
        },
      ),
      { numRuns: 500 },
    );
  });

  it('of megabytes come from thousands of pieces, and are copied few times', () => {
    const [text, many] = ['x'.repeat(20_000_000), Array.from({ length: 200_000 }, (_, n) => `value ${n}`)];
    const { replies, add } = readerOf(true);
    const concat = vi.spyOn(Buffer, 'concat');
    for (const piece of cut(Buffer.from(written(text) + written(many)), [65_536])) add(piece);
    const copied = concat.mock.calls.map(([pieces]) => pieces.reduce((all, { length }) => all + length, 0));
    concat.mockRestore();
    expect(replies).toEqual([text, many]);
    expect(copied.reduce((all, length) => all + length, 0)).toBeLessThan(60_000_000);
  });

  it('that are none are an error', () => {
    for (const bytes of ['HTTP/1.1 400 Bad Request\r\n\r\n', '%1\r\n', ',1.5\r\n'])
      expect(() => {
        readerOf(true).add(Buffer.from(bytes));
      }).toThrow(/Redis sent what is no reply: "/);
  });
});

describe('commands', () => {
  it('are texts and bytes as they are, and numbers in digits', () => {
    const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));
    const words = fc.array(fc.oneof(fc.string({ unit: 'grapheme' }), fc.maxSafeInteger(), bytes), { minLength: 1 });
    fc.assert(
      fc.property(words, (command: RedisArg[]) => {
        const { replies, add } = readerOf(false);
        add(Buffer.from(encode(`*${command.length}\r\n`, command)));
        const asSent = command.map((word) => Buffer.from(typeof word === 'number' ? String(word) : word));
        expect(replies).toEqual([asSent]);
      }),
      { numRuns: 500 },
    );
  });
});

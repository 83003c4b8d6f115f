import type { Random } from '../chaos/random.js';

/** What readers stumble over: ends of numbers, of texts and of encodings, and the words that formats give a meaning. */
const WORDS: readonly Buffer[] = [
  ...[
    '\0',
    '\n',
    '\r\n',
    '\ufeff',
    '\u2028',
    '\u{1f600}',
    '"',
    "'",
    '\\',
    '\\u',
    '\\ud800',
    '%',
    '%00',
    '%zz',
    '@',
    '/',
  ],
  ...[
    ':',
    '://',
    '=',
    ':=',
    ',',
    '[',
    ']',
    '{',
    '}',
    '[[[[',
    '?',
    '&',
    '#',
    '-',
    '+',
    '.',
    'e',
    'E400',
    '0',
    '-0',
    '-1',
  ],
  ...['1e999', '9007199254740993', '99999999999999999999', 'NaN', 'Infinity', '-Infinity', 'null', 'true', '""', '{}'],
  ...['__proto__', 'constructor', 'toString', 'toJSON', 'password', '2016-12-31T23:59:60Z', 'Z', '+99:99', '&a', '*a'],
].map((word) => Buffer.from(word));
/** Bytes that are no UTF-8, and those that begin pickles and zlib streams. */
const BYTES = [0x00, 0x01, 0x1f, 0x20, 0x22, 0x5b, 0x5c, 0x78, 0x7b, 0x7f, 0x80, 0xc0, 0xc3, 0xed, 0xf4, 0xfe, 0xff];
const MAX_LENGTH = 16_384;

/** One input made of the corpus: a few changes at random places of one entry. */
export function mutate(random: Random, corpus: readonly Buffer[]): Buffer {
  let input = random.pick(corpus);
  for (let changes = 1 + random.below(5); changes > 0; changes -= 1) {
    input = random.pick(CHANGES)(input, random, corpus).subarray(0, MAX_LENGTH);
  }
  // Not a view: an input must not share its memory with an entry of the corpus.
  return Buffer.from(input);
}

type Change = (input: Buffer, random: Random, corpus: readonly Buffer[]) => Buffer;

const CHANGES: readonly Change[] = [
  function flipBit(input, random) {
    const copy = Buffer.from(input);
    const at = random.below(copy.length);
    if (at < copy.length) copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8));
    return copy;
  },
  (input, random) => join(input, random.below(input.length + 1), Buffer.of(random.pick(BYTES)), 1),
  (input, random) => join(input, random.below(input.length + 1), random.pick(WORDS), 0),
  function otherNumber(input, random) {
    const numbers = [...input.toString('latin1').matchAll(/\d+/g)];
    const chosen = numbers[random.below(numbers.length)];
    return chosen ? join(input, chosen.index, random.pick(WORDS), chosen[0].length) : input;
  },
  function remove(input, random) {
    const at = random.below(input.length + 1);
    return join(input, at, Buffer.alloc(0), 1 + random.below(input.length - at + 1));
  },
  function repeat(input, random) {
    const at = random.below(input.length + 1);
    const piece = input.subarray(at, at + 1 + random.below(12));
    const times = random.below(20) === 0 ? MAX_LENGTH : 1 + random.below(40);
    const room = Math.floor(MAX_LENGTH / Math.max(1, piece.length));
    return join(input, at, Buffer.concat(new Array<Buffer>(Math.min(times, room)).fill(piece)), 0);
  },
  function splice(input, random, corpus) {
    const other = random.pick(corpus);
    return Buffer.concat([
      input.subarray(0, random.below(input.length + 1)),
      other.subarray(random.below(other.length + 1)),
    ]);
  },
  function embed(input, random, corpus) {
    const other = random.pick(corpus);
    const from = random.below(other.length + 1);
    const piece = other.subarray(from, from + random.below(40));
    return join(input, random.below(input.length + 1), piece, random.below(8));
  },
  (input, random) => input.subarray(0, random.below(input.length + 1)),
];

/** The input with `piece` at a place, instead of `removed` bytes. */
const join = (input: Buffer, at: number, piece: Buffer, removed: number): Buffer =>
  Buffer.concat([input.subarray(0, at), piece, input.subarray(at + removed)]);

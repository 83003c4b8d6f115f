import { TsrqError } from '../errors.js';

/**
 * What scripts and we hand each other in one piece, as Redis's `cmsgpack` packs it (MessagePack): many small arguments and replies
 * cost both sides more than the work they are for. Bytes stand one to a character, so that what is written is one string.
 */

/** The head of a list of so many items. */
export function packedList(length: number): string {
  if (length < 16) return char(0x90 | length);
  return length < 0x1_0000 ? `\xdc${big(length, 2)}` : `\xdd${big(length, 4)}`;
}

/** A text as UTF-8. */
export function packedText(text: string): string {
  return packedBytes(oneByteEach(text));
}

/** The bytes of a text as UTF-8, one to a character. */
export function oneByteEach(text: string): string {
  return NOT_ASCII.test(text) ? Buffer.from(text).toString('latin1') : text;
}

/** Bytes, one to a character. */
export function packedBytes(bytes: string): string {
  const { length } = bytes;
  if (length < 32) return char(0xa0 | length) + bytes;
  if (length < 0x100) return `\xd9${char(length)}${bytes}`;
  return (length < 0x1_0000 ? `\xda${big(length, 2)}` : `\xdb${big(length, 4)}`) + bytes;
}

/** A number; as a double unless it is a small natural one. */
export function packedNumber(value: number): string {
  if (Number.isInteger(value) && value >= 0 && value < 128) return char(value);
  DOUBLE.writeDoubleBE(value);
  return `\xcb${DOUBLE.toString('latin1')}`;
}

const DOUBLE = Buffer.alloc(8);
const NOT_ASCII = /[^\x00-\x7f]/;
const CHARS = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code));

/** The character of a byte. */
export const char = (byte: number): string => CHARS[byte & 0xff] as string;

/** An integer in so many bytes, the highest first. */
export function big(value: number, bytes: number): string {
  let text = '';
  for (let rest = value, at = 0; at < bytes; at += 1, rest = Math.floor(rest / 256)) text = char(rest) + text;
  return text;
}

/** Reads what `cmsgpack.pack` has made, item by item. Throws BAD_DATA where it is something else. */
export class PackedReader {
  readonly #bytes: Buffer;
  readonly #chars: string;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#chars = bytes.toString('latin1');
  }

  /** The number of items of the list that begins here. */
  list(): number {
    const head = this.#next();
    if (head >= 0x90 && head <= 0x9f) return head & 0x0f;
    if (head === 0xdc) return this.#big(2);
    if (head === 0xdd) return this.#big(4);
    throw this.#unexpected(head);
  }

  /** A text, a number as text, or null for nil and false. */
  text(): string | null {
    const head = this.#next();
    const length = this.#length(head);
    if (length === null) {
      const number = this.#number(head);
      return number === null ? null : String(number);
    }
    const from = this.#at;
    this.#at += length;
    const text = this.#chars.slice(from, this.#at);
    return NOT_ASCII.test(text) ? this.#bytes.toString('utf8', from, this.#at) : text;
  }

  /** Bytes, a number, or null for nil and false. */
  value(): Buffer | number | null {
    const head = this.#next();
    const length = this.#length(head);
    if (length === null) return this.#number(head);
    const from = this.#at;
    this.#at += length;
    return this.#bytes.subarray(from, this.#at);
  }

  #next(): number {
    const byte = this.#bytes[this.#at];
    this.#at += 1;
    if (byte === undefined) throw new TsrqError('BAD_DATA', 'what a script has packed ends too early');
    return byte;
  }

  #big(bytes: number): number {
    let value = 0;
    for (let i = 0; i < bytes; i += 1) value = value * 256 + this.#next();
    return value;
  }

  /** Of the bytes that follow; null if none do. */
  #length(head: number): number | null {
    if (head >= 0xa0 && head <= 0xbf) return head & 0x1f;
    if (head >= 0xd9 && head <= 0xdb) return this.#big(2 ** (head - 0xd9));
    return null;
  }

  #number(head: number): number | null {
    if (head < 0x80) return head;
    if (head === 0xc0 || head === 0xc2) return null;
    if (head >= 0xcc && head <= 0xcf) return this.#big(2 ** (head - 0xcc));
    throw this.#unexpected(head);
  }

  #unexpected(head: number): TsrqError {
    return new TsrqError('BAD_DATA', `a script has packed an item of type ${head}`);
  }
}

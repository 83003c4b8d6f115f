import type { RedisArg } from './redis.js';

/** A command as RESP has it: what `head` begins, of ASCII, and these words. A text where all of it is one. */
export function encode(head: string, words: readonly RedisArg[]): string | Buffer {
  let text = head;
  // Texts and bytes by turns; most commands are one text.
  let pieces: (string | Buffer)[] | null = null;
  let length = 0;
  let isAscii = true;
  for (const word of words) {
    if (typeof word === 'object') {
      text += `$${word.length}\r\n`;
      pieces ??= [];
      pieces.push(text, word);
      length += word.length + (isAscii ? text.length : Buffer.byteLength(text));
      text = '\r\n';
      isAscii = true;
    } else {
      const value = typeof word === 'number' ? String(word) : word;
      const size = Buffer.byteLength(value);
      if (size !== value.length) isAscii = false;
      text += `$${size}\r\n${value}\r\n`;
    }
  }
  if (pieces === null) return text;
  pieces.push(text);
  const bytes = Buffer.allocUnsafe(length + (isAscii ? text.length : Buffer.byteLength(text)));
  let at = 0;
  for (const piece of pieces) at += typeof piece === 'string' ? bytes.write(piece, at) : piece.copy(bytes, at);
  return bytes;
}

/** What Redis answers where it does not do what it was told; its first word says why. */
export class ReplyError extends Error {
  override readonly name = 'ReplyError';
}

/** Who is told of replies: texts or bytes, numbers, null, errors, lists of these. */
interface Readers {
  readonly onReply: (reply: unknown) => void;
  /** Whether the strings of the reply that comes now are wanted as texts. */
  readonly wantsText: () => boolean;
  readonly toError: (message: string) => Error;
}

interface Unfinished {
  readonly items: unknown[];
  readonly length: number;
}

const [CR, MINUS, COLON, DOLLAR, PLUS, STAR] = [13, 45, 58, 36, 43, 42];

/** Reads replies of RESP2 from the pieces in which they come. */
export class ReplyReader {
  readonly #to: Readers;
  /** What came of a value that is not whole yet, and how many bytes it takes at least. */
  #pieces: Buffer[] = [];
  #has = 0;
  #needs = 0;
  /** The arrays around what comes next. */
  readonly #arrays: Unfinished[] = [];

  constructor(to: Readers) {
    this.#to = to;
  }

  /** Throws what is no RESP2; nothing can be read after that. */
  add(piece: Buffer): void {
    let bytes = piece;
    if (this.#has > 0) {
      this.#pieces.push(piece);
      this.#has += piece.length;
      if (this.#has < this.#needs) return;
      bytes = Buffer.concat(this.#pieces, this.#has);
      this.#pieces = [];
      this.#has = 0;
    }
    let at = 0;
    while (at < bytes.length) {
      const next = this.#value(bytes, at);
      if (next < 0) {
        this.#pieces.push(at === 0 ? bytes : bytes.subarray(at));
        this.#has = bytes.length - at;
        this.#needs = -next;
        return;
      }
      at = next;
    }
  }

  /** Reads the value that begins there. Returns where the next one does, or less than 0: so many bytes of it are needed at least. */
  #value(bytes: Buffer, at: number): number {
    let end = at + 1;
    const last = bytes.length - 1;
    while (end < last && bytes[end] !== CR) end += 1;
    if (end >= last) return at - bytes.length - 1;
    const next = end + 2;
    const kind = bytes[at];
    if (kind === COLON) this.#take(whole(bytes, at + 1, end));
    else if (kind === DOLLAR) {
      const length = whole(bytes, at + 1, end);
      if (length < 0) this.#take(null);
      else {
        if (next + length + 2 > bytes.length) return at - next - length - 2;
        this.#take(this.#string(bytes, next, next + length));
        return next + length + 2;
      }
    } else if (kind === STAR) {
      const length = whole(bytes, at + 1, end);
      if (length > 0) this.#arrays.push({ items: [], length });
      else this.#take(length < 0 ? null : []);
    } else if (kind === PLUS) this.#take(this.#string(bytes, at + 1, end));
    else if (kind === MINUS) this.#take(this.#to.toError(bytes.toString('utf8', at + 1, end)));
    else throw new Error(`Redis sent what is no reply: ${JSON.stringify(bytes.toString('latin1', at, at + 20))}`);
    return next;
  }

  #string(bytes: Buffer, from: number, to: number): string | Buffer {
    return this.#to.wantsText() ? bytes.toString('utf8', from, to) : bytes.subarray(from, to);
  }

  #take(value: unknown): void {
    let whole = value;
    for (;;) {
      const around = this.#arrays.at(-1);
      if (!around) break;
      around.items.push(whole);
      if (around.items.length < around.length) return;
      this.#arrays.pop();
      whole = around.items;
    }
    this.#to.onReply(whole);
  }
}

/** A whole number in ASCII. */
function whole(bytes: Buffer, from: number, to: number): number {
  let at = from;
  const isNegative = bytes[at] === MINUS;
  if (isNegative) at += 1;
  let value = 0;
  for (; at < to; at += 1) value = value * 10 + ((bytes[at] ?? 0) - 48);
  return isNegative ? -value : value;
}

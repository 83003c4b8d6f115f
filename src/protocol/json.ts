/**
 * Reads what Python's `json.dumps` writes: JSON, and NaN, Infinity, and integers beyond 2^53 (as bigint). Throws SyntaxError.
 * Nesting deeper than 1,000 is refused; `__proto__` is a key like others.
 */
export function loads(text: string): unknown {
  if (opensMany(text) && isTooDeep(text)) throw tooDeep();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return new Reader(text).read();
  }
  if (text.length < SHORT && !LONG_NUMBER.test(text)) return value;
  return holdsLarge(value) && LONG_NUMBER.test(text) ? new Reader(text).read() : value;
}

/**
 * Whether there is a number beyond 2^53, as it is read, in what JSON.parse has returned. Throws if that is too deep: JSON.parse has
 * no limit of its own, and its value would overflow the stack of whoever walks it.
 */
function holdsLarge(value: unknown): boolean {
  let isFound = false;
  let next: object[] = [];
  // `for … in` makes no list of the values, which would take most of the time; but it sees what somebody has added to all objects.
  const inheritsNothing = Object.keys(Object.prototype).length === 0;
  const look = (item: unknown): void => {
    if (typeof item === 'number') isFound ||= item > Number.MAX_SAFE_INTEGER || item < Number.MIN_SAFE_INTEGER;
    else if (typeof item === 'object' && item !== null) next.push(item);
  };
  look(value);
  for (let depth = 1; next.length > 0; depth += 1) {
    if (depth > MAX_DEPTH) throw tooDeep();
    const level = next;
    next = [];
    for (const items of level) {
      if (Array.isArray(items)) for (const item of items) look(item);
      else if (inheritsNothing) for (const key in items) look((items as Record<string, unknown>)[key]);
      else for (const item of Object.values(items) as unknown[]) look(item);
    }
  }
  return isFound;
}

/** The begin of an integer that may be more than 2^53. Digits after other characters are part of a string, or of a float. */
const LONG_NUMBER = /(?:^|[ \t\n\r:,[-])\d{16}/;

/** A text of fewer characters cannot be too deep, and to look for such a number takes less than to walk through what it holds. */
const SHORT = 200;

/** Levels that are written and read. */
export const MAX_DEPTH = 1_000;
/** Lists and objects that may be made before it is known how deep they are. */
const MANY = 500_000;
/** Python's own limit; the time to convert grows with its square. */
const MAX_DIGITS = 4_300;

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:Infinity|\d+(\.\d+)?([eE][+-]?\d+)?)/y;
const WORDS: readonly (readonly [string, unknown])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
  ['NaN', NaN],
];

/** A plain reader of the dialect, used only where JSON.parse does not do. */
class Reader {
  #at = 0;
  #depth = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  read(): unknown {
    const value = this.#value();
    this.#skip();
    if (this.#at < this.#text.length) throw this.#unexpected();
    return value;
  }

  #value(): unknown {
    this.#skip();
    const char = this.#text[this.#at];
    if (char === '"') return this.#string();
    if (char === '[') return this.#nested(() => this.#array());
    if (char === '{') return this.#nested(() => this.#object());
    for (const [word, value] of WORDS) {
      if (!this.#text.startsWith(word, this.#at)) continue;
      this.#at += word.length;
      return value;
    }
    return this.#number();
  }

  #nested<T>(read: () => T): T {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw tooDeep();
    this.#at += 1;
    const value = read();
    this.#depth -= 1;
    return value;
  }

  #array(): unknown[] {
    const items: unknown[] = [];
    if (this.#ends(']')) return items;
    do items.push(this.#value());
    while (this.#goesOn(']'));
    return items;
  }

  #object(): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    if (this.#ends('}')) return object;
    do {
      this.#skip();
      if (this.#text[this.#at] !== '"') throw this.#unexpected();
      const key = this.#string();
      this.#skip();
      if (this.#text[this.#at] !== ':') throw this.#unexpected();
      this.#at += 1;
      // Not by assignment, which would set the prototype for the key __proto__.
      Object.defineProperty(object, key, {
        value: this.#value(),
        enumerable: true,
        configurable: true,
        writable: true,
      });
    } while (this.#goesOn('}'));
    return object;
  }

  #ends(close: string): boolean {
    this.#skip();
    if (this.#text[this.#at] !== close) return false;
    this.#at += 1;
    return true;
  }

  #goesOn(close: string): boolean {
    if (this.#ends(close)) return false;
    if (this.#text[this.#at] !== ',') throw this.#unexpected();
    this.#at += 1;
    return true;
  }

  #string(): string {
    const from = this.#at;
    const end = endOfString(this.#text, from);
    this.#at = end + 1;
    try {
      if (end > 0) return JSON.parse(this.#text.slice(from, end + 1)) as string;
    } catch {
      // JSON.parse names a position within the string; ours is that of the string.
    }
    this.#at = from;
    throw this.#unexpected();
  }

  #number(): number | bigint {
    const from = this.#at;
    const text = this.#match(NUMBER);
    if (text.endsWith('Infinity')) return text.startsWith('-') ? -Infinity : Infinity;
    if (/^-?0\d/.test(text)) {
      this.#at = from;
      throw this.#unexpected();
    }
    const value = Number(text);
    if (text.length > MAX_DIGITS) throw new SyntaxError(`a number of ${text.length} digits is refused`);
    return /^-?\d+$/.test(text) && !Number.isSafeInteger(value) ? BigInt(text) : value;
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (!match) throw this.#unexpected();
    this.#at = pattern.lastIndex;
    return match[0];
  }

  #skip(): void {
    SPACE.lastIndex = this.#at;
    SPACE.exec(this.#text);
    this.#at = SPACE.lastIndex;
  }

  #unexpected(): SyntaxError {
    const char = this.#text[this.#at];
    return new SyntaxError(
      char === undefined ? 'JSON ends too early' : `unexpected ${JSON.stringify(char)} in JSON at position ${this.#at}`,
    );
  }
}

/** The index of the quote that ends the string which begins at `from`; -1 if none does. A pattern would overflow the stack on long ones. */
function endOfString(text: string, from: number): number {
  for (let end = text.indexOf('"', from + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text[end - 1 - backslashes] === '\\') backslashes += 1;
    if (backslashes % 2 === 0) return end;
  }
  return -1;
}

/** Whether so many lists and objects begin that they are better not made before it is known how deep they are. */
function opensMany(text: string): boolean {
  // Each takes two characters.
  if (text.length < 2 * MANY) return false;
  let left = MANY;
  for (const bracket of '[{') {
    for (let at = text.indexOf(bracket); at !== -1; at = text.indexOf(bracket, at + 1)) {
      left -= 1;
      if (left < 0) return true;
    }
  }
  return false;
}

function isTooDeep(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0x22) {
      at = endOfString(text, at);
      if (at === -1) return false;
    } else if (code === 0x5b || code === 0x7b) {
      depth += 1;
      if (depth > MAX_DEPTH) return true;
    } else if (code === 0x5d || code === 0x7d) depth -= 1;
  }
  return false;
}

const tooDeep = (): SyntaxError => new SyntaxError(`JSON is nested deeper than ${MAX_DEPTH}`);

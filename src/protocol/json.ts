/** A value that JSON cannot hold; the message says where it is: `$.a[2]: a function cannot be written as JSON`. */
export class UnserializableError extends Error {
  override readonly name = 'UnserializableError';
}

/**
 * Writes a value as Python's `json.dumps` does by default: ASCII only, `, ` and `: `, NaN and Infinity bare, integers of any
 * size from bigint. `undefined` in objects is left out, `toJSON` is heeded. Throws UnserializableError.
 */
export function dumps(value: unknown): string {
  return write(value, '$', new Set());
}

/**
 * Reads what Python's `json.dumps` writes: JSON, and NaN, Infinity, and integers beyond 2^53 (as bigint). Throws SyntaxError.
 * Nesting deeper than 1,000 is refused; `__proto__` is a key like others.
 */
export function loads(text: string): unknown {
  return NEEDS_OWN_PARSER.test(text) ? new Reader(text).read() : JSON.parse(text);
}

/** What JSON.parse refuses, or reads wrongly. Matches inside strings cost time, not correctness. */
const NEEDS_OWN_PARSER = /NaN|Infinity|\d{16}/;
const MAX_DEPTH = 1_000;

function write(value: unknown, path: string, above: Set<object>): string {
  switch (typeof value) {
    case 'string':
      return quote(value);
    case 'number':
      return writeNumber(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'bigint':
      return value.toString();
    case 'object':
      return value === null ? 'null' : writeObject(value, path, above);
    case 'undefined':
      return 'null';
    default:
      throw new UnserializableError(`${path}: a ${typeof value} cannot be written as JSON`);
  }
}

function writeObject(value: object, path: string, above: Set<object>): string {
  if (above.has(value)) throw new UnserializableError(`${path}: it contains itself`);
  if (above.size > MAX_DEPTH) throw new UnserializableError(`${path.slice(0, 60)}…: nested deeper than ${MAX_DEPTH}`);
  if (value instanceof Map || value instanceof Set || ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    if (!('toJSON' in value))
      throw new UnserializableError(`${path}: a ${value.constructor.name} cannot be written as JSON`);
  }
  above.add(value);
  let text: string;
  if ('toJSON' in value && typeof value.toJSON === 'function') {
    text = write((value as { toJSON: () => unknown }).toJSON(), path, above);
  } else if (Array.isArray(value)) {
    text = `[${value.map((item, i) => write(item, `${path}[${i}]`, above)).join(', ')}]`;
  } else {
    const parts: string[] = [];
    for (const [key, item] of Object.entries(value)) {
      if (item !== undefined) parts.push(`${quote(key)}: ${write(item, `${path}.${key}`, above)}`);
    }
    text = `{${parts.join(', ')}}`;
  }
  above.delete(value);
  return text;
}

/**
 * Integers as such while they are exact; beyond 2^53 a number is a float, and written as Python writes one, so that neither
 * side takes it for an exact integer (that is what bigint is for).
 */
function writeNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  if (Object.is(value, -0)) return '-0.0';
  if (Number.isSafeInteger(value)) return String(value);
  const size = Math.abs(value);
  if (size >= 1e16) return value.toExponential().replace(/e\+(\d)$/, 'e+0$1');
  return Number.isInteger(value) ? `${value}.0` : String(value).replace(/e-(\d)$/, 'e-0$1');
}

const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

function quote(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  return JSON.stringify(text).replace(
    /[\x7f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:Infinity|\d+(\.\d+)?([eE][+-]?\d+)?)/y;
const STRING = /"(?:[^"\\\x00-\x1f]|\\.)*"/y;
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
    if (this.#depth > MAX_DEPTH) throw new SyntaxError(`JSON is nested deeper than ${MAX_DEPTH}`);
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
    return JSON.parse(this.#match(STRING)) as string;
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

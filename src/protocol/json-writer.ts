import { MAX_DEPTH } from './json.js';

/** A value that JSON cannot hold; the message says where it is: `$.a[2]: a function cannot be written as JSON`. */
export class UnserializableError extends Error {
  override readonly name = 'UnserializableError';
}

/**
 * Writes a value as Python's `json.dumps` does by default: ASCII only, `, ` and `: `, NaN and Infinity bare, integers of any
 * size from bigint. `undefined` in objects is left out, `toJSON` is heeded. Throws UnserializableError.
 */
export function dumps(value: unknown): string {
  try {
    return write(value, 0, null);
  } catch (error) {
    if (error !== LOST) throw error;
    return write(value, 0, { path: [], above: new Set() });
  }
}

/** Where the writer is: the keys that lead there, and the objects it is inside of. */
interface Place {
  readonly path: (string | number)[];
  readonly above: Set<object>;
}

/** Thrown by a writer that does not know where it is, and must. */
const LOST = new Error('where');

/** Deeper than this the writer must know where it is: what contains itself comes here as well. */
const MOST_LEVELS = 64;

/** `place` is kept for the rare value that needs it, in another run: without it most are written in six tenths of the time. */
function write(value: unknown, level: number, place: Place | null): string {
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
      return value === null ? 'null' : writeObject(value, level, place);
    case 'undefined':
      return 'null';
    default:
      throw unserializable(place, `a ${typeof value} cannot be written as JSON`);
  }
}

function writeObject(value: object, level: number, place: Place | null): string {
  if (place?.above.has(value)) throw unserializable(place, 'it contains itself');
  if (level >= (place ? MAX_DEPTH : MOST_LEVELS)) throw unserializable(place, `nested deeper than ${MAX_DEPTH}`);
  place?.above.add(value);
  const text = textOf(value, level + 1, place);
  place?.above.delete(value);
  return text;
}

function textOf(value: object, level: number, place: Place | null): string {
  // Buffers have one, which makes an object of each that nobody makes bytes of again.
  if ('toJSON' in value && typeof value.toJSON === 'function' && !ArrayBuffer.isView(value))
    return write((value as { toJSON: () => unknown }).toJSON(), level, place);
  if (Array.isArray(value)) return writeArray(value, level, place);
  if (Object.getPrototypeOf(value) === Object.prototype) return writeEntries(value, level, place);
  if (value instanceof Number || value instanceof String || value instanceof Boolean)
    return write(value.valueOf(), level, place);
  if (value instanceof Map || value instanceof Set || ArrayBuffer.isView(value) || value instanceof ArrayBuffer)
    throw unserializable(place, `a ${value.constructor.name} cannot be written as JSON`);
  return writeEntries(value, level, place);
}

/** By index: map and join would leave a hole of the array empty, which is not JSON. */
function writeArray(items: readonly unknown[], level: number, place: Place | null): string {
  let text = '[';
  for (let i = 0; i < items.length; i += 1) {
    place?.path.push(i);
    const item = write(items[i], level, place);
    text += i > 0 ? `, ${item}` : item;
    place?.path.pop();
  }
  return `${text}]`;
}

function writeEntries(value: object, level: number, place: Place | null): string {
  let text = '{';
  for (const key of Object.keys(value)) {
    const inner = (value as Record<string, unknown>)[key];
    if (inner === undefined) continue;
    place?.path.push(key);
    const item = write(inner, level, place);
    text += text === '{' ? `${quoteKey(key)}: ${item}` : `, ${quoteKey(key)}: ${item}`;
    place?.path.pop();
  }
  return `${text}}`;
}

function unserializable(place: Place | null, what: string): Error {
  if (!place) return LOST;
  const where = place.path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('');
  return new UnserializableError(`$${where.length > 200 ? `${where.slice(0, 200)}…` : where}: ${what}`);
}

function writeNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  return writeFloat(value);
}

/**
 * A finite number as Python prints it. Integers as such while they are exact; beyond 2^53 a number is a float, and written as
 * Python writes one, so that neither side takes it for an exact integer (that is what bigint is for).
 */
export function writeFloat(value: number): string {
  if (Object.is(value, -0)) return '-0.0';
  if (Number.isSafeInteger(value)) return String(value);
  const size = Math.abs(value);
  if (size >= 1e16 || size < 1e-4) return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

function quote(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  return JSON.stringify(text).replace(
    /[\x7f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

const quotedKeys = new Map<string, string>();

/** The keys of many objects are the same. */
function quoteKey(key: string): string {
  let quoted = quotedKeys.get(key);
  if (quoted === undefined) {
    quoted = quote(key);
    if (key.length > 64) return quoted;
    if (quotedKeys.size === 1_000) quotedKeys.clear();
    quotedKeys.set(key, quoted);
  }
  return quoted;
}

import { writeFloat } from './json-writer.js';

const MAX_LENGTH = 75;

/**
 * The description RQ gives a job that has none: the call with Python's `repr` of each argument, cut after 75 characters, the
 * keyword arguments sorted as whole texts.
 */
export function describeCall(
  functionName: string,
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
): string {
  const positional = args.map((value) => shortRepr(value));
  const named = Object.entries(kwargs).map(([key, value]) => `${key}=${shortRepr(value)}`);
  return `${functionName}(${[...positional, ...named.sort(byCodePoint)].join(', ')})`;
}

/**
 * What Python's `repr` prints of a value that JSON can hold. With `enough`, a text longer than that may end anywhere beyond
 * it: the time then does not depend on the size of the value.
 */
export function pythonRepr(value: unknown, enough = Infinity): string {
  return repr(value, enough, new Set());
}

/** A character is at most two units of a text, so this many units hold one character more than are shown. */
const ENOUGH = 2 * (MAX_LENGTH + 1);

/** Where there is none of these a unit is a character. */
const PAIRS = /[\ud800-\udfff]/;

function shortRepr(value: unknown): string {
  const text = pythonRepr(value, ENOUGH);
  if (text.length <= MAX_LENGTH) return text;
  if (!PAIRS.test(text)) return `${text.slice(0, MAX_LENGTH)}...`;
  const characters = [...text];
  return characters.length > MAX_LENGTH ? `${characters.slice(0, MAX_LENGTH).join('')}...` : text;
}

function repr(value: unknown, enough: number, above: Set<object>): string {
  switch (typeof value) {
    case 'string':
      return reprText(value, enough);
    case 'number':
      return reprNumber(value);
    case 'bigint':
      return value.toString();
    case 'boolean':
      return value ? 'True' : 'False';
    case 'object':
      return value === null ? 'None' : reprObject(value, enough, above);
    default:
      return value === undefined ? 'None' : `<${typeof value}>`;
  }
}

const MAX_DEPTH = 100;

function reprObject(value: object, enough: number, above: Set<object>): string {
  const isList = Array.isArray(value);
  if (above.has(value)) return isList ? '[...]' : '{...}';
  if (above.size >= MAX_DEPTH) return '...';
  above.add(value);
  let text: string;
  if ('toJSON' in value && typeof value.toJSON === 'function') {
    text = repr((value as { toJSON: () => unknown }).toJSON(), enough, above);
  } else if (isList) {
    text = `[${joined(value as unknown[], enough, (item, room) => repr(item, room, above))}]`;
  } else {
    const item = ([key, inner]: [string, unknown], room: number): string => {
      const start = `${reprText(key, room)}: `;
      return start + repr(inner, room - start.length, above);
    };
    text = `{${joined(Object.entries(value), enough, item)}}`;
  }
  above.delete(value);
  return text;
}

/** Stops when there is enough: a value that holds others twice over, and those again, would be walked for ever. */
function joined<T>(items: readonly T[], enough: number, show: (item: T, room: number) => string): string {
  let text = '';
  for (let i = 0; i < items.length && text.length <= enough; i += 1) {
    if (i > 0) text += ', ';
    text += show(items[i] as T, enough - text.length);
  }
  return text;
}

function reprNumber(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  return writeFloat(value);
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
/** What Python's `str.isprintable` denies: control, format, surrogate, private and unassigned characters, and all spaces but one. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;

/** What stands in quotes as it is. */
const PLAIN = /^[\x20-\x26\x28-\x5b\x5d-\x7e]*$/;

function reprText(text: string, enough: number): string {
  const isLong = text.length > enough;
  if (!isLong && PLAIN.test(text)) return `'${text}'`;
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const shown = isLong ? text.slice(0, Math.max(0, enough + 1)) : text;
  if (isLong && PLAIN.test(shown)) return quote + shown + quote;
  let out = '';
  for (const char of shown) {
    if (out.length > enough) break;
    if (char === quote) out += `\\${char}`;
    else if (Object.hasOwn(ESCAPES, char)) out += ESCAPES[char] ?? '';
    else out += UNPRINTABLE.test(char) ? escape(char.codePointAt(0) ?? 0) : char;
  }
  return quote + out + quote;
}

function escape(code: number): string {
  if (code <= 0xff) return `\\x${code.toString(16).padStart(2, '0')}`;
  return code <= 0xffff ? `\\u${code.toString(16).padStart(4, '0')}` : `\\U${code.toString(16).padStart(8, '0')}`;
}

/** As Python orders texts; `<` compares UTF-16 units, and puts an emoji before U+FF01. */
const byCodePoint = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

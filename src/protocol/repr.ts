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
  const positional = args.map((value) => cut(pythonRepr(value)));
  const named = Object.entries(kwargs).map(([key, value]) => `${key}=${cut(pythonRepr(value))}`);
  return `${functionName}(${[...positional, ...named.sort(byCodePoint)].join(', ')})`;
}

/** What Python's `repr` prints of a value that JSON can hold. */
export function pythonRepr(value: unknown, depth = 0): string {
  if (depth > 100) return '...';
  switch (typeof value) {
    case 'string':
      return reprText(value);
    case 'number':
      return reprNumber(value);
    case 'bigint':
      return value.toString();
    case 'boolean':
      return value ? 'True' : 'False';
    case 'object':
      return reprObject(value, depth);
    default:
      return value === undefined ? 'None' : `<${typeof value}>`;
  }
}

function reprObject(value: object | null, depth: number): string {
  if (value === null) return 'None';
  if ('toJSON' in value && typeof value.toJSON === 'function') {
    return pythonRepr((value as { toJSON: () => unknown }).toJSON(), depth + 1);
  }
  if (Array.isArray(value)) return `[${value.map((item) => pythonRepr(item, depth + 1)).join(', ')}]`;
  const items = Object.entries(value).map(([key, item]) => `${reprText(key)}: ${pythonRepr(item, depth + 1)}`);
  return `{${items.join(', ')}}`;
}

function reprNumber(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (Object.is(value, -0)) return '-0.0';
  return String(value).replace(/e([+-])(\d)$/, 'e$10$2');
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
/** What Python's `str.isprintable` denies: control, format, surrogate, private and unassigned characters, and all spaces but one. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;

function reprText(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let out = '';
  for (const char of text) {
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

function cut(text: string): string {
  const characters = [...text];
  return characters.length > MAX_LENGTH ? `${characters.slice(0, MAX_LENGTH).join('')}...` : text;
}

const byCodePoint = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

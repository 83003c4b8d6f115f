/** A pickle that holds what is not plain data, or is no pickle. Nothing in it was executed: reading only builds values. */
export class PickleError extends Error {
  override readonly name = 'PickleError';
}

/** Bytes of one integer: reading takes time by the square of its length. */
const MAX_INTEGER_BYTES = 16_384;
const MAX_DEPTH = 500;
const MAX_VALUES = 5_000_000;

/** What a name in a pickle stands for: it is called by a table of ours, never looked up. */
class Global {
  readonly name: string;
  constructor(module: string, name: string) {
    // Protocol 2 calls it by its name in Python 2.
    this.name = `${module === '__builtin__' ? 'builtins' : module}.${name}`.slice(0, 200);
  }
}
/** Where the items of a container begin. */
export const MARK = Symbol('mark');
/** A UUID before its state is set. */
class RawUuid {
  text = '';
}
class TimeDelta {
  readonly seconds: number;
  constructor(seconds: number) {
    this.seconds = seconds;
  }
}
class TimeZone {
  readonly offsetSeconds: number;
  constructor(offsetSeconds: number) {
    this.offsetSeconds = offsetSeconds;
  }
}

export function setItems(target: unknown, items: readonly unknown[]): void {
  if (!(target instanceof Map)) throw new PickleError('its instructions do not fit together');
  for (let i = 0; i + 1 < items.length; i += 2) target.set(items[i], items[i + 1]);
}
export function append(target: unknown, items: readonly unknown[]): void {
  if (!Array.isArray(target)) throw new PickleError('its instructions do not fit together');
  for (const item of items) target.push(item);
}
export function addItems(target: unknown, items: readonly unknown[]): void {
  if (!(target instanceof Set)) throw new PickleError('its instructions do not fit together');
  for (const item of items) target.add(item);
}

export function integer(bytes: Buffer): number | bigint {
  if (bytes.length === 0) return 0;
  if (bytes.length > MAX_INTEGER_BYTES) throw new PickleError(`an integer of ${bytes.length} bytes`);
  const value = BigInt.asIntN(bytes.length * 8, BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`));
  return narrow(value);
}
const narrow = (value: bigint): number | bigint => {
  const small = Number(value);
  return Number.isSafeInteger(small) ? small : value;
};

export function bigText(text: string): number | bigint {
  if (!/^-?\d+L?$/.test(text) || text.length > MAX_INTEGER_BYTES) throw new PickleError('an integer that is none');
  return narrow(BigInt(text.replace('L', '')));
}

export function global(module: unknown, name: unknown): Global {
  if (typeof module !== 'string' || typeof name !== 'string') throw new PickleError('a name that is no text');
  const found = new Global(module, name);
  if (!Object.hasOwn(CALLS, found.name)) throw new PickleError(`a value of type ${found.name}`);
  return found;
}

export function call(callee: unknown, args: unknown): unknown {
  if (!(callee instanceof Global) || !Array.isArray(args))
    throw new PickleError('its instructions do not fit together');
  const made = CALLS[callee.name]?.(args);
  if (made === undefined) throw new PickleError(`a ${callee.name} of an unknown form`);
  return made;
}

export function build(target: unknown, state: unknown): void {
  const value = state instanceof Map ? (state.get('int') as unknown) : undefined;
  if (!(target instanceof RawUuid) || (typeof value !== 'number' && typeof value !== 'bigint')) {
    throw new PickleError('an object with a state of its own');
  }
  const hex = BigInt(value).toString(16).padStart(32, '0');
  target.text = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

const two = (value: number): string => String(value).padStart(2, '0');
const micros = (bytes: Buffer, at: number): number => bytes.readUIntBE(at, 3);

function datetime([state, zone]: readonly unknown[]): Date | undefined {
  const bytes = asBytes(state);
  if (bytes?.length !== 10) return undefined;
  const [month = 0, day = 0, hour = 0, minute = 0, second = 0] = bytes.subarray(2, 7);
  const date = new Date(0);
  date.setUTCFullYear(bytes.readUInt16BE(0), (month & 0x7f) - 1, day);
  date.setUTCHours(hour, minute, second, Math.floor(micros(bytes, 7) / 1_000));
  const offset = zone instanceof TimeZone ? zone.offsetSeconds : zone === undefined || zone === null ? 0 : undefined;
  return offset === undefined ? undefined : new Date(date.getTime() - offset * 1_000);
}

/** Python 3 writes them as bytes, by protocol 2 as a text of Latin-1. */
function asBytes(value: unknown): Buffer | undefined {
  if (Buffer.isBuffer(value)) return value;
  return typeof value === 'string' ? Buffer.from(value, 'latin1') : undefined;
}

function date([state]: readonly unknown[]): string | undefined {
  const bytes = asBytes(state);
  if (bytes?.length !== 4) return undefined;
  return `${String(bytes.readUInt16BE(0)).padStart(4, '0')}-${two(bytes[2] ?? 0)}-${two(bytes[3] ?? 0)}`;
}

function time([state]: readonly unknown[]): string | undefined {
  const bytes = asBytes(state);
  if (bytes?.length !== 6) return undefined;
  const [hour = 0, minute = 0, second = 0] = bytes;
  const fraction = micros(bytes, 3);
  const text = `${two(hour & 0x7f)}:${two(minute)}:${two(second)}`;
  return fraction === 0 ? text : `${text}.${String(fraction).padStart(6, '0')}`;
}

function timedelta(args: readonly unknown[]): TimeDelta | undefined {
  const [days = 0, seconds = 0, micro = 0] = args;
  if (![days, seconds, micro].every((part) => typeof part === 'number')) return undefined;
  return new TimeDelta(Number(days) * 86_400 + Number(seconds) + Number(micro) / 1_000_000);
}

const only = (args: readonly unknown[]): unknown => (args.length === 1 ? args[0] : undefined);
const asText = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
const asSet = (value: unknown): Set<unknown> | undefined => (Array.isArray(value) ? new Set(value) : undefined);

/** All that a pickle may have called, and what we make of it. */
const CALLS: Readonly<Record<string, (args: readonly unknown[]) => unknown>> = {
  'datetime.datetime': datetime,
  'datetime.date': date,
  'datetime.time': time,
  'datetime.timedelta': timedelta,
  'datetime.timezone': ([delta]) => (delta instanceof TimeDelta ? new TimeZone(delta.seconds) : undefined),
  'decimal.Decimal': (args) => asText(only(args)),
  'uuid.UUID': (args) => (args.length === 0 ? new RawUuid() : undefined),
  'collections.OrderedDict': (args) => (args.length === 0 ? new Map() : undefined),
  'builtins.set': (args) => (args.length === 0 ? new Set() : asSet(only(args))),
  'builtins.frozenset': (args) => (args.length === 0 ? new Set() : asSet(only(args))),
  'builtins.bytearray': (args) => (args.length === 0 ? Buffer.alloc(0) : asBytes(args[0])),
  'builtins.bytes': (args) => (args.length === 0 ? Buffer.alloc(0) : undefined),
  '_codecs.encode': ([text]) => asBytes(text),
};

/** The values a handler gets, in place of those that were built. What refers to itself, or to one thing very often, has no end. */
export function plain(value: unknown, at = { depth: 0, left: MAX_VALUES }): unknown {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value) || value instanceof Date) {
    if (value === MARK) throw new PickleError('its instructions do not fit together');
    return value;
  }
  if (value instanceof RawUuid) return value.text;
  if (value instanceof TimeDelta) return value.seconds;
  if (value instanceof Global) throw new PickleError(`a value of type ${value.name}`);
  if (value instanceof TimeZone) throw new PickleError('a value of type datetime.timezone');
  if (at.depth >= MAX_DEPTH) throw new PickleError(`values nested deeper than ${MAX_DEPTH} levels`);
  at.depth += 1;
  const inner = (one: unknown): unknown => {
    at.left -= 1;
    if (at.left < 0) throw new PickleError(`more than ${MAX_VALUES} values`);
    return plain(one, at);
  };
  let made: unknown;
  if (Array.isArray(value)) made = value.map(inner);
  else if (value instanceof Set) made = new Set([...value].map(inner));
  else if (value instanceof Map)
    made = object(value, inner) ?? dict([...value].map(([key, one]) => [inner(key), inner(one)]));
  at.depth -= 1;
  return made;
}

/** A dict with texts as keys; null for any other. */
function object(map: ReadonlyMap<unknown, unknown>, inner: (value: unknown) => unknown): object | null {
  for (const key of map.keys()) if (typeof key !== 'string') return null;
  const made: Record<string, unknown> = {};
  for (const [key, value] of map as ReadonlyMap<string, unknown>) set(made, String(inner(key)), inner(value));
  return made;
}

/** An assignment to that one key would change the prototype. */
function set(made: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== '__proto__') made[key] = value;
  else Object.defineProperty(made, key, { value, writable: true, enumerable: true, configurable: true });
}

function dict(entries: readonly (readonly [unknown, unknown])[]): unknown {
  // An array or a Date as a key is another object each time it is read: of no use to whoever looks it up.
  if (entries.some(([key]) => typeof key === 'object' && key !== null))
    throw new PickleError('a dict whose keys are no plain values');
  if (entries.some(([key]) => typeof key !== 'string')) return new Map(entries);
  const made: Record<string, unknown> = {};
  for (const [key, value] of entries) set(made, String(key), value);
  return made;
}

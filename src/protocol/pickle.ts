/** A pickle that holds what is not plain data, or is no pickle. Nothing in it was executed: reading only builds values. */
export class PickleError extends Error {
  override readonly name = 'PickleError';
}

/** The first byte of every pickle since protocol 2. */
export const PICKLE_MARK = 0x80;

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
const MARK = Symbol('mark');
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

/**
 * Reads a pickle of protocol 2 to 5 that holds plain data. None is null; int a number, beyond 2^53 a bigint; bytes a Buffer;
 * list and tuple arrays; a dict an object, with keys that are no texts a Map; sets a Set; an aware datetime a Date, a naive one too, taken
 * as UTC; date and time texts; timedelta seconds; Decimal and UUID texts. Throws PickleError with the name of any other type.
 */
export function loadsPickle(data: Buffer): unknown {
  const value = new Reader(data).read();
  return plain(value, { depth: 0, left: MAX_VALUES });
}

class Reader {
  readonly #data: Buffer;
  readonly #memo = new Map<number, unknown>();
  #stack: unknown[] = [];
  #at = 0;

  constructor(data: Buffer) {
    this.#data = data;
  }

  read(): unknown {
    for (;;) {
      const opcode = this.#byte();
      if (opcode === 0x2e) return this.#pop();
      const act = OPCODES[opcode];
      if (!act) throw new PickleError(`an instruction that is not understood (0x${opcode.toString(16)})`);
      act(this);
    }
  }

  #byte(): number {
    const byte = this.#data[this.#at];
    if (byte === undefined) throw new PickleError('it breaks off');
    this.#at += 1;
    return byte;
  }
  bytes(length: number): Buffer {
    const end = this.#at + length;
    if (!(length >= 0) || end > this.#data.length) throw new PickleError('it breaks off');
    const part = this.#data.subarray(this.#at, end);
    this.#at = end;
    return part;
  }
  number(size: 1 | 2 | 4 | 8): number {
    const part = this.bytes(size);
    return size === 8 ? Number(part.readBigUInt64LE()) : part.readUIntLE(0, size);
  }
  line(): string {
    const end = this.#data.indexOf(10, this.#at);
    if (end < 0) throw new PickleError('it breaks off');
    const text = this.bytes(end - this.#at).toString();
    this.#at += 1;
    return text;
  }
  push(value: unknown): void {
    this.#stack.push(value);
  }
  #pop(): unknown {
    if (this.#stack.length === 0) throw new PickleError('its instructions do not fit together');
    return this.#stack.pop();
  }
  pop(): unknown {
    return this.#pop();
  }
  top(): unknown {
    if (this.#stack.length === 0) throw new PickleError('its instructions do not fit together');
    return this.#stack.at(-1);
  }
  /** What was pushed since the last mark. */
  sinceMark(): unknown[] {
    const at = this.#stack.lastIndexOf(MARK);
    if (at < 0) throw new PickleError('its instructions do not fit together');
    const items = this.#stack.splice(at);
    items.shift();
    return items;
  }
  mark(): void {
    this.#stack.push(MARK);
  }
  put(index: number): void {
    this.#memo.set(index, this.top());
  }
  memoize(): void {
    this.put(this.#memo.size);
  }
  get(index: number): void {
    if (!this.#memo.has(index)) throw new PickleError('it refers to what it does not hold');
    this.push(this.#memo.get(index));
  }
  take(count: number): unknown[] {
    return Array.from({ length: count }, () => this.#pop()).reverse();
  }
}

function setItems(target: unknown, items: readonly unknown[]): void {
  if (!(target instanceof Map)) throw new PickleError('its instructions do not fit together');
  for (let i = 0; i + 1 < items.length; i += 2) target.set(items[i], items[i + 1]);
}
function append(target: unknown, items: readonly unknown[]): void {
  if (!Array.isArray(target)) throw new PickleError('its instructions do not fit together');
  for (const item of items) target.push(item);
}
function addItems(target: unknown, items: readonly unknown[]): void {
  if (!(target instanceof Set)) throw new PickleError('its instructions do not fit together');
  for (const item of items) target.add(item);
}

function integer(bytes: Buffer): number | bigint {
  if (bytes.length === 0) return 0;
  if (bytes.length > MAX_INTEGER_BYTES) throw new PickleError(`an integer of ${bytes.length} bytes`);
  const value = BigInt.asIntN(bytes.length * 8, BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`));
  return narrow(value);
}
const narrow = (value: bigint): number | bigint => {
  const small = Number(value);
  return Number.isSafeInteger(small) ? small : value;
};

function bigText(text: string): number | bigint {
  if (!/^-?\d+L?$/.test(text) || text.length > MAX_INTEGER_BYTES) throw new PickleError('an integer that is none');
  return narrow(BigInt(text.replace('L', '')));
}

function global(module: unknown, name: unknown): Global {
  if (typeof module !== 'string' || typeof name !== 'string') throw new PickleError('a name that is no text');
  const found = new Global(module, name);
  if (!Object.hasOwn(CALLS, found.name)) throw new PickleError(`a value of type ${found.name}`);
  return found;
}

function call(callee: unknown, args: unknown): unknown {
  if (!(callee instanceof Global) || !Array.isArray(args))
    throw new PickleError('its instructions do not fit together');
  const made = CALLS[callee.name]?.(args);
  if (made === undefined) throw new PickleError(`a ${callee.name} of an unknown form`);
  return made;
}

function build(target: unknown, state: unknown): void {
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

const OPCODES: Readonly<Record<number, (reader: Reader) => void>> = {
  0x80: (r) => void r.number(1), // PROTO
  0x95: (r) => void r.number(8), // FRAME
  0x28: (r) => r.mark(), // MARK
  0x30: (r) => void r.pop(), // POP
  0x31: (r) => void r.sinceMark(), // POP_MARK
  0x32: (r) => r.push(r.top()), // DUP
  0x4e: (r) => r.push(null), // NONE
  0x88: (r) => r.push(true), // NEWTRUE
  0x89: (r) => r.push(false), // NEWFALSE
  0x49: (r) => {
    const text = r.line(); // INT
    r.push(text === '01' ? true : text === '00' ? false : bigText(text));
  },
  0x4c: (r) => r.push(bigText(r.line())), // LONG
  0x46: (r) => r.push(Number(r.line())), // FLOAT
  0x4a: (r) => r.push(r.bytes(4).readInt32LE()), // BININT
  0x4b: (r) => r.push(r.number(1)), // BININT1
  0x4d: (r) => r.push(r.number(2)), // BININT2
  0x8a: (r) => r.push(integer(r.bytes(r.number(1)))), // LONG1
  0x8b: (r) => r.push(integer(r.bytes(r.number(4)))), // LONG4
  0x47: (r) => r.push(r.bytes(8).readDoubleBE()), // BINFLOAT
  0x8c: (r) => r.push(r.bytes(r.number(1)).toString()), // SHORT_BINUNICODE
  0x58: (r) => r.push(r.bytes(r.number(4)).toString()), // BINUNICODE
  0x8d: (r) => r.push(r.bytes(r.number(8)).toString()), // BINUNICODE8
  0x43: (r) => r.push(Buffer.from(r.bytes(r.number(1)))), // SHORT_BINBYTES
  0x42: (r) => r.push(Buffer.from(r.bytes(r.number(4)))), // BINBYTES
  0x8e: (r) => r.push(Buffer.from(r.bytes(r.number(8)))), // BINBYTES8
  0x96: (r) => r.push(Buffer.from(r.bytes(r.number(8)))), // BYTEARRAY8
  0x5d: (r) => r.push([]), // EMPTY_LIST
  0x61: (r) => {
    const item = r.pop(); // APPEND
    append(r.top(), [item]);
  },
  0x65: (r) => {
    const items = r.sinceMark(); // APPENDS
    append(r.top(), items);
  },
  0x6c: (r) => r.push(r.sinceMark()), // LIST
  0x7d: (r) => r.push(new Map()), // EMPTY_DICT
  0x73: (r) => {
    const pair = r.take(2); // SETITEM
    setItems(r.top(), pair);
  },
  0x75: (r) => {
    const items = r.sinceMark(); // SETITEMS
    setItems(r.top(), items);
  },
  0x64: (r) => {
    const map = new Map(); // DICT
    setItems(map, r.sinceMark());
    r.push(map);
  },
  0x29: (r) => r.push([]), // EMPTY_TUPLE
  0x74: (r) => r.push(r.sinceMark()), // TUPLE
  0x85: (r) => r.push(r.take(1)), // TUPLE1
  0x86: (r) => r.push(r.take(2)), // TUPLE2
  0x87: (r) => r.push(r.take(3)), // TUPLE3
  0x8f: (r) => r.push(new Set()), // EMPTY_SET
  0x90: (r) => {
    const items = r.sinceMark(); // ADDITEMS
    addItems(r.top(), items);
  },
  0x91: (r) => r.push(new Set(r.sinceMark())), // FROZENSET
  0x94: (r) => r.memoize(), // MEMOIZE
  0x71: (r) => r.put(r.number(1)), // BINPUT
  0x72: (r) => r.put(r.number(4)), // LONG_BINPUT
  0x68: (r) => r.get(r.number(1)), // BINGET
  0x6a: (r) => r.get(r.number(4)), // LONG_BINGET
  0x63: (r) => r.push(global(r.line(), r.line())), // GLOBAL
  0x93: (r) => {
    const [module, name] = r.take(2); // STACK_GLOBAL
    r.push(global(module, name));
  },
  0x52: (r) => {
    const [callee, args] = r.take(2); // REDUCE
    r.push(call(callee, args));
  },
  0x81: (r) => {
    const [callee, args] = r.take(2); // NEWOBJ
    r.push(call(callee, args));
  },
  0x62: (r) => {
    const state = r.pop(); // BUILD
    build(r.top(), state);
  },
};

/** The values a handler gets, in place of those that were built. What refers to itself, or to one thing very often, has no end. */
function plain(value: unknown, at: { depth: number; left: number }): unknown {
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
  else if (value instanceof Map) made = dict([...value].map(([key, one]) => [inner(key), inner(one)]));
  at.depth -= 1;
  return made;
}

function dict(entries: readonly (readonly [unknown, unknown])[]): unknown {
  // An array or a Date as a key is another object each time it is read: of no use to whoever looks it up.
  if (entries.some(([key]) => typeof key === 'object' && key !== null))
    throw new PickleError('a dict whose keys are no plain values');
  if (entries.some(([key]) => typeof key !== 'string')) return new Map(entries);
  const object: Record<string, unknown> = {};
  for (const [key, value] of entries) {
    Object.defineProperty(object, String(key), { value, writable: true, enumerable: true, configurable: true });
  }
  return object;
}

import {
  addItems,
  append,
  bigText,
  build,
  call,
  global,
  integer,
  MARK,
  PickleError,
  plain,
  setItems,
} from './pickle-values.js';

/** The first byte of every pickle since protocol 2. */
export const PICKLE_MARK = 0x80;

/**
 * Reads a pickle of protocol 2 to 5 that holds plain data. None is null; int a number, beyond 2^53 a bigint; bytes a Buffer;
 * list and tuple arrays; a dict an object, with keys that are no texts a Map; sets a Set; an aware datetime a Date, a naive one too, taken
 * as UTC; date and time texts; timedelta seconds; Decimal and UUID texts. Throws PickleError with the name of any other type.
 */
export function loadsPickle(data: Buffer): unknown {
  return plain(new Reader(data).read());
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
  /** Steps over so many bytes; where they begin. */
  #skip(length: number): number {
    const at = this.#at;
    if (!(length >= 0) || at + length > this.#data.length) throw new PickleError('it breaks off');
    this.#at = at + length;
    return at;
  }
  bytes(length: number): Buffer {
    const at = this.#skip(length);
    return this.#data.subarray(at, this.#at);
  }
  text(length: number): string {
    const at = this.#skip(length);
    return this.#data.toString('utf8', at, this.#at);
  }
  number(size: 1 | 2 | 4 | 8): number {
    if (size === 1) return this.#byte();
    const at = this.#skip(size);
    return size === 8 ? Number(this.#data.readBigUInt64LE(at)) : this.#data.readUIntLE(at, size);
  }
  int32(): number {
    return this.#data.readInt32LE(this.#skip(4));
  }
  double(): number {
    return this.#data.readDoubleBE(this.#skip(8));
  }
  line(): string {
    const end = this.#data.indexOf(10, this.#at);
    if (end < 0) throw new PickleError('it breaks off');
    const text = this.text(end - this.#at);
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
    const items = this.#stack.slice(at + 1);
    this.#stack.length = at;
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
  0x4a: (r) => r.push(r.int32()), // BININT
  0x4b: (r) => r.push(r.number(1)), // BININT1
  0x4d: (r) => r.push(r.number(2)), // BININT2
  0x8a: (r) => r.push(integer(r.bytes(r.number(1)))), // LONG1
  0x8b: (r) => r.push(integer(r.bytes(r.number(4)))), // LONG4
  0x47: (r) => r.push(r.double()), // BINFLOAT
  0x8c: (r) => r.push(r.text(r.number(1))), // SHORT_BINUNICODE
  0x58: (r) => r.push(r.text(r.number(4))), // BINUNICODE
  0x8d: (r) => r.push(r.text(r.number(8))), // BINUNICODE8
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

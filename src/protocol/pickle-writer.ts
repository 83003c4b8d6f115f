import { UnserializableError } from './json-writer.js';

const MAX_DEPTH = 500;

/**
 * A pickle of protocol 4 that Python's default serializer reads. Whole numbers and bigints become int, others float; Buffers
 * bytes; arrays lists; plain objects and Maps dicts; Sets sets; Dates aware datetimes in UTC. As in JSON, undefined is left out of objects and None
 * elsewhere, and an object with `toJSON` is what that returns. Throws UnserializableError for anything else, with its type.
 */
export function dumpsPickle(value: unknown): Buffer {
  const writer = new Writer();
  writer.raw(0x80, 4);
  writer.write(value);
  writer.raw(0x2e);
  return writer.bytes();
}

class Writer {
  #bytes = Buffer.allocUnsafe(256);
  #length = 0;
  readonly #open = new Set<object>();

  /** What was written, in memory of its own. */
  bytes(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#length));
  }

  raw(...bytes: number[]): void {
    const at = this.#take(bytes.length);
    for (let i = 0; i < bytes.length; i += 1) this.#bytes[at + i] = bytes[i] as number;
  }

  /** Room for so many bytes; where it begins. */
  #take(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(2 * this.#length);
      this.#bytes.copy(larger, 0, 0, at);
      this.#bytes = larger;
    }
    return at;
  }

  write(value: unknown): void {
    switch (typeof value) {
      case 'undefined':
        this.raw(0x4e);
        return;
      case 'boolean':
        this.raw(value ? 0x88 : 0x89);
        return;
      case 'number':
        this.#number(value);
        return;
      case 'bigint':
        if (value === BigInt.asIntN(32, value)) this.#number(Number(value));
        else this.#long(value);
        return;
      case 'string':
        this.#text(value);
        return;
      case 'object':
        if (value === null) this.raw(0x4e);
        else this.#object(value);
        return;
      default:
        throw new UnserializableError(`a ${typeof value} is no data`);
    }
  }

  #object(value: object): void {
    if (this.#open.has(value)) throw new UnserializableError('it refers to itself');
    if (this.#open.size >= MAX_DEPTH) throw new UnserializableError(`it is nested deeper than ${MAX_DEPTH} levels`);
    this.#open.add(value);
    if (value instanceof Uint8Array) this.#buffer(value);
    else if (value instanceof Date) this.#date(value);
    else if (Array.isArray(value)) this.#items(0x5d, 0x65, value);
    else if (value instanceof Set) this.#items(0x8f, 0x90, value);
    else if (value instanceof Map) this.#items(0x7d, 0x75, [...value].flat());
    else if ('toJSON' in value && typeof value.toJSON === 'function') this.write((value.toJSON as () => unknown)());
    else if (isPlain(value)) this.#entries(value);
    else throw new UnserializableError(`a ${value.constructor.name || 'nameless class'} is no data`);
    this.#open.delete(value);
  }

  #items(empty: number, add: number, items: Iterable<unknown>): void {
    this.raw(empty, 0x28);
    for (const item of items) this.write(item);
    this.raw(add);
  }

  #entries(value: object): void {
    this.raw(0x7d, 0x28);
    for (const [key, item] of Object.entries(value)) {
      if (item === undefined) continue;
      this.#text(key);
      this.write(item);
    }
    this.raw(0x75);
  }

  #number(value: number): void {
    if (value === (value | 0) && !Object.is(value, -0)) {
      const at = this.#take(5);
      this.#bytes[at] = 0x4a;
      this.#bytes.writeInt32LE(value, at + 1);
    } else if (Number.isSafeInteger(value) && value !== 0) {
      this.#long(BigInt(value));
    } else {
      const at = this.#take(9);
      this.#bytes[at] = 0x47;
      this.#bytes.writeDoubleBE(value, at + 1);
    }
  }

  #long(value: bigint): void {
    const bits = (value < 0n ? -value : value).toString(2).length + 1;
    const size = Math.ceil(bits / 8);
    const hex = BigInt.asUintN(size * 8, value)
      .toString(16)
      .padStart(size * 2, '0');
    const bytes = Buffer.from(hex, 'hex').reverse();
    if (size < 256) this.raw(0x8a, size);
    else this.#sized(0x8b, size);
    this.#copy(bytes);
  }

  #text(value: string): void {
    const size = Buffer.byteLength(value);
    this.#sized(0x58, size);
    const at = this.#take(size);
    this.#bytes.write(value, at);
  }

  #buffer(value: Uint8Array): void {
    this.#sized(0x42, value.length);
    this.#copy(value);
  }

  #sized(opcode: number, size: number): void {
    const at = this.#take(5);
    this.#bytes[at] = opcode;
    this.#bytes.writeUInt32LE(size, at + 1);
  }

  #copy(bytes: Uint8Array): void {
    const at = this.#take(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** `datetime(bytes, timezone(timedelta(0)))`: what CPython writes for an aware datetime in UTC. */
  #date(date: Date): void {
    const year = date.getUTCFullYear();
    if (Number.isNaN(year) || year < 1 || year > 9_999) throw new UnserializableError('a date that Python has not');
    const state = Buffer.alloc(10);
    state.writeUInt16BE(year, 0);
    state.set(
      [date.getUTCMonth() + 1, date.getUTCDate(), date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()],
      2,
    );
    state.writeUIntBE(date.getUTCMilliseconds() * 1_000, 7, 3);
    this.#copy(Buffer.from('cdatetime\ndatetime\n'));
    this.raw(0x43, 10, ...state);
    this.#copy(Buffer.from('cdatetime\ntimezone\ncdatetime\ntimedelta\n'));
    // timedelta(0, 0, 0), timezone(that), and the two as arguments of datetime.
    this.raw(0x4b, 0, 0x4b, 0, 0x4b, 0, 0x87, 0x52, 0x85, 0x52, 0x86, 0x52);
  }
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

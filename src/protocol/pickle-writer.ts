import { UnserializableError } from './json.js';

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
  readonly #parts: Buffer[] = [];
  readonly #open = new Set<object>();

  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }

  raw(...bytes: number[]): void {
    this.#parts.push(Buffer.from(bytes));
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
        if (Number.isSafeInteger(value) && !Object.is(value, -0)) this.#integer(BigInt(value));
        else this.#sized(0x47, 8, (part) => part.writeDoubleBE(value, 1));
        return;
      case 'bigint':
        this.#integer(value);
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
    if (value instanceof Uint8Array) this.#bytes(value);
    else if (value instanceof Date) this.#date(value);
    else if (Array.isArray(value)) this.#items(0x5d, 0x65, value);
    else if (value instanceof Set) this.#items(0x8f, 0x90, value);
    else if (value instanceof Map) this.#items(0x7d, 0x75, [...value].flat());
    else if ('toJSON' in value && typeof value.toJSON === 'function') this.write((value.toJSON as () => unknown)());
    else if (isPlain(value))
      this.#items(
        0x7d,
        0x75,
        Object.entries(value)
          .filter(([, one]) => one !== undefined)
          .flat(),
      );
    else throw new UnserializableError(`a ${value.constructor.name || 'nameless class'} is no data`);
    this.#open.delete(value);
  }

  #items(empty: number, add: number, items: Iterable<unknown>): void {
    this.raw(empty, 0x28);
    for (const item of items) this.write(item);
    this.raw(add);
  }

  #sized(opcode: number, size: number, write: (part: Buffer) => void): void {
    const part = Buffer.alloc(size + 1);
    part[0] = opcode;
    write(part);
    this.#parts.push(part);
  }

  #integer(value: bigint): void {
    if (value >= -0x8000_0000n && value <= 0x7fff_ffffn) {
      this.#sized(0x4a, 4, (part) => part.writeInt32LE(Number(value), 1));
      return;
    }
    const bits = (value < 0n ? -value : value).toString(2).length + 1;
    const size = Math.ceil(bits / 8);
    const hex = BigInt.asUintN(size * 8, value)
      .toString(16)
      .padStart(size * 2, '0');
    const bytes = Buffer.from(hex, 'hex').reverse();
    if (size < 256) this.raw(0x8a, size);
    else this.#sized(0x8b, 4, (part) => part.writeUInt32LE(size, 1));
    this.#parts.push(bytes);
  }

  #text(value: string): void {
    const bytes = Buffer.from(value);
    this.#sized(0x58, 4, (part) => part.writeUInt32LE(bytes.length, 1));
    this.#parts.push(bytes);
  }

  #bytes(value: Uint8Array): void {
    this.#sized(0x42, 4, (part) => part.writeUInt32LE(value.length, 1));
    this.#parts.push(Buffer.from(value));
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
    this.#parts.push(Buffer.from('cdatetime\ndatetime\n'));
    this.raw(0x43, 10, ...state);
    this.#parts.push(Buffer.from('cdatetime\ntimezone\ncdatetime\ntimedelta\n'));
    // timedelta(0, 0, 0), timezone(that), and the two as arguments of datetime.
    this.raw(0x4b, 0, 0x4b, 0, 0x4b, 0, 0x87, 0x52, 0x85, 0x52, 0x86, 0x52);
  }
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

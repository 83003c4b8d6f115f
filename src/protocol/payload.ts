import { deflateSync, inflateSync } from 'node:zlib';
import { dumps, loads } from './json.js';

/** What a job calls. */
export interface Call {
  readonly functionName: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
}

/** A payload that cannot be read; the message says what was seen. */
export class PayloadError extends Error {
  override readonly name = 'PayloadError';
}

/** Of a payload or a result, as the serializer writes it. */
export const MAX_BYTES = 64 * 1024 * 1024;
/** Below this size a stored block costs less than deflating, and hardly more bytes. */
const STORED_BELOW = 1_024;

/** RQ's `data`: a zlib stream of `json.dumps([function, null, args, kwargs])`. Throws UnserializableError. */
export function encodePayload({ functionName, args, kwargs }: Call): Buffer {
  return deflateText(dumps([functionName, null, args, kwargs]));
}

/** Reads `data` written with RQ's JSON serializer, as a zlib stream or bare. Throws PayloadError for anything else. */
export function decodePayload(data: Buffer, maxBytes = MAX_BYTES): Call {
  const raw = inflate(data, maxBytes);
  if (raw[0] === PICKLE) {
    throw new PayloadError(
      'the payload is pickled, and only payloads of the JSON serializer are read: enqueue it with Queue(serializer=JSONSerializer)',
    );
  }
  let value: unknown;
  try {
    value = loads(raw.toString());
  } catch (error) {
    throw new PayloadError(`the payload is not JSON (${(error as Error).message}): it begins with ${shown(raw)}`);
  }
  if (!Array.isArray(value) || value.length !== 4) {
    throw new PayloadError(`the payload is not a list of function, instance, arguments, keywords: ${shown(raw)}`);
  }
  const [functionName, instance, args, kwargs] = value as [unknown, unknown, unknown, unknown];
  if (typeof functionName !== 'string')
    throw new PayloadError(`the function name in the payload is no text: ${shown(raw)}`);
  if (instance !== null)
    throw new PayloadError(`the payload calls a method of an object, which only Python can: ${shown(raw)}`);
  if (!Array.isArray(args)) throw new PayloadError(`the arguments in the payload are no list: ${shown(raw)}`);
  if (typeof kwargs !== 'object' || kwargs === null || Array.isArray(kwargs)) {
    throw new PayloadError(`the keyword arguments in the payload are no object: ${shown(raw)}`);
  }
  return { functionName, args: args as unknown[], kwargs: kwargs as Record<string, unknown> };
}

/** A zlib stream of the text, as RQ stores payloads and error texts. */
export function deflateText(text: string): Buffer {
  const bytes = Buffer.from(text);
  return bytes.length < STORED_BELOW ? store(bytes) : deflateSync(bytes);
}

/** The text of a zlib stream. Throws PayloadError. */
export function inflateText(data: Buffer, maxBytes = MAX_BYTES): string {
  try {
    return inflateSync(data, { maxOutputLength: maxBytes }).toString();
  } catch (error) {
    throw new PayloadError(`not a zlib stream (${(error as Error).message})`);
  }
}

const PICKLE = 0x80;
const ZLIB = 0x78;

/** As RQ's reader: what is no zlib stream is taken as it is. */
function inflate(data: Buffer, maxBytes: number): Buffer {
  const tooLarge = `the payload is larger than ${Math.round(maxBytes / 1_048_576)} MiB`;
  if (data[0] === ZLIB) {
    const stored = readStored(data);
    if (stored && stored.length <= maxBytes) return stored;
    try {
      return inflateSync(data, { maxOutputLength: maxBytes });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
        throw new PayloadError(`${tooLarge} when inflated`);
    }
  }
  if (data.length > maxBytes) throw new PayloadError(tooLarge);
  return data;
}

/** A zlib stream of one stored block (RFC 1950, RFC 1951 section 3.2.4). */
function store(bytes: Buffer): Buffer {
  const { length } = bytes;
  const stream = Buffer.allocUnsafe(length + 11);
  stream.writeUInt16BE(0x7801, 0);
  stream.writeUInt8(1, 2);
  stream.writeUInt16LE(length, 3);
  stream.writeUInt16LE(~length & 0xffff, 5);
  bytes.copy(stream, 7);
  stream.writeUInt32BE(adler32(bytes), length + 7);
  return stream;
}

/** What `store` has written, without the cost of an inflater; null for any other stream. */
function readStored(data: Buffer): Buffer | null {
  if (data.length < 11 || data.length > STORED_BELOW + 11 || data[1] !== 1 || data[2] !== 1) return null;
  const length = data.readUInt16LE(3);
  if (data.length !== length + 11 || data.readUInt16LE(5) !== (~length & 0xffff)) return null;
  const bytes = data.subarray(7, length + 7);
  return adler32(bytes) === data.readUInt32BE(length + 7) ? bytes : null;
}

/** RFC 1950; of fewer than STORED_BELOW bytes: neither sum can overflow, so one modulo at the end will do. */
function adler32(bytes: Buffer): number {
  let a = 1;
  let b = 0;
  for (const byte of bytes) {
    a += byte;
    b += a;
  }
  return (((b % 65_521) << 16) | (a % 65_521)) >>> 0;
}

function shown(raw: Buffer): string {
  const text = JSON.stringify(raw.subarray(0, 60).toString('latin1'));
  return raw.length > 60 ? `${text}…` : text;
}

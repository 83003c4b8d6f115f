import { deflateSync, inflateSync } from 'node:zlib';
import { loads } from './json.js';
import { dumps } from './json-writer.js';
import { loadsPickle, PICKLE_MARK } from './pickle.js';
import { dumpsPickle } from './pickle-writer.js';
import { deflateShort, inflateShort, LEVEL } from './zlib.js';

/** What RQ stores in place of a value that its serializer cannot write; the job still counts as finished. */
export const UNSERIALIZABLE = 'Unserializable return value';

/** What a job calls. */
export interface Call {
  readonly functionName: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
}

/** RQ's JSONSerializer, or its default: of a job, its payload, meta and results are written with the same. */
export type Serializer = 'json' | 'pickle';

/** A payload that cannot be read; the message says what was seen. */
export class PayloadError extends Error {
  override readonly name = 'PayloadError';
}

/** Of a payload or a result, as the serializer writes it. */
export const MAX_BYTES = 64 * 1024 * 1024;
/** Below this size a stored block costs less than deflating, and takes no more room than a job saves by being stored in one piece. */
const STORED_BELOW = 640;
/**
 * Up to this size level 3 takes six tenths of the time of zlib's default, RQ's, for up to 8 % more bytes, which is less than is saved there
 * too. Above it level 5 does, for up to 5 %.
 */
const SMALL = 12_288;

/** A call as RQ serialises it: `[function, None, args, kwargs]`. Throws UnserializableError. */
export function serialiseCall({ functionName, args, kwargs }: Call, serializer: Serializer): Buffer {
  const call = [functionName, null, args, kwargs];
  return serializer === 'pickle' ? dumpsPickle(call) : Buffer.from(dumps(call));
}

/** RQ's `data`: a zlib stream of the serialised call. Throws UnserializableError. */
export function encodePayload(call: Call, serializer: Serializer = 'json'): Buffer {
  return deflate(serialiseCall(call, serializer));
}

/** Reads `data` of RQ's JSON serializer or of its default, as a zlib stream or bare. Throws PayloadError for anything else. */
export function decodePayload(data: Buffer, maxBytes = MAX_BYTES): Call & { readonly serializer: Serializer } {
  const raw = inflate(data, maxBytes);
  const serializer = raw[0] === PICKLE_MARK ? 'pickle' : 'json';
  const value = serializer === 'pickle' ? unpickled(raw) : parsed(raw);
  if (!Array.isArray(value) || value.length !== 4) {
    throw new PayloadError(`the payload is not a list of function, instance, arguments, keywords: ${shown(raw)}`);
  }
  const [functionName, instance, args, kwargs] = value as [unknown, unknown, unknown, unknown];
  if (typeof functionName !== 'string')
    throw new PayloadError(`the function name in the payload is no text: ${shown(raw)}`);
  if (instance !== null)
    throw new PayloadError(`the payload calls a method of an object, which only Python can: ${shown(raw)}`);
  if (!Array.isArray(args)) throw new PayloadError(`the arguments in the payload are no list: ${shown(raw)}`);
  if (typeof kwargs !== 'object' || kwargs === null || Object.getPrototypeOf(kwargs) !== Object.prototype) {
    throw new PayloadError(`the keyword arguments in the payload are no object: ${shown(raw)}`);
  }
  return { functionName, args: args as unknown[], kwargs: kwargs as Record<string, unknown>, serializer };
}

/** By which serializer a payload was written, also one that cannot be read otherwise. */
export function serializerOf(data: Buffer): Serializer {
  try {
    return inflate(data, MAX_BYTES)[0] === PICKLE_MARK ? 'pickle' : 'json';
  } catch {
    return 'json';
  }
}

function parsed(raw: Buffer): unknown {
  try {
    return loads(raw.toString());
  } catch (error) {
    throw new PayloadError(`the payload is not JSON (${(error as Error).message}): it begins with ${shown(raw)}`);
  }
}

function unpickled(raw: Buffer): unknown {
  try {
    return loadsPickle(raw);
  } catch (error) {
    throw new PayloadError(`the pickled payload cannot be read: it holds ${(error as Error).message}`);
  }
}

/** A value as its job's serializer writes it. Between processes it is a text: a pickle has one byte in each character. */
export function serialise(value: unknown, serializer: Serializer): string {
  return serializer === 'pickle' ? dumpsPickle(value).toString('latin1') : dumps(value);
}

/**
 * RQ's `Retry` that a function has returned, as RQ serialises it; like `serialise`. To JSON it is no data, in pickles it is an
 * object of that class, which only Python reads.
 */
export function serialiseRetry(
  { max, intervals }: { readonly max: number; readonly intervals: readonly number[] },
  serializer: Serializer,
): string {
  if (serializer === 'json') return dumps(UNSERIALIZABLE);
  // Class, no arguments, NEWOBJ, the attributes (without the pickle's head and end), BUILD.
  const attributes = dumpsPickle({ max, intervals, enqueue_at_front: false }).toString('latin1').slice(2, -1);
  return `\x80\x04crq.job\nRetry\n)\x81${attributes}b.`;
}

/** The bytes that are stored of what `serialise` has returned. */
export function serialisedBytes(text: string): Buffer {
  return Buffer.from(text, text.charCodeAt(0) === PICKLE_MARK ? 'latin1' : 'utf8');
}

/** Reads what either serializer has written. Throws SyntaxError or PickleError. */
export function deserialise(bytes: Buffer): unknown {
  return bytes[0] === PICKLE_MARK ? loadsPickle(bytes) : loads(bytes.toString());
}

/** A zlib stream of the text, as RQ stores payloads and error texts. */
export function deflateText(text: string): Buffer {
  return deflate(Buffer.from(text));
}

/** A zlib stream of the bytes. */
export function deflate(bytes: Buffer): Buffer {
  const { length } = bytes;
  if (length < STORED_BELOW) return store(bytes);
  if (length > SMALL) return deflateSync(bytes, { level: 5 });
  return deflateShort(bytes) ?? deflateSync(bytes, { level: LEVEL });
}

/** The text of a zlib stream. Throws PayloadError. */
export function inflateText(data: Buffer, maxBytes = MAX_BYTES): string {
  try {
    return inflated(data, maxBytes).toString();
  } catch (error) {
    throw new PayloadError(`not a zlib stream (${(error as Error).message})`);
  }
}

const ZLIB = 0x78;

/** As RQ's reader: what is no zlib stream is taken as it is. */
function inflate(data: Buffer, maxBytes: number): Buffer {
  const tooLarge = `the payload is larger than ${Math.round(maxBytes / 1_048_576)} MiB`;
  if (data[0] === ZLIB) {
    const stored = readStored(data);
    if (stored && stored.length <= maxBytes) return stored;
    try {
      return inflated(data, maxBytes);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
        throw new PayloadError(`${tooLarge} when inflated`);
    }
  }
  if (data.length > maxBytes) throw new PayloadError(tooLarge);
  return data;
}

function inflated(data: Buffer, maxBytes: number): Buffer {
  const short = inflateShort(data);
  if (short && short.length <= maxBytes) return short;
  // In pieces into which most texts fit whole: what comes in many is copied together.
  const chunkSize = Math.min(Math.max(16_384, 5 * data.length), 1_048_576);
  return inflateSync(data, { maxOutputLength: maxBytes, chunkSize });
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
  // By index: the iterator of a buffer takes as long again.
  for (let i = 0; i < bytes.length; i += 1) {
    a += bytes[i] as number;
    b += a;
  }
  return (((b % 65_521) << 16) | (a % 65_521)) >>> 0;
}

function shown(raw: Buffer): string {
  const text = JSON.stringify(raw.subarray(0, 60).toString('latin1'));
  return raw.length > 60 ? `${text}…` : text;
}

import { big, char } from './packed.js';

/** What is stored of a run that succeeded. */
export interface StoredSuccess {
  /** When it ended by Redis's clock, milliseconds since the epoch: the id of the entry. */
  readonly endedAtRedisMs: number;
  /** One byte to a character, as all texts here. */
  readonly workerName: string;
  /** The serialised return value in base64; '' for None. */
  readonly value: string;
  readonly executionId: string;
  /** Seconds since the epoch, as Python prints them. */
  readonly startedAt: string;
  readonly endedAt: string;
}

/** Bytes of the checksum that ends a dump. */
const CHECKSUM = 8;

/**
 * The result stream of a job with its first entry, as Redis's DUMP would give it: RESTORE makes of it in one command what XADD and
 * EXPIRE do in two, without the 4 KB that Redis gives to the first entry of a stream. A stream of RDB version 9 (Redis 5), which
 * every later server reads: a listpack of a master entry (the names of the fields) and one entry (their values). One byte to a
 * character; `seal` writes the checksum, for which there is room.
 */
export function dumpSuccess(success: StoredSuccess): string {
  const { endedAtRedisMs, workerName, value, executionId, startedAt, endedAt } = success;
  const moment = big(Math.floor(endedAtRedisMs), 8);
  const names = value === '' ? NAMES : NAMES_WITH_VALUE;
  const texts = listed(workerName) + (value === '' ? '' : listed(value)) + listed(executionId);
  const fields = value === '' ? 5 : 6;
  // The same fields as the master entry, the same id; at the end the elements of the entry.
  const entry = `\x02\x01\x00\x01\x00\x01${ONE}${texts}${listed(startedAt)}${listed(endedAt)}${char(fields + 3)}\x01`;
  const length = 6 + names.length + entry.length + 1;
  const listpack = `${little(length, 4)}${char(2 * fields + 8)}\x00${names}${entry}\xff`;
  // One entry, whose id is the last; no consumer groups; the version.
  return `\x0f\x01\x10${moment}${ZEROS}\x80${big(length, 4)}${listpack}\x01\x81${moment}\x00\x00\x09\x00${ZEROS}`;
}

const ZEROS = '\0'.repeat(CHECKSUM);

/** A text in a listpack: its length, itself, and how long that was, for who reads backwards. */
function listed(text: string): string {
  const { length } = text;
  if (length < 64) return char(0x80 | length) + text + backwards(length + 1);
  if (length < 4_096) return char(0xe0 | (length >> 8)) + char(length) + text + backwards(length + 2);
  return `\xf0${little(length, 4)}${text}${backwards(length + 5)}`;
}

/** Seven bits in a byte, the highest first; all but the first have the eighth set. */
function backwards(length: number): string {
  if (length < 128) return char(length);
  let text = '';
  let rest = length;
  for (; rest >= 128; rest >>>= 7) text = char((rest & 0x7f) | 0x80) + text;
  return char(rest) + text;
}

function little(value: number, bytes: number): string {
  let text = '';
  for (let at = 0; at < bytes; at += 1) text += char(value >>> (8 * at));
  return text;
}

/** The type of the result. */
const ONE = listed('1');
const NAMES = masterEntry(['type', 'worker_name', 'execution_id', 'execution_started_at', 'execution_ended_at']);
const NAMES_WITH_VALUE = masterEntry([
  ...['type', 'worker_name', 'return_value'],
  ...['execution_id', 'execution_started_at', 'execution_ended_at'],
]);

/** One entry, none deleted, these fields, and the zero that ends it. */
function masterEntry(names: readonly string[]): string {
  return `\x01\x01\x00\x01${char(names.length)}\x01${names.map(listed).join('')}\x00\x01`;
}

/** Writes the checksum of a dump that stands between these places. */
export function seal(bytes: Buffer, from: number, to: number): void {
  const end = to - CHECKSUM;
  let high = 0;
  let low = 0;
  for (let i = from; i < end; i += 1) {
    const at = (low ^ (bytes[i] as number)) & 0xff;
    low = ((low >>> 8) | (high << 24)) ^ (CRC_LOW[at] as number);
    high = (high >>> 8) ^ (CRC_HIGH[at] as number);
  }
  bytes.writeInt32LE(low, end);
  bytes.writeInt32LE(high, end + 4);
}

/** CRC-64 as Redis has it (Jones, reflected), in two halves. */
const CRC_HIGH = new Int32Array(256);
const CRC_LOW = new Int32Array(256);
for (let byte = 0; byte < 256; byte += 1) {
  let crc = BigInt(byte);
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1n ? (crc >> 1n) ^ 0x95ac9329ac4bc9b5n : crc >> 1n;
  CRC_HIGH[byte] = Number(BigInt.asIntN(32, crc >> 32n));
  CRC_LOW[byte] = Number(BigInt.asIntN(32, crc));
}

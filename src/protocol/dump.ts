import { char } from './packed.js';

/**
 * Keys as Redis's DUMP would give them, for RESTORE: one command makes of such a text what takes several, or what Redis itself would
 * keep in a larger form. One byte to a character; `seal` writes the checksum at the end, for which there is room.
 */

/** Bytes of that checksum. */
const CHECKSUM = 8;
/** Room for it. */
export const NO_CHECKSUM = '\0'.repeat(CHECKSUM);

/** A text in a listpack: its length, itself, and how long that was, for who reads backwards. */
export function listed(text: string): string {
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

/** An integer in so many bytes, the lowest first. */
export function little(value: number, bytes: number): string {
  let text = '';
  for (let at = 0; at < bytes; at += 1) text += char(value >>> (8 * at));
  return text;
}

/** Writes the checksum of a dump that stands between these places. */
export function seal(bytes: Buffer, from: number, to: number): void {
  const end = to - CHECKSUM;
  let high = 0;
  let low = 0;
  let i = from;
  // Four bytes at once: none of the eight values waits for another. `readInt32LE` would take longer than all the rest.
  for (; i + 4 <= end; i += 4) {
    low ^= byte(bytes, i) | (byte(bytes, i + 1) << 8) | (byte(bytes, i + 2) << 16) | (byte(bytes, i + 3) << 24);
    const first = 0x300 | (low & 0xff);
    const second = 0x200 | ((low >>> 8) & 0xff);
    const third = 0x100 | ((low >>> 16) & 0xff);
    const fourth = low >>> 24;
    low = high ^ of(CRC_LOW, first) ^ of(CRC_LOW, second) ^ of(CRC_LOW, third) ^ of(CRC_LOW, fourth);
    high = of(CRC_HIGH, first) ^ of(CRC_HIGH, second) ^ of(CRC_HIGH, third) ^ of(CRC_HIGH, fourth);
  }
  for (; i < end; i += 1) {
    const at = (low ^ byte(bytes, i)) & 0xff;
    low = ((low >>> 8) | (high << 24)) ^ of(CRC_LOW, at);
    high = (high >>> 8) ^ of(CRC_HIGH, at);
  }
  bytes.writeInt32LE(low, end);
  bytes.writeInt32LE(high, end + 4);
}

/** CRC-64 as Redis has it (Jones, reflected), in two halves: of each byte, then of each with one, two and three zeros behind it. */
const CRC_HIGH = new Int32Array(1_024);
const CRC_LOW = new Int32Array(1_024);
for (let value = 0; value < 256; value += 1) {
  let crc = BigInt(value);
  for (let bit = 0; bit < 32; bit += 1) {
    crc = crc & 1n ? (crc >> 1n) ^ 0x95ac9329ac4bc9b5n : crc >> 1n;
    if (bit % 8 < 7) continue;
    const at = value + 256 * (bit >> 3);
    CRC_HIGH[at] = Number(BigInt.asIntN(32, crc >> 32n));
    CRC_LOW[at] = Number(BigInt.asIntN(32, crc));
  }
}

const of = (table: Int32Array, at: number): number => table[at] as number;
const byte = (bytes: Buffer, at: number): number => bytes[at] as number;

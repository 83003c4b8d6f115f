import { listed, little, NO_CHECKSUM } from './dump.js';
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
  return `\x0f\x01\x10${moment}${NO_SEQUENCE}\x80${big(length, 4)}${listpack}\x01\x81${moment}\x00\x00\x09\x00${NO_CHECKSUM}`;
}

/** The first entry of its millisecond. */
const NO_SEQUENCE = '\0'.repeat(8);
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

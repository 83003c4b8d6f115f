import { TsrqError } from '../errors.js';

/** Whole seconds since the epoch, and the microseconds beyond them, 0 to 999,999. `ms`: milliseconds, fractions kept. */
function inMicros(ms: number): [seconds: number, micros: number] {
  // The fraction by itself: in microseconds a double holds no moment after 2255 exactly.
  const below = Math.floor(ms);
  const seconds = Math.floor(below / 1_000);
  const micros = (below - seconds * 1_000) * 1_000 + Math.round((ms - below) * 1_000);
  return micros === 1_000_000 ? [seconds + 1, 0] : [seconds, micros];
}

const sixDigits = (micros: number): string => String(micros + 1_000_000).slice(1);

let lastSecond = NaN;
let lastPrefix = '';

/** RQ's date form, UTC with six fraction digits: `2026-11-20T23:47:42.640015Z`. `ms`: milliseconds since the epoch, fractions kept. */
export function formatDate(ms: number): string {
  const [seconds, micros] = inMicros(ms);
  // Most dates are written within the second of the one before.
  if (seconds !== lastSecond) {
    lastPrefix = new Date(seconds * 1_000).toISOString().slice(0, -4);
    lastSecond = seconds;
  }
  return `${lastPrefix}${sixDigits(micros)}Z`;
}

/** The same as Python's `isoformat()` writes it: `2026-11-20T23:47:42.640015+00:00`, without a fraction that is 0. */
export const isoFormat = (ms: number): string => formatDate(ms).replace(/(\.000000)?Z$/, '+00:00');

const DATE = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):?(\d\d))?$/;
/** The years 1 to 9999: all that Python, and four digits, can say. */
const FIRST_MS = Date.parse('0001-01-01T00:00:00Z');
const END_MS = Date.parse('9999-12-31T23:59:59Z') + 1_000;
/** The last number before the end: doubles are so far apart there. */
const LAST_MS = END_MS - 1 / 32;

/** Milliseconds since the epoch of a date with 0 to 9 fraction digits, of the years 1 to 9999; null for anything else. */
export function parseDate(text: string): number | null {
  const match = DATE.exec(text);
  if (!match) return null;
  const base = Date.parse(`${match[1]}T${match[2]}Z`);
  if (Number.isNaN(base)) return null;
  // Date.parse turns the 30th of February into the 2nd of March, and 24:00 into the next day.
  if (new Date(base).getUTCDate() !== Number(match[1]?.slice(8))) return null;
  const [, , , fraction = '0', sign, hours = '0', minutes = '0'] = match;
  const offsetMinutes = (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
  const second = base - offsetMinutes * 60_000;
  if (second < FIRST_MS || second >= END_MS) return null;
  return Math.min(second + Number(`0.${fraction}`) * 1_000, LAST_MS);
}

/** Seconds since the epoch as Python prints a float: `1795218627.09721`. */
export function formatEpochSeconds(ms: number): string {
  const [seconds, micros] = inMicros(ms);
  if (micros === 0) return `${seconds}.0`;
  if (seconds < 0) return String((seconds * 1_000_000 + micros) / 1_000_000);
  const digits = sixDigits(micros);
  let end = 6;
  while (digits.charCodeAt(end - 1) === 48) end -= 1;
  return `${seconds}.${digits.slice(0, end)}`;
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** 1.1 minutes are 66.00000000000001 seconds to a computer. */
const exact = (seconds: number): number => (Number.isInteger(seconds) ? seconds : Math.round(seconds * 1e6) / 1e6);

/** Seconds of a duration as RQ's options have it: a number, or a number with `d`, `h`, `m` or `s`. Throws USAGE. */
export function parseDuration(value: string | number): number {
  // Trimmed first: with spaces at both ends of the pattern, the time for a text of spaces would grow with its square.
  const match = /^(-?\d+(?:\.\d+)?)\s*([smhd]?)$/i.exec(String(value).trim());
  const seconds =
    typeof value === 'number'
      ? Math.trunc(value)
      : exact(Number(match?.[1] ?? NaN) * (UNITS[(match?.[2] ?? '').toLowerCase()] ?? 1));
  // Larger ones would be written as 8.64e+24, and no version of RQ reads that.
  if (Number.isSafeInteger(seconds)) return seconds;
  throw new TsrqError('USAGE', `'${value}' is no duration of whole seconds: write seconds, or 30s, 5m, 1.5h, 2d`);
}

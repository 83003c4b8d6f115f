import { TsrqError } from '../errors.js';

/** RQ's date form, UTC with six fraction digits: `2026-11-20T23:47:42.640015Z`. `ms`: milliseconds since the epoch, fractions kept. */
export function formatDate(ms: number): string {
  const micros = Math.round(ms * 1_000);
  const whole = Math.floor(micros / 1_000);
  return `${new Date(whole).toISOString().slice(0, -1)}${String(micros - whole * 1_000).padStart(3, '0')}Z`;
}

const DATE = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):?(\d\d))?$/;

/** Milliseconds since the epoch of a date with 0 to 6 fraction digits; null for anything else. */
export function parseDate(text: string): number | null {
  const match = DATE.exec(text);
  if (!match) return null;
  const base = Date.parse(`${match[1]}T${match[2]}Z`);
  if (Number.isNaN(base)) return null;
  // Date.parse turns the 30th of February into the 2nd of March, and 24:00 into the next day.
  if (new Date(base).getUTCDate() !== Number(match[1]?.slice(8))) return null;
  const [, , , fraction = '0', sign, hours = '0', minutes = '0'] = match;
  const offsetMinutes = (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
  return base + Number(`0.${fraction}`) * 1_000 - offsetMinutes * 60_000;
}

/** Seconds since the epoch as Python prints a float: `1795218627.09721`. */
export function formatEpochSeconds(ms: number): string {
  const text = (Math.round(ms * 1_000) / 1_000_000).toFixed(6).replace(/0+$/, '');
  return text.endsWith('.') ? `${text}0` : text;
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** Seconds of a duration as RQ's options have it: a number, or a number with `d`, `h`, `m` or `s`. Throws USAGE. */
export function parseDuration(value: string | number): number {
  const match = /^\s*(-?\d+)\s*([smhd]?)\s*$/i.exec(String(value));
  const seconds =
    typeof value === 'number'
      ? Math.trunc(value)
      : Number(match?.[1] ?? NaN) * (UNITS[(match?.[2] ?? '').toLowerCase()] ?? 1);
  // Larger ones would be written as 8.64e+24, and no version of RQ reads that.
  if (Number.isSafeInteger(seconds)) return seconds;
  throw new TsrqError('USAGE', `'${value}' is no duration: write seconds, or 30s, 5m, 1h, 2d`);
}

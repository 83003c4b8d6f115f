import { TsrqError } from '../errors.js';

/** RQ's date form, UTC with six fraction digits: `2026-11-20T23:47:42.640015Z`. `ms`: milliseconds since the epoch, fractions kept. */
export function formatDate(ms: number): string {
  const micros = Math.round(ms * 1_000);
  const whole = Math.floor(micros / 1_000);
  return `${new Date(whole).toISOString().slice(0, -1)}${String(micros - whole * 1_000).padStart(3, '0')}Z`;
}

const DATE = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|([+-]\d\d):?(\d\d))?$/;

/** Milliseconds since the epoch of a date with 0 to 6 fraction digits; null for anything else. */
export function parseDate(text: string): number | null {
  const match = DATE.exec(text);
  if (!match) return null;
  const base = Date.parse(`${match[1]}T${match[2]}Z`);
  if (Number.isNaN(base)) return null;
  const offsetMinutes =
    match[4] === undefined ? 0 : Number(match[4]) * 60 + Math.sign(Number(match[4])) * Number(match[5]);
  return base + Number(`0.${match[3] ?? 0}`) * 1_000 - offsetMinutes * 60_000;
}

/** Seconds since the epoch as Python prints a float: `1795218627.09721`. */
export function formatEpochSeconds(ms: number): string {
  const text = (Math.round(ms * 1_000) / 1_000_000).toFixed(6).replace(/0+$/, '');
  return text.endsWith('.') ? `${text}0` : text;
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** Seconds of a duration as RQ's options have it: a number, or a number with `d`, `h`, `m` or `s`. Throws USAGE. */
export function parseDuration(value: string | number): number {
  if (typeof value === 'number' && Number.isFinite(value)) return Math.trunc(value);
  const match = /^\s*(-?\d+)\s*([smhd]?)\s*$/i.exec(String(value));
  if (match) return Number(match[1]) * (UNITS[(match[2] ?? '').toLowerCase()] ?? 1);
  throw new TsrqError('USAGE', `'${value}' is no duration: write seconds, or 30s, 5m, 1h, 2d`);
}

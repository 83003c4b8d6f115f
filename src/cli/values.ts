import { InvalidArgumentError } from 'commander';
import { parseDate, parseDuration } from '../protocol/time.js';

/** Seconds of `90`, `5m`, `1h`. */
export function duration(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

/** As `duration`, from 0. */
export function waitingTime(text: string): number {
  const seconds = duration(text);
  if (seconds >= 0) return seconds;
  throw new InvalidArgumentError(`a duration from 0 is needed, not '${text}'`);
}

/** The moment of `2030-01-02T03:04:05`, local time, or with Z or an offset. */
export function date(text: string): Date {
  const ms = dateOf(text.trim());
  if (ms !== null) return new Date(ms);
  throw new InvalidArgumentError(`a date is needed, as 2030-01-02T03:04:05 (local time) or with Z, not '${text}'`);
}

/** The same as `duration`, repeatable. */
export function durations(text: string, before: readonly number[] | undefined): number[] {
  return [...(before ?? []), duration(text)];
}

/** As `duration`, above 0: `90`, `10m`, `2h`, `1d`. */
export function timespan(text: string): number {
  const seconds = durationOf(text);
  if (seconds !== null && seconds > 0) return seconds;
  throw new InvalidArgumentError(`a time above 0 is needed, as 90, 30s, 10m, 2h or 1d, not '${text}'`);
}

/**
 * A moment of an option, milliseconds since the epoch: an age (`10m`, `2h ago`, `2 hours ago`), or a date
 * (`2030-01-02`, `2030-01-02T03:04:05`, local time, or with `Z` or an offset). `nowMs`: what an age is counted from.
 */
export function moment(text: string, nowMs = Date.now()): number {
  const age = durationOf(text.trim().replace(LONG_AGE, (_, count: string, unit: string) => `${count}${unit[0] ?? ''}`));
  if (age !== null && age >= 0) return nowMs - age * 1_000;
  const date = dateOf(text.trim());
  if (date !== null) return date;
  const shown = `'${text}'`;
  throw new InvalidArgumentError(
    `an age is needed, as 10m or '2 hours ago', or a date, as 2030-01-02T03:04:05, not ${shown}`,
  );
}

/** `2 hours ago`, `5 min`: durations have the first letter of the unit. */
const LONG_AGE = /^(\d+) *(s(?:ec(?:ond)?s?)?|m(?:in(?:ute)?s?)?|h(?:(?:ou)?rs?)?|d(?:ays?)?)(?: +ago)?$/i;

function durationOf(text: string): number | null {
  try {
    return parseDuration(text);
  } catch {
    return null;
  }
}

/** Without `Z` or an offset it is local time, a day alone its beginning. */
function dateOf(text: string): number | null {
  const [, day = '', clock = '00:00', zone = ''] =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:?\d\d)?)?$/.exec(text) ?? [];
  const seconds = clock.length === 5 ? `${clock}:00` : clock;
  if (zone !== '') return parseDate(`${day}T${seconds}${zone}`);
  // The day must exist: JavaScript takes the 30th of February for the 2nd of March.
  if (parseDate(`${day}T${seconds}Z`) === null) return null;
  return new Date(`${day}T${seconds}`).getTime();
}

/** For options that may be given more than once. */
export function several(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), text];
}

/** Parses a whole number of at least `least`. */
export function whole(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`a whole number from ${least} is needed, not '${text}'`);
  };
}

/** Parses a number of seconds above 0. */
export function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError(`a number of seconds above 0 is needed, not '${text}'`);
}

/** Parses a whole number of seconds above 0. */
export const wholeSeconds = (text: string): number => whole(1)(String(seconds(text)));

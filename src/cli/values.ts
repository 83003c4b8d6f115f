import { InvalidArgumentError } from 'commander';
import { parseDuration } from '../protocol/time.js';

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
  const when = new Date(text.replace(' ', 'T'));
  if (/^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(when.getTime())) return when;
  throw new InvalidArgumentError(`a date is needed, as 2030-01-02T03:04:05 (local time) or with Z, not '${text}'`);
}

/** The same as `duration`, repeatable. */
export function durations(text: string, before: readonly number[] | undefined): number[] {
  return [...(before ?? []), duration(text)];
}

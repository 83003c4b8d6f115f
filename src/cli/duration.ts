import { InvalidArgumentError } from 'commander';
import { parseDuration } from '../protocol/time.js';

/** For options: seconds, or a number with d, h, m or s. */
export function duration(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

/** The same, repeatable. */
export function durations(text: string, before: readonly number[] | undefined): number[] {
  return [...(before ?? []), duration(text)];
}

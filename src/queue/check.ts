import { TsrqError } from '../errors.js';

/** Throws USAGE unless the value is a whole number that `fits`, or is not given. */
export function integer(
  what: string,
  value: number | undefined,
  fits: (value: number) => boolean,
  needed: string,
): void {
  if (value !== undefined) whole(what, value, fits, needed);
}

/** The same for a value that must be given. */
export function whole(what: string, value: number | undefined, fits: (value: number) => boolean, needed: string): void {
  if (Number.isSafeInteger(value) && fits(value as number)) return;
  throw usage(`the ${what} is ${String(value)}: ${needed} is needed`);
}

export function usage(message: string, hint?: string): TsrqError {
  return new TsrqError('USAGE', message, hint === undefined ? {} : { hint });
}

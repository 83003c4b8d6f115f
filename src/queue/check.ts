import { TsrqError } from '../errors.js';

/** Throws USAGE unless the value is a whole number that `fits`, or is not given. */
export function integer(
  what: string,
  value: number | undefined,
  fits: (value: number) => boolean,
  needed: string,
): void {
  if (value === undefined || (Number.isSafeInteger(value) && fits(value))) return;
  throw usage(`the ${what} is ${value}: ${needed} is needed`);
}

export function usage(message: string, hint?: string): TsrqError {
  return new TsrqError('USAGE', message, hint === undefined ? {} : { hint });
}

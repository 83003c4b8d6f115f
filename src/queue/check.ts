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

/** The same for one that must be given. */
export function neededInteger(what: string, value: unknown, fits: (value: number) => boolean, needed: string): void {
  if (Number.isSafeInteger(value) && fits(value as number)) return;
  throw usage(`the ${what} is ${shown(value)}: ${needed} is needed`);
}

/** Neither a list, nor null, nor anything simple. */
export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A value in a message. */
export const shown = (value: unknown): string => (typeof value === 'string' ? `'${value}'` : String(value));

export function usage(message: string, hint?: string): TsrqError {
  return new TsrqError('USAGE', message, hint === undefined ? {} : { hint });
}

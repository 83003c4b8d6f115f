import { TsrqError } from '../errors.js';

/** A function that runs a job: it gets the positional arguments and, if there are any, the keyword arguments as one object. */
export type Handler<Args extends readonly unknown[] = readonly never[], Result = unknown> = (...args: Args) => Result;

const REGISTERED = Symbol.for('tsrq.jobs');
const shared = globalThis as { [REGISTERED]?: Map<string, Handler> };

const registered = (): Map<string, Handler> => (shared[REGISTERED] ??= new Map<string, Handler>());

/**
 * Gives a function the name under which jobs ask for it; it stays directly callable.
 * A worker finds it if a module listed in `--jobs` calls this, itself or through its imports.
 */
export function job<Args extends readonly never[], Result>(
  name: string,
  handler: Handler<Args, Result>,
): Handler<Args, Result> {
  if (typeof name !== 'string' || name === '') {
    throw new TsrqError('USAGE', `a job needs a name, not ${JSON.stringify(name)}`, {
      hint: "write job('mail.send', async (to) => { … })",
    });
  }
  if (typeof handler !== 'function') {
    throw new TsrqError('USAGE', `the handler of job '${name}' is ${typeof handler}, not a function`);
  }
  registered().set(name, handler);
  return handler;
}

/** The handler registered under that name, if any. */
export const registeredHandler = (name: string): Handler | null => registered().get(name) ?? null;

export const registeredNames = (): string[] => [...registered().keys()];

import { TsrqError } from '../errors.js';

/** A function that runs a job: it gets the positional arguments and, if there are any, the keyword arguments as one object. */
export type Handler<Args extends readonly unknown[] = readonly never[], Result = unknown> = (...args: Args) => Result;

const REGISTERED = Symbol.for('tsrq.jobs');
const shared = globalThis as { [REGISTERED]?: Map<string, Handler> };

const registered = (): Map<string, Handler> => (shared[REGISTERED] ??= new Map<string, Handler>());

/** A function may say here what a worker is to run in its place: itself with its arguments checked. */
export const HANDLER = Symbol.for('tsrq.handler');

/**
 * Gives a function the name under which jobs ask for it.
 * A worker finds it if a module listed in `--jobs` calls this, itself or through its imports.
 */
export function registerJob<Run extends Handler>(name: string, handler: Run): Run {
  if (typeof name !== 'string' || name === '') {
    throw new TsrqError('USAGE', `a job needs a name, not ${shown(name)}`, {
      hint: "write job('mail.send', async (to) => { … }): workers find it by that name, whatever becomes of the module",
    });
  }
  if (typeof handler !== 'function') {
    throw new TsrqError('USAGE', `the handler of job '${name}' is ${typeof handler}, not a function`);
  }
  registered().set(name, handler);
  return handler;
}

const shown = (name: unknown): string =>
  typeof name === 'function' ? `the function '${name.name || 'without a name'}'` : JSON.stringify(name);

/** What a worker runs for that function. */
export const handlerOf = (value: Handler): Handler => (value as { [HANDLER]?: Handler })[HANDLER] ?? value;

/** The handler registered under that name, if any. */
export const registeredHandler = (name: string): Handler | null => {
  const found = registered().get(name);
  return found ? handlerOf(found) : null;
};

export const registeredNames = (): string[] => [...registered().keys()];

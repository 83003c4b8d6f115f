import { Retry } from 'tsrq';

/** Under the same name as the Python module of the interoperability tests. */
export { note } from './count.js';
export const echo = (...args) =>
  args.length > 0 && typeof args.at(-1) === 'object' && !Array.isArray(args.at(-1))
    ? [args.slice(0, -1), args.at(-1)]
    : [args, {}];
export const bad = (message) => {
  throw new Error(message);
};
export const slow = (seconds) => new Promise((resolve) => setTimeout(() => resolve('slept'), seconds * 1000));
export const again = (max, interval) => new Retry({ max, interval });

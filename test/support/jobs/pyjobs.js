import { appendFileSync } from 'node:fs';
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
export const on_success = (job, result) => appendFileSync(job.args[0], `success ${job.id} ${result}\n`);
export const on_failure = (job, error) => appendFileSync(job.args[0], `failure ${job.id} ${error.message}\n`);
export const note_badly = (file) => {
  throw new Error(`no ${file.length > 0}`);
};

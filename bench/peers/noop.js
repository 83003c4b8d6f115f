// The jobs of the benchmark.
export const noop = () => null;
export const wait = (_, ms) => new Promise((resolve) => setTimeout(resolve, ms));
let resolve = () => undefined;
export const onBegun = (next) => (resolve = next);
export const begin = () => resolve(performance.now());
/** How long jobs have waited that were told when they were enqueued, milliseconds. */
export const waits = [];
export const since = (sentAt) => void waits.push(performance.timeOrigin + performance.now() - sentAt);

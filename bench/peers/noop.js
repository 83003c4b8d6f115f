// The jobs of the benchmark.
export const noop = () => null;
export const wait = (_, ms) => new Promise((resolve) => setTimeout(resolve, ms));
let resolve = () => undefined;
export const onBegun = (next) => (resolve = next);
export const begin = () => resolve(performance.now());

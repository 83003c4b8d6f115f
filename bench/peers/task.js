// What the programs of the peers share: `node peers/NAME.js TASK COUNT OPTIONS` prints one line of JSON.
export const [task, count = '0', options = '{}'] = process.argv.slice(2);
export const jobs = Number(count);
/** Concurrency, isolation, queues (how many), names (theirs), ms (how long a job takes), bytes (of its payload), strict, of (how many processes share the work), most (jobs after which a worker ends). */
export const {
  concurrency = 1,
  isolation = 'none',
  queues = 1,
  names: queueNames = Array.from({ length: queues }, (_, i) => `q${i}`),
  ms = 0,
  bytes = 0,
  strict = false,
  of = 1,
  most = null,
} = JSON.parse(options);
export const redisUrl = process.env.BENCH_REDIS;
const { hostname, port, password } = new URL(redisUrl ?? 'redis://127.0.0.1:1');
export const address = { host: hostname, port: Number(port), ...(password === '' ? {} : { password }) };
/** Jobs in one bulk call. */
export const bulk = bytes > 1_000 ? 50 : 1_000;
/** Rows as programs send them, always the same; a text of one letter would be nothing to whoever compresses it or looks at it. */
let seed = 1;
const random = (below) => (seed = (seed * 48_271) % 2_147_483_647) % below;
const WORDS = 'order invoice total street city customer amount note paid open sent back'.split(' ');
const words = (many) => Array.from({ length: many }, () => WORDS[random(WORDS.length)]).join(' ');
const rows = [];
for (let length = 0; length < bytes; length += JSON.stringify(rows.at(-1)).length + 1)
  rows.push({
    id: random(1e9),
    name: words(1),
    note: words(6),
    price: random(1e6) / 100,
    at: new Date(random(2e9) * 1_000).toISOString(),
  });
export const payload = (n) => (bytes === 0 ? { n } : { n, rows });
export const print = (result) => console.log(JSON.stringify(result));
export const epoch = () => performance.timeOrigin + performance.now();

/** Rate of `add(from, many)`, which enqueues so many jobs and waits for all of them; the first call is not timed. */
export async function enqueueRate(many, add) {
  await add(0, Math.min(many, jobs));
  const started = performance.now();
  for (let i = many; i < jobs; i += many) await add(i, Math.min(many, jobs - i));
  print({ rate: (Math.max(0, jobs - many) * 1_000) / (performance.now() - started) });
}

/** Milliseconds from enqueue to the beginning of the handler in an idle worker: `enqueue(i)`; the handler calls `begun`. */
export async function latencies(enqueue, isBegun) {
  const seen = [];
  for (let i = 0; i < jobs + 20; i += 1) {
    await new Promise((resolve) => setTimeout(resolve, 4 + Math.random() * 4));
    const begun = new Promise((resolve) => isBegun(resolve));
    const started = performance.now();
    await enqueue(i);
    const at = await begun;
    if (i >= 20) seen.push(at - started);
  }
  seen.sort((a, b) => a - b);
  print({ p50: seen[Math.floor(jobs / 2)], p99: seen[Math.floor(jobs * 0.99)] });
}

/** Says that an idle worker is ready, and what memory it has after a moment; then waits to be ended. */
export async function idle() {
  const readyAt = epoch();
  globalThis.gc?.();
  await new Promise((resolve) => globalThis.setTimeout(resolve, 1_500));
  print({ readyAt, rss: process.memoryUsage.rss() / 1_048_576 });
}

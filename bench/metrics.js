// What is measured. `kind`: how (run.js); `count`: jobs, or samples; `value`: which figure of what was measured; `peers`: the options of each.
// `apart`: takes minutes, and is measured only by `--only` with its name.
const BULLMQ = { bullmq: {} };
const NODE = { bullmq: {}, bee: {} };
const same = (options, peers) => Object.fromEntries(Object.keys(peers).map((peer) => [peer, options]));
const drain = (name, count, options, peers = NODE) => ({
  ...{ name: `drain, ${name}`, unit: 'jobs/s', kind: 'drain', count },
  peers: { tsrq: options, ...same(options, peers) },
});

export const METRICS = [
  {
    name: 'enqueue, one by one',
    unit: 'jobs/s',
    kind: 'enqueue',
    task: 'enqueue',
    count: 4_000,
    peers: { tsrq: {}, ...NODE, rq: { count: 750 } },
  },
  {
    name: 'enqueue, 50 under way',
    unit: 'jobs/s',
    kind: 'enqueue',
    task: 'enqueue-50',
    count: 10_000,
    peers: { tsrq: {}, ...NODE },
  },
  {
    name: 'enqueue, in bulk',
    unit: 'jobs/s',
    kind: 'enqueue',
    task: 'bulk',
    count: 20_000,
    peers: { tsrq: {}, ...NODE, rq: { count: 5_000 } },
  },
  {
    name: 'enqueue, in bulk, payload of 10 KB',
    unit: 'jobs/s',
    kind: 'enqueue',
    task: 'bulk',
    count: 2_000,
    peers: { tsrq: { bytes: 10_000 }, bullmq: { bytes: 10_000 }, bee: { bytes: 10_000 } },
  },
  ...[
    ['small payload', {}],
    ['payload of 1 KB', { bytes: 1_000 }],
    ['payload of 10 KB', { bytes: 10_000 }],
  ].map(([text, options]) => ({
    ...{ name: `queued job, memory of Redis, ${text}`, unit: 'bytes', kind: 'stored', count: 10_000, rounds: 1 },
    peers: { tsrq: options, ...same(options, { ...NODE, rq: {} }) },
  })),
  { ...drain('concurrency 1, one by one', 10_000, {}), peers: { tsrq: { strict: true }, ...NODE } },
  ...[1, 10, 50, 100].map((concurrency) => drain(`concurrency ${concurrency}`, 10_000, { concurrency })),
  drain('two processes, concurrency 10', 15_000, { concurrency: 10, of: 2 }),
  drain('jobs of 1 ms, concurrency 10', 4_000, { concurrency: 10, ms: 1 }),
  drain('jobs of 50 ms, concurrency 50', 750, { concurrency: 50, ms: 50 }),
  drain('payload of 10 KB, concurrency 10', 4_000, { concurrency: 10, bytes: 10_000 }),
  drain('payload of 100 KB, concurrency 10', 1_000, { concurrency: 10, bytes: 100_000 }),
  {
    ...drain('child processes (BullMQ in its own), concurrency 1', 5_000, {}),
    // The others in their own process; RQ forks for each job, or runs it in its process.
    peers: { tsrq: { isolation: 'process' }, ...BULLMQ, rq: { count: 100 }, 'rq simple': { count: 250, simple: true } },
  },
  ...[8, 10].map((concurrency) =>
    drain(`child processes, concurrency ${concurrency}`, 5_000, { concurrency, isolation: 'process' }, BULLMQ),
  ),
  // BullMQ starts a process for each.
  ...[50, 100].map((concurrency) => ({
    ...drain(`child processes, concurrency ${concurrency}`, 5_000, { concurrency, isolation: 'process' }, BULLMQ),
    rounds: 3,
  })),
  drain('child processes, jobs of 1 ms, concurrency 8', 4_000, { concurrency: 8, isolation: 'process', ms: 1 }, BULLMQ),
  ...[
    ['rate', 'drain', 'jobs/s'],
    ['commands', 'Redis commands per job', ''],
    ['reads', 'reads of Redis per job', ''],
  ].map(([value, text, unit]) => ({
    ...{ name: `${text}, beside a million jobs and 1,000 workers, concurrency 10`, unit, kind: 'beside', value },
    count: 10_000,
    rounds: 3,
    peers: {
      tsrq: { concurrency: 10, ids: 1_000_000, workers: 1_000 },
      'tsrq beside 10,000 and 100': { concurrency: 10, ids: 10_000, workers: 100 },
      'tsrq beside 10 and 1': { concurrency: 10, ids: 10, workers: 1 },
    },
  })),
  ...['p50', 'p99'].flatMap((value) => [
    {
      name: `latency of an idle worker, ${value}`,
      unit: 'ms',
      kind: 'latency',
      value,
      count: 150,
      peers: { tsrq: {}, ...NODE },
    },
    {
      name: `latency on five queues, ${value}`,
      unit: 'ms',
      kind: 'latency',
      value,
      count: 150,
      peers: { tsrq: { queues: 5 }, bullmq: { queues: 5 } },
    },
  ]),
  { name: 'worker, time to ready', unit: 'ms', kind: 'idle', value: 'bootMs', count: 0, peers: { tsrq: {}, ...NODE } },
  {
    name: 'worker, resident memory when idle',
    unit: 'MiB',
    kind: 'idle',
    value: 'rss',
    count: 0,
    peers: { tsrq: {}, ...NODE },
  },
  ...[
    ['worker', '`tsrq worker`, resident memory when idle'],
    ['horse', '`tsrq worker`, resident memory of its child process'],
  ].map(([value, name]) => ({ name, unit: 'MiB', kind: 'memory', value, count: 0, peers: { tsrq: {} } })),
  {
    ...{
      name: 'worker, growth of its memory from the first tenth of a million jobs to the end',
      unit: 'MiB',
      rounds: 1,
    },
    ...{ kind: 'long', value: 'growth', count: 1_000_000, peers: { tsrq: { concurrency: 10 } } },
  },
  {
    ...{ name: '100 idle workers, share of a core that Redis takes', unit: '%', rounds: 1 },
    ...{ kind: 'crowd', count: 100, peers: { tsrq: {} } },
  },
  ...[1, 50].flatMap((concurrency) =>
    [
      ['commands', 'Redis commands per job, in scripts too'],
      ['reads', 'reads of Redis from sockets per job'],
      ['bytes', 'bytes per job over the network'],
    ].map(([value, text]) => ({
      ...{ name: `${text}, concurrency ${concurrency}`, unit: '', kind: 'counters', value, count: 2_500 },
      peers: { tsrq: { concurrency }, ...same({ concurrency }, NODE) },
    })),
  ),
  { name: 'info, an empty server', unit: 'ms', kind: 'info', count: 0, peers: { tsrq: {}, 'node -e 0': {}, rq: {} } },
  { name: 'info, 1,000 queues and 1,000 workers', unit: 'ms', kind: 'info', count: 1_000, peers: { tsrq: {}, rq: {} } },
  // Python's time grows in proportion: it gets fewer.
  { name: 'requeue --all', unit: 'jobs/s', kind: 'requeue', count: 100_000, peers: { tsrq: {}, rq: { count: 2_000 } } },
  {
    name: 'empty a million, longest wait of another client',
    rounds: 1,
    unit: 'ms',
    kind: 'empty',
    count: 1_000_000,
    peers: { tsrq: {} },
  },
  ...[
    ['cpu', 'share of a core that Redis takes', '%'],
    ['commands', 'Redis commands per second, in scripts too', ''],
    ['jobs', 'jobs of 1 s that the busy ones end', 'jobs/s'],
    ['clients', 'connections to Redis', ''],
    ['memory', 'memory of Redis', 'MiB'],
    ['info', '`tsrq info`', 'ms'],
    ['p50', 'from enqueueing to an idle worker, p50', 'ms'],
    ['p99', 'from enqueueing to an idle worker, p99', 'ms'],
  ].map(([value, text, unit]) => ({
    ...{ name: `fleet of 1,000 idle and 100 busy workers, ${text}`, unit, value },
    ...{ kind: 'fleet', rounds: 1, count: 1_000, peers: { tsrq: {} }, apart: true },
  })),
];

import { writeFileSync } from 'node:fs';
import { connect, enqueue, enqueueMany, parseRedisUrl, startWorker, VERSION } from 'tsrq';
import { onBegun, waits } from './noop.js';
import {
  bulk,
  concurrency,
  enqueueRate,
  epoch,
  idle,
  isolation,
  jobs,
  latencies,
  most,
  ms,
  of,
  payload,
  print,
  queueNames,
  redisUrl,
  strict,
  task,
} from './task.js';

const target = parseRedisUrl(redisUrl ?? 'redis://127.0.0.1:1');
const producer = () => connect(target, { role: 'producer', deadlineMs: 60_000 });
const functionName = ms > 0 ? 'noop.wait' : 'noop.noop';
const newJob = (n) => ({
  functionName,
  args: ms > 0 ? [payload(n), ms] : [payload(n)],
  queue: queueNames[n % queueNames.length],
});

const start = (more, onEvent = () => undefined) =>
  startWorker({
    name: `bench-${process.pid}`,
    version: VERSION,
    target,
    queues: queueNames.map((name) => ({ name, weight: 1 })),
    strategy: 'ordered',
    concurrency,
    claimAhead: !strict,
    durability: null,
    isolation,
    sources: { jobFiles: [], roots: [new URL('.', import.meta.url).pathname], onlyRegistered: false },
    jobsPerHorse: 1,
    maxJobsPerHorse: null,
    maxMemoryBytes: null,
    burst: false,
    maxJobs: most,
    maxIdleSeconds: null,
    defaultTimeoutSeconds: 180,
    resultTtlSeconds: 500,
    workerTtlSeconds: 420,
    monitoringIntervalSeconds: 30,
    maintenanceIntervalSeconds: 600,
    shutdownTimeoutSeconds: null,
    connectTimeoutSeconds: 10,
    withScheduler: false,
    ...more,
    onEvent: (event) => {
      onEvent(event);
      if (event.type === 'warning') writeFileSync(2, `${event.message}\n`);
    },
    onStderr: (chunk) => process.stderr.write(chunk),
  });

const TASKS = {
  version: () => print({ version: VERSION }),
  async enqueue() {
    const redis = producer();
    await enqueueRate(1, (i) => enqueue(redis, newJob(i)));
    redis.close();
  },
  async 'enqueue-50'() {
    const redis = producer();
    await enqueueRate(50, (from, many) =>
      Promise.all(Array.from({ length: many }, (_, i) => enqueue(redis, newJob(from + i)))),
    );
    redis.close();
  },
  async bulk() {
    const redis = producer();
    await enqueueRate(bulk, (from, many) =>
      enqueueMany(
        redis,
        Array.from({ length: many }, (_, i) => newJob(from + i)),
      ),
    );
    redis.close();
  },
  async drain() {
    let first = 0;
    let last = 0;
    const worker = await start({ burst: true }, (event) => {
      if (event.type === 'ready') first = epoch();
      if (event.type === 'job-ended') last = epoch();
    });
    const { jobs: ended } = await worker.ended;
    if (of === 1 && ended !== jobs) throw new Error(`${ended} of ${jobs} jobs ran`);
    print({ jobs: ended, first, last });
  },
  async latency() {
    const redis = producer();
    await redis.call(['PING']);
    const worker = await start({});
    await latencies((i) => enqueue(redis, { ...newJob(i), functionName: 'noop.begin' }), onBegun);
    worker.stop('done');
    await worker.ended;
    redis.close();
  },
  async idle() {
    const worker = await start({});
    await idle();
    worker.stop('done');
    await worker.ended;
  },
  /** Many workers; ends when it is told to, and tells what jobs have waited for. */
  async crowd() {
    const workers = [];
    for (let n = 0; n < jobs; n += 1) workers.push(await start({ name: `bench-${process.pid}-${n}` }));
    print({ ready: workers.length });
    await new Promise((resolve) => process.stdin.once('end', resolve).resume());
    for (const worker of workers) worker.stop('done');
    await Promise.all(workers.map((worker) => worker.ended));
    print({ waits });
  },
  /** Memory of one worker, MiB: after the first tenth of the jobs, and after all. */
  async long() {
    const redis = producer();
    const seen = [];
    const step = jobs / 10;
    let ended = 0;
    let more = () => undefined;
    const worker = await start({}, (event) => {
      if (event.type === 'job-ended' && (ended += 1) % step === 0) more();
    });
    for (let i = 0; i < 10; i += 1) {
      const done = new Promise((resolve) => (more = resolve));
      for (let from = 0; from < step; from += bulk) {
        const many = Array.from({ length: Math.min(bulk, step - from) }, (_, n) => ({
          ...newJob(n),
          resultTtlSeconds: 0,
        }));
        await enqueueMany(redis, many);
      }
      await done;
      globalThis.gc?.();
      seen.push(process.memoryUsage.rss() / 1_048_576);
    }
    worker.stop('done');
    await worker.ended;
    redis.close();
    print({ first: seen[0], last: seen.at(-1), growth: seen.at(-1) - seen[0] });
  },
};
await TASKS[task]();

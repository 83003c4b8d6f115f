// BullMQ with its own best settings for this work: results are kept, jobs are no-ops.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Queue, Worker } from 'bullmq';
import { begin, noop, onBegun } from './noop.js';
import {
  bulk,
  address,
  concurrency,
  enqueueRate,
  epoch,
  idle,
  isolation,
  jobs,
  latencies,
  ms,
  of,
  payload,
  print,
  queueNames,
  task,
} from './task.js';

const connection = { ...address, maxRetriesPerRequest: null };
const producers = () =>
  Promise.all(
    queueNames.map(async (name) => {
      const queue = new Queue(name, { connection });
      await queue.waitUntilReady();
      return queue;
    }),
  );
const handler = ms > 0 ? () => new Promise((resolve) => setTimeout(resolve, ms)) : async () => noop();
// For bullmq-sandbox.cjs, which runs in processes of BullMQ's.
process.env.BENCH_MS = String(ms);
const processor = isolation === 'process' ? fileURLToPath(new URL('bullmq-sandbox.cjs', import.meta.url)) : handler;
const workers = async (run, autorun) =>
  Promise.all(
    queueNames.map(async (name) => {
      const worker = new Worker(name, run, { connection, concurrency, autorun });
      await worker.waitUntilReady();
      return worker;
    }),
  );

async function enqueueing(many, add) {
  const queues = await producers();
  await enqueueRate(many, (from, n) => add(queues, from, n));
  await Promise.all(queues.map((queue) => queue.close()));
}

const TASKS = {
  version: () =>
    print({
      version: JSON.parse(readFileSync(createRequire(import.meta.url).resolve('bullmq/package.json'), 'utf8')).version,
    }),
  enqueue: () => enqueueing(1, ([queue], i) => queue.add('noop', payload(i))),
  'enqueue-50': () =>
    enqueueing(50, ([queue], from, n) =>
      Promise.all(Array.from({ length: n }, (_, i) => queue.add('noop', payload(from + i)))),
    ),
  bulk: () =>
    enqueueing(bulk, ([queue], from, n) =>
      queue.addBulk(Array.from({ length: n }, (_, i) => ({ name: 'noop', data: payload(from + i) }))),
    ),
  async drain() {
    let done = 0;
    let last = 0;
    const [worker] = await workers(processor, false);
    const first = epoch();
    await new Promise((resolve) => {
      worker.on('completed', () => {
        done += 1;
        last = epoch();
        if (of === 1 && done === jobs) resolve();
      });
      if (of > 1) worker.on('drained', () => setTimeout(resolve, 300));
      void worker.run();
    });
    print({ jobs: done, first, last });
    await worker.close();
  },
  async latency() {
    const queues = await producers();
    const all = await workers(async () => begin(), true);
    await latencies((i) => queues[i % queues.length].add('noop', payload(i)), onBegun);
    await Promise.all([...all, ...queues].map((one) => one.close()));
  },
  async idle() {
    const all = await workers(processor, true);
    await idle();
    await Promise.all(all.map((worker) => worker.close()));
  },
};
await TASKS[task]();

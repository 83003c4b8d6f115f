// bee-queue without what the others do not do either (events to producers); finished jobs are kept.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import Queue from 'bee-queue';
import { begin, onBegun } from './noop.js';
import {
  bulk,
  address,
  concurrency,
  enqueueRate,
  epoch,
  idle,
  jobs,
  latencies,
  ms,
  of,
  payload,
  print,
  task,
} from './task.js';

const open = async (more) => {
  const queue = new Queue('q0', { redis: address, sendEvents: false, getEvents: false, storeJobs: false, ...more });
  await queue.ready();
  return queue;
};
async function enqueueing(many, add) {
  const queue = await open({ isWorker: false });
  await enqueueRate(many, (from, n) => add(queue, from, n));
  await queue.close();
}
const handler = ms > 0 ? () => new Promise((resolve) => setTimeout(resolve, ms)) : async () => null;

const TASKS = {
  version: () =>
    print({
      version: JSON.parse(readFileSync(createRequire(import.meta.url).resolve('bee-queue/package.json'), 'utf8'))
        .version,
    }),
  enqueue: () => enqueueing(1, (queue, i) => queue.createJob(payload(i)).save()),
  'enqueue-50': () =>
    enqueueing(50, (queue, from, n) =>
      Promise.all(Array.from({ length: n }, (_, i) => queue.createJob(payload(from + i)).save())),
    ),
  bulk: () =>
    enqueueing(bulk, (queue, from, n) =>
      queue.saveAll(Array.from({ length: n }, (_, i) => queue.createJob(payload(from + i)))),
    ),
  async drain() {
    const queue = await open({ removeOnSuccess: false });
    let done = 0;
    let last = 0;
    const first = epoch();
    await new Promise((resolve) => {
      let timer = null;
      queue.on('succeeded', () => {
        done += 1;
        last = epoch();
        if (of === 1 && done === jobs) resolve();
        if (of > 1) {
          if (timer === null)
            timer = globalThis.setInterval(
              () => epoch() - last > 500 && (globalThis.clearInterval(timer), resolve()),
              100,
            );
        }
      });
      queue.process(concurrency, handler);
    });
    print({ jobs: done, first, last });
    await queue.close();
  },
  async latency() {
    const producer = await open({ isWorker: false });
    const queue = await open({});
    queue.process(concurrency, async () => begin());
    await latencies((i) => producer.createJob(payload(i)).save(), onBegun);
    await Promise.all([queue.close(), producer.close()]);
  },
  async idle() {
    const queue = await open({});
    queue.process(concurrency, handler);
    await idle();
    await queue.close();
  },
};
await TASKS[task]();
process.exit();

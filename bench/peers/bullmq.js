// The same for BullMQ, with its own best settings for this work: results are kept, jobs are no-ops.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Queue, Worker } from 'bullmq';

const [task, count, concurrency = '1'] = process.argv.slice(2);
const { hostname: host, port, password } = new URL(process.env.BENCH_REDIS);
const connection = { host, port: Number(port), password, maxRetriesPerRequest: null };
const jobs = Number(count);

if (task === 'version') {
  console.log(JSON.parse(readFileSync(createRequire(import.meta.url).resolve('bullmq/package.json'), 'utf8')).version);
}
if (task === 'enqueue' || task === 'enqueue-50') {
  const queue = new Queue('q', { connection });
  await queue.waitUntilReady();
  const batch = task === 'enqueue' ? 1 : 50;
  const started = performance.now();
  for (let i = 0; i < jobs; i += batch) {
    await Promise.all(Array.from({ length: batch }, (_, j) => queue.add('noop', { n: i + j })));
  }
  console.log((jobs * 1_000) / (performance.now() - started));
  await queue.close();
}
if (task === 'drain') {
  let done = 0;
  const worker = new Worker('q', async () => null, { connection, concurrency: Number(concurrency), autorun: false });
  await worker.waitUntilReady();
  const started = performance.now();
  const rate = await new Promise((resolve) => {
    worker.on('completed', () => {
      done += 1;
      if (done === jobs) resolve((jobs * 1_000) / (performance.now() - started));
    });
    void worker.run();
  });
  console.log(rate);
  await worker.close();
}

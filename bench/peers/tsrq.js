// One process: `enqueue N` or `drain N CONCURRENCY ISOLATION`; prints jobs per second.
import { writeFileSync } from 'node:fs';
import { connect, enqueue, parseRedisUrl, startWorker, VERSION } from 'tsrq';

const [task, count, concurrency = '1', isolation = 'none', ahead = 'ahead'] = process.argv.slice(2);
const target = parseRedisUrl(process.env.BENCH_REDIS);
const jobs = Number(count);

if (task === 'version') console.log(VERSION);
if (task === 'enqueue' || task === 'enqueue-50') {
  const redis = connect(target, { role: 'producer', deadlineMs: 60_000 });
  const batch = task === 'enqueue' ? 1 : 50;
  await redis.call(['PING']);
  const started = performance.now();
  for (let i = 0; i < jobs; i += batch) {
    await Promise.all(
      Array.from({ length: batch }, (_, j) =>
        enqueue(redis, { functionName: 'noop.noop', args: [{ n: i + j }], queue: 'q' }),
      ),
    );
  }
  console.log((jobs * 1_000) / (performance.now() - started));
  redis.close();
}
if (task === 'drain') {
  let first = 0;
  let last = 0;
  const worker = await startWorker({
    name: `bench-${process.pid}`,
    version: VERSION,
    target,
    queues: [{ name: 'q', weight: 1 }],
    strategy: 'ordered',
    concurrency: Number(concurrency),
    claimAhead: ahead !== 'strict',
    durability: null,
    isolation,
    sources: { jobFiles: [], roots: [new URL('.', import.meta.url).pathname], onlyRegistered: false },
    jobsPerHorse: 1,
    maxJobsPerHorse: null,
    maxMemoryBytes: null,
    burst: true,
    maxJobs: null,
    maxIdleSeconds: null,
    defaultTimeoutSeconds: 180,
    resultTtlSeconds: 500,
    workerTtlSeconds: 420,
    monitoringIntervalSeconds: 30,
    maintenanceIntervalSeconds: 600,
    shutdownTimeoutSeconds: null,
    connectTimeoutSeconds: 10,
    withScheduler: false,
    onEvent: (event) => {
      if (event.type === 'ready') first = performance.now();
      if (event.type === 'job-ended') last = performance.now();
      if (event.type === 'warning') writeFileSync(2, `${event.message}\n`);
    },
    onStderr: (chunk) => process.stderr.write(chunk),
  });
  const { jobs: ended } = await worker.ended;
  if (ended !== jobs) throw new Error(`${ended} of ${jobs} jobs ran`);
  console.log((jobs * 1_000) / (last - first));
}

import type { Redis as IoRedis } from 'ioredis';
import { deflateSync } from 'node:zlib';
import { cancelJob } from '../../../src/queue/end-job.js';
import { pauseQueue } from '../../../src/queue/pause.js';
import type { Redis } from '../../../src/redis/redis.js';
import { put, statusOf, until } from '../rq.js';

const TRACEBACK =
  'Traceback (most recent call last):\n  File "/app/mail.py", line 7, in send\n    raise ValueError(17)\nValueError: 17\n';

/** Has the worker of `work` run jobs that end in every way, and one that runs on. `never`: a file that nobody makes. */
export async function runJobs(redis: Redis, client: IoRedis, never: string): Promise<void> {
  const work = { queue: 'work' };
  await put(redis, 'count.add', [1, 2], { ...work, id: 'good', group: 'g', meta: { own: [1, null] } });
  await put(redis, 'count.boom', ['no luck'], { ...work, id: 'bad', group: 'g' });
  await put(redis, 'count.boom', ['again'], { ...work, id: 'retried', retry: { max: 1 } });
  await put(redis, 'count.echo', [2n ** 64n, new Set([1])], { ...work, id: 'big', serializer: 'pickle' });
  await put(redis, 'count.telling', [3], { ...work, id: 'told', ttlSeconds: 3_600, timeoutSeconds: -1 });
  await put(redis, 'count.telling', [1, never], { ...work, id: 'runs' });
  for (const [id, status] of Object.entries({
    good: 'finished',
    bad: 'failed',
    retried: 'failed',
    big: 'finished',
    told: 'finished',
  }))
    await until(`${id} is ${status}`, async () => (await statusOf(client, id)) === status);
  await until(
    'it tells how far it is',
    async () => (await client.hget('rq:job:runs', 'meta'))?.includes('half') === true,
  );
}

/** All that jobs can wait for, and what others leave behind: Python, newer versions, the dead, and those who wrote over keys. */
export async function addOthers(redis: Redis, client: IoRedis): Promise<void> {
  await addWaiting(redis);
  await addFailures(redis, client);
  await addWorkers(client);
  await spoilKeys(client);
  await client.set('rq:suspended', '1', 'EX', 3_600);
}

async function addWaiting(redis: Redis): Promise<void> {
  const waits = { queue: 'waits' };
  await put(redis, 'app.send', ['bob'], { ...waits, id: 'waiting', description: 'a mail', repeat: { times: 2 } });
  await put(redis, 'app.send', [], { ...waits, id: 'later', scheduleInSeconds: 3_600 });
  await put(redis, 'app.send', [], { ...waits, id: 'behind', dependsOn: 'runs' });
  await put(redis, 'app.send', [], { ...waits, id: 'called-off' });
  await cancelJob(redis, 'called-off');
  for (const id of ['allowed', 'held-back'])
    await put(redis, 'app.send', [], { ...waits, id, rateLimit: { key: 'k', concurrency: 1 } });
  await pauseQueue(redis, 'waits', 3_600);
  await put(redis, 'app.send', [], { queue: 'still', id: 'still' });
  await pauseQueue(redis, 'still', null);
}

/** As Python records them, as older versions did, without a reason, and of a job that is gone. */
async function addFailures(redis: Redis, client: IoRedis): Promise<void> {
  const ended_at = '2026-01-02T03:04:05.678901Z';
  await put(redis, 'app.mail.send', [], { queue: 'py', id: 'py' });
  await client.lrem('rq:queue:py', 0, 'py');
  await client.hset('rq:job:py', { status: 'failed', ended_at, worker_name: 'py-1', future_field: '1' });
  const result = { type: '2', exc_string: deflateSync(TRACEBACK).toString('base64'), future_field: '1' };
  await client.xadd('rq:results:py', '*', ...Object.entries(result).flat());
  const old = { status: 'stopped', origin: 'py', data: 'none', created_at: 'long ago' };
  await client.hset('rq:job:old', { ...old, exc_info: deflateSync(TRACEBACK) });
  await client.hset('rq:job:silent', { data: 'none', ended_at });
  for (const id of ['py', 'old', 'silent', 'forgotten']) await client.zadd('rq:failed:py', nowSeconds() + 1_000, id);
  await client.sadd('rq:queues', 'rq:queue:py');
}

const nowSeconds = (): number => Math.floor(Date.now() / 1_000);

/** One of Python that has not been heard of for long, one that has left without saying so, and the jobs of such. */
async function addWorkers(client: IoRedis): Promise<void> {
  const machine = { pid: '77', hostname: 'elsewhere', ip_address: '10.0.0.7' };
  const versions = { version: '2.10.0', python_version: '3.11.2 (main)' };
  const counters = { successful_job_count: '3', failed_job_count: '1', total_working_time: '12.5' };
  const times = { birth: '2026-01-02T03:04:05.678901Z', last_heartbeat: '2026-01-02T03:04:05.678901Z' };
  const current = { state: 'busy', queues: 'waits,py', current_job: 'py-other', current_job_working_time: '1.5' };
  const fields = { ...machine, ...versions, ...counters, ...times, ...current, future_field: '1' };
  await client.hset('rq:worker:py-1', fields);
  await client.sadd('rq:workers:waits', 'rq:worker:py-1');
  await client.sadd('rq:workers', 'rq:worker:py-1', 'rq:worker:ghost');
  await client.zadd('rq:wip:waits', nowSeconds() + 1_000, 'py-runs:e1', nowSeconds() - 1_000, 'lost:e2');
}

async function spoilKeys(client: IoRedis): Promise<void> {
  await client.set('rq:queue:broken', 'no list');
  await client.set('rq:failed:poison', 'no sorted set');
  await client.set('rq:worker:broken', 'no hash');
  await client.set('rq:job:no-hash', 'no hash');
  await client.sadd('rq:queues', 'rq:queue:broken', 'rq:queue:poison', 'no queue');
  await client.sadd('rq:workers', 'rq:worker:broken', 'no worker');
  await client.rpush('rq:queue:waits', 'no-job', 'no-hash');
  await client.sadd('rq:group:g', 'vanished');
}

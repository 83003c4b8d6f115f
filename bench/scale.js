// The command line against keys in great number, beside RQ's.
import { execFile, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const BIN = fileURLToPath(new URL('../bin/tsrq.js', import.meta.url));
const RQ = fileURLToPath(new URL('../.cache/rq-2.10.0/bin/rq', import.meta.url));
export const PYTHON = fileURLToPath(new URL('../.cache/rq-2.10.0/bin/python', import.meta.url));
export const hasPython = existsSync(fileURLToPath(new URL('../.cache/rq-2.10.0/ready', import.meta.url)));

const command = (peer, words, url) => {
  if (peer === 'node -e 0') return [process.execPath, ['-e', '0']];
  return peer === 'rq' ? [RQ, [...words, '-u', url]] : [process.execPath, [BIN, ...words, '--url', url]];
};

/** Milliseconds that the command line needs, from start to end. */
export async function timed(peer, words, url) {
  const [program, args] = command(peer, words, url);
  const started = performance.now();
  await promisify(execFile)(program, args, { maxBuffer: 1 << 26 });
  return performance.now() - started;
}

/** Runs `make(i)`, a list of commands, for all i, a thousand in one round trip. */
async function fill(admin, count, make) {
  for (let i = 0; i < count; i += 1_000) {
    await admin.pipeline(Array.from({ length: Math.min(1_000, count - i) }, (_, j) => make(i + j)).flat());
  }
}
const jobHash = (i, status) => [
  'HSET',
  `rq:job:j${i}`,
  'status',
  status,
  'origin',
  'q',
  'created_at',
  '2026-11-21T00:00:00.000000Z',
  'data',
  '["noop.noop", null, [], {}]',
  'description',
  'noop.noop()',
  'enqueued_at',
  '2026-11-21T00:00:00.000000Z',
  'started_at',
  '',
  'ended_at',
  '',
  'timeout',
  '180',
];

/** A worker as RQ registers it. */
function idleWorker(i, queue) {
  const now = new Date().toISOString().replace('Z', '000Z');
  const said = { birth: now, last_heartbeat: now, queues: queue, state: 'idle', pid: '1', hostname: 'h' };
  return [
    ['SADD', 'rq:workers', `rq:worker:w${i}`],
    ['SADD', `rq:workers:${queue}`, `rq:worker:w${i}`],
    ['HSET', `rq:worker:w${i}`, ...Object.entries({ ...said, version: '2.10.0', python_version: '3' }).flat()],
  ];
}

/** So many ids behind the jobs of q0 and in its registries, and so many workers that listen on it. */
export async function surround(admin, { ids, workers }) {
  const later = String(Math.floor(Date.now() / 1_000) + 31_536_000);
  await fill(admin, workers, (i) => idleWorker(i, 'q0'));
  await fill(admin, ids, (i) => [
    ['RPUSH', 'rq:queue:q0', `j${i}`],
    ['ZADD', 'rq:finished:q0', later, `j${i}`],
    ['ZADD', 'rq:wip:q0', later, `j${i}:e`],
  ]);
}

export async function info(peer, count, { admin, url }) {
  await fill(admin, count, (i) => [
    ['SADD', 'rq:queues', `rq:queue:q${i}`],
    ['RPUSH', `rq:queue:q${i}`, 'a', 'b', 'c'],
    ...idleWorker(i, `q${i}`),
  ]);
  return timed(peer, ['info'], url);
}

export async function requeue(peer, count, { admin, url }) {
  const later = Math.floor(Date.now() / 1_000) + 31_536_000;
  await admin.call(['SADD', 'rq:queues', 'rq:queue:q']);
  await fill(admin, count, (i) => [jobHash(i, 'failed'), ['ZADD', 'rq:failed:q', later, `j${i}`]]);
  const ms = await timed(peer, ['requeue', '--all', '--queue', 'q'], url);
  const queued = await admin.call(['LLEN', 'rq:queue:q']);
  if (queued !== count) throw new Error(`${peer} requeued ${queued} of ${count}`);
  return (count * 1_000) / ms;
}

/** The longest time that a PING of another client took meanwhile. */
export async function empty(peer, count, { admin, url }) {
  await admin.call(['SADD', 'rq:queues', 'rq:queue:q']);
  await fill(admin, count, (i) => [jobHash(i, 'queued'), ['RPUSH', 'rq:queue:q', `j${i}`]]);
  const [program, args] = command(peer, ['empty', 'q'], url);
  const child = spawn(program, args, { stdio: 'ignore' });
  let longest = 0;
  let running = true;
  child.on('close', () => (running = false));
  while (running) {
    const started = performance.now();
    await admin.call(['PING']);
    longest = Math.max(longest, performance.now() - started);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  if ((await admin.call(['EXISTS', 'rq:queue:q'])) !== 0) throw new Error('the queue is not empty');
  return longest;
}

/** What Redis has used of its processor so far. */
export async function cpuSeconds(admin) {
  const cpu = await admin.call(['INFO', 'cpu']);
  return ['used_cpu_user', 'used_cpu_sys'].reduce(
    (sum, name) => sum + Number(cpu.split(`${name}:`)[1].split('\r')[0]),
    0,
  );
}

/** Percent of a core that Redis takes for so many idle workers. */
export async function crowd(peer, count, { admin, url }) {
  const program = fileURLToPath(new URL(`peers/${peer}.js`, import.meta.url));
  const child = spawn(process.execPath, [program, 'crowd', String(count)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, BENCH_REDIS: url },
  });
  const ended = new Promise((resolve) => child.on('close', resolve));
  await new Promise((resolve) => child.stdout.once('data', resolve));
  const [before, since] = [await cpuSeconds(admin), performance.now()];
  await new Promise((resolve) => setTimeout(resolve, CROWD_MS));
  const percent = ((await cpuSeconds(admin)) - before) / ((performance.now() - since) / 100_000);
  child.stdin.end();
  await ended;
  return percent;
}

/** A sweep and a heartbeat of each worker fall into it. */
const CROWD_MS = 30_000;

/** MiB that an idle worker of the command line holds, and the child process it keeps warm. */
export async function memory(peer, _, { url }) {
  const jobs = fileURLToPath(new URL('peers', import.meta.url));
  const child = spawn(...command(peer, ['worker', '--path', jobs, 'q'], url), { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise((resolve) => child.on('close', resolve));
  await new Promise((resolve) => child.stderr.once('data', resolve));
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const [horse] = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').split(' ');
  const found = { worker: residentMiB(child.pid), horse: residentMiB(horse) };
  child.kill();
  await ended;
  return found;
}

const residentMiB = (pid) => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1_024;

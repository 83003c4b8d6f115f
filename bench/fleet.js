// A fleet on one Redis: ten idle workers for each busy one, what they cost, and what a job and `tsrq info` wait for while they stand.
// 1,100 processes need more memory than most machines have: many `Worker`s share a process (`peers/tsrq.js crowd`), each with its own
// name, connections, heartbeats, waits and sweeps, as a process of its own would have them. To Redis that is the same; what the
// processes themselves take is told by other metrics.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { enqueue, enqueueMany } from 'tsrq';
import { cpuSeconds, timed } from './scale.js';

const PROGRAM = fileURLToPath(new URL('peers/tsrq.js', import.meta.url));
/** Processes of idle workers; those of one listen on the same two queues. */
const GROUPS = 10;
const BUSY_GROUPS = 2;
/** Two heartbeats and five sweeps of each worker fall into it. */
const MEASURED_MS = 75_000;
/** Between two jobs for idle workers. */
const PAUSE_MS = 250;
const BUSY_JOB_MS = 1_000;
const INFOS = 5;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const epoch = () => performance.timeOrigin + performance.now();
const at = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];

/** A process of so many workers; resolves when all are ready. */
async function startGroup(count, names, url) {
  const child = spawn(process.execPath, [PROGRAM, 'crowd', String(count), JSON.stringify({ names })], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, BENCH_REDIS: url },
  });
  let text = '';
  const closed = new Promise((resolve) => child.once('close', resolve));
  const ready = new Promise((resolve) => {
    child.stdout.on('data', (chunk) => {
      text += chunk;
      if (text.includes('\n')) resolve();
    });
  });
  const ended = closed.then(() => Promise.reject(new Error(`a process of ${count} workers has ended`)));
  ended.catch(() => undefined);
  await Promise.race([ready, ended]);
  return {
    /** Ends it; what jobs have waited for in it, milliseconds. */
    stop: async () => {
      child.stdin.end();
      await closed;
      return JSON.parse(text.trim().split('\n').at(-1)).waits;
    },
  };
}

/** `idle`: how many; a tenth as many are busy. */
export async function fleet(idle, { admin, url, counters }) {
  const busy = Math.max(BUSY_GROUPS, Math.round(idle / 10));
  const queuesOf = (group) => [`high-${group}`, `low-${group}`];
  const groups = await Promise.all([
    ...Array.from({ length: GROUPS }, (_, i) => startGroup(Math.ceil(idle / GROUPS), queuesOf(i), url)),
    ...Array.from({ length: BUSY_GROUPS }, () => startGroup(Math.ceil(busy / BUSY_GROUPS), ['busy'], url)),
  ]);
  const workers = Math.ceil(idle / GROUPS) * GROUPS + Math.ceil(busy / BUSY_GROUPS) * BUSY_GROUPS;
  const figure = async (section, name) =>
    Number((await admin.call(['INFO', section])).split(`\r\n${name}:`)[1].split('\r')[0]);
  const [clients, memory] = [await figure('clients', 'connected_clients'), await figure('memory', 'used_memory')];

  const job = { functionName: 'noop.wait', args: [{}, BUSY_JOB_MS], queue: 'busy' };
  const seconds = MEASURED_MS / 1_000 + 60;
  for (let i = 0; i < seconds; i += 1)
    await enqueueMany(
      admin,
      Array.from({ length: busy }, () => job),
    );
  const finished = () => admin.call(['ZCARD', 'rq:finished:busy']);

  await sleep(2_000);
  const [cpu, before, done, since] = [await cpuSeconds(admin), await counters(), await finished(), performance.now()];
  for (let i = 0; performance.now() - since < MEASURED_MS; i += 1) {
    await enqueue(admin, { functionName: 'noop.since', args: [epoch()], queue: queuesOf(i % GROUPS)[i % 2] });
    await sleep(PAUSE_MS);
  }
  const measured = (performance.now() - since) / 1_000;
  const [cpuAfter, after, doneAfter] = [await cpuSeconds(admin), await counters(), await finished()];
  const infos = [];
  for (let i = 0; i < INFOS; i += 1) infos.push(await timed('tsrq', ['info'], url));

  const registered = await admin.call(['SCARD', 'rq:workers']);
  if (registered !== workers) throw new Error(`${registered} of ${workers} workers are registered`);
  const waits = (await Promise.all(groups.map((group) => group.stop()))).flat().sort((a, b) => a - b);
  return {
    cpu: ((cpuAfter - cpu) / measured) * 100,
    commands: (after.commands - before.commands) / measured,
    jobs: (doneAfter - done) / measured,
    clients,
    memory: memory / 1_048_576,
    info: at(
      infos.sort((a, b) => a - b),
      0.5,
    ),
    p50: at(waits, 0.5),
    p99: at(waits, 0.99),
  };
}

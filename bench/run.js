// The same no-op work by tsrq and its peers, interleaved round by round on one private Redis: medians, and ratios within the rounds.
// Options: --rounds N (5), --jobs N (5000), --only TEXT (metrics that contain it), --json.
import { execFile } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { findRedisServer, startPrivateRedis } from '../dist/cli/private-redis.js';
import { connect } from '../dist/redis/connect.js';
import { parseRedisUrl } from '../dist/redis/target.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    jobs: { type: 'string', default: '5000' },
    only: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
const jobs = Number(values.jobs);

const METRICS = [
  ['enqueue, one by one', { tsrq: ['enqueue'], bullmq: ['enqueue'] }],
  ['enqueue, 50 under way', { tsrq: ['enqueue-50'], bullmq: ['enqueue-50'] }],
  ...[1, 10, 50].map((c) => [
    `drain, concurrency ${c}, in the worker's process`,
    { tsrq: ['drain', c, 'none'], bullmq: ['drain', c] },
  ]),
  ...[1, 8].map((c) => [
    `drain, concurrency ${c}, tsrq in child processes, BullMQ in-process`,
    { tsrq: ['drain', c, 'process'], bullmq: ['drain', c] },
  ]),
].filter(([name]) => name.includes(values.only));

const server = await findRedisServer(process.env);
if (!server) throw new Error('no redis-server or valkey-server was found');
const redis = await startPrivateRedis(server);
const { url } = redis;
const admin = connect(parseRedisUrl(url), { role: 'producer', deadlineMs: 60_000 });

const run = async (peer, args) => {
  const program = fileURLToPath(new URL(`peers/${peer}.js`, import.meta.url));
  const env = { ...process.env, BENCH_REDIS: url };
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...args.map(String)], {
    env,
    maxBuffer: 1 << 24,
  });
  return stdout.trim();
};

const measure = async (peer, [task, ...args]) => {
  await admin.call(['FLUSHALL']);
  if (task === 'drain') await run(peer, ['enqueue-50', jobs]);
  return Number(await run(peer, [task, jobs, ...args]));
};

const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];
const results = [];
for (const [name, peers] of METRICS) {
  const rates = Object.fromEntries(Object.keys(peers).map((peer) => [peer, []]));
  for (let round = 0; round < rounds; round += 1) {
    // Whoever comes first changes from round to round.
    const order = round % 2 === 0 ? Object.entries(peers) : Object.entries(peers).reverse();
    for (const [peer, args] of order) rates[peer].push(await measure(peer, args));
  }
  const ratio = median(rates.tsrq.map((rate, i) => rate / rates.bullmq[i]));
  results.push({ name, rates, ratio });
  if (!values.json) process.stderr.write(`${name}: ${ratio.toFixed(2)}\n`);
}
admin.close();
await redis.stop();

const versions = { tsrq: await run('tsrq', ['version']), bullmq: await run('bullmq', ['version']) };
if (values.json)
  console.log(JSON.stringify({ date: new Date().toISOString(), jobs, rounds, versions, results }, null, 2));
else print();

function print() {
  const cell = (list) =>
    `${Math.round(median(list))} (${Math.round(Math.min(...list))} to ${Math.round(Math.max(...list))})`;
  console.log(
    `${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${server.product} ${server.version}, ${cpus().length} × ${cpus()[0]?.model ?? '?'}`,
  );
  console.log(`${rounds} interleaved rounds of ${jobs} no-op jobs; jobs/s: median (least to most)\n`);
  console.log(`| | tsrq ${versions.tsrq} | BullMQ ${versions.bullmq} | ratio |\n| --- | --: | --: | --: |`);
  for (const { name, rates, ratio } of results)
    console.log(`| ${name} | ${cell(rates.tsrq)} | ${cell(rates.bullmq)} | ${ratio.toFixed(2)} |`);
}

// The same work by tsrq and its peers, interleaved round by round on one private Redis: medians, and ratios within the rounds.
// Options: --rounds N (5), --only TEXT (metrics whose name contains it), --json, --save (as the baseline), --compare (with the baseline:
// by ratio; ends with 1 if one has fallen below 0.75 of what it was), --share X (of the jobs of each metric; default 1).
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { findRedisServer, startPrivateRedis } from '../dist/redis/private-redis.js';
import { connect } from '../dist/redis/connect.js';
import { parseRedisUrl } from '../dist/redis/target.js';
import { fleet } from './fleet.js';
import { METRICS } from './metrics.js';
import * as scale from './scale.js';

const { values } = parseArgs({
  options: {
    ...{
      rounds: { type: 'string', default: '5' },
      only: { type: 'string', default: '' },
      share: { type: 'string', default: '1' },
    },
    ...Object.fromEntries(['json', 'save', 'compare'].map((name) => [name, { type: 'boolean', default: false }])),
  },
});
const rounds = Number(values.rounds);
const share = Number(values.share);
const BASELINE = new URL('baseline.json', import.meta.url);

const server = await findRedisServer(process.env);
if (!server) throw new Error('no redis-server or valkey-server was found');
const redis = await startPrivateRedis(server);
const { url } = redis;
const admin = connect(parseRedisUrl(url), { role: 'producer', deadlineMs: 120_000 });

const run = async (peer, task, count, options) => {
  const [name] = peer.split(' ');
  const isPython = name === 'rq';
  const program = fileURLToPath(new URL(`peers/${name}.${isPython ? 'py' : 'js'}`, import.meta.url));
  const words = [program, task, String(count), JSON.stringify(options)];
  const env = { ...process.env, BENCH_REDIS: url };
  const { stdout } = await promisify(execFile)(isPython ? scale.PYTHON : process.execPath, words, {
    env,
    maxBuffer: 1 << 24,
    timeout: 600_000,
  });
  return JSON.parse(stdout.trim().split('\n').at(-1));
};

const commandCalls = async () => [
  ...(await admin.call(['INFO', 'commandstats'])).matchAll(/^cmdstat_(?!eval|info|ping)\S+:calls=(\d+)/gm),
];
async function counters() {
  const stats = await admin.call(['INFO', 'stats']);
  const of = (name) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(stats)?.[1] ?? 0);
  const commands = (await commandCalls()).reduce((sum, [, calls]) => sum + Number(calls), 0);
  return {
    commands,
    reads: of('total_reads_processed'),
    bytes: of('total_net_input_bytes') + of('total_net_output_bytes'),
  };
}

/** What each job has cost Redis. */
async function perJob(count, drain) {
  const before = await counters();
  await drain();
  const after = await counters();
  return Object.fromEntries(Object.keys(after).map((value) => [value, (after[value] - before[value]) / count]));
}

const KINDS = {
  enqueue: async (peer, { task, count }, options) => (await run(peer, task, count, options)).rate,
  async drain(peer, { count }, options) {
    const { of = 1 } = options;
    await run(peer, 'bulk', count, options);
    const parts = await Promise.all(Array.from({ length: of }, () => run(peer, 'drain', count, options)));
    const done = parts.reduce((sum, part) => sum + part.jobs, 0);
    if (done !== count) throw new Error(`${peer} ran ${done} of ${count} jobs`);
    return (done * 1_000) / (Math.max(...parts.map(({ last }) => last)) - Math.min(...parts.map(({ first }) => first)));
  },
  latency: (peer, { count }, options) => run(peer, 'latency', count, options),
  async idle(peer, _, options) {
    const startedAt = performance.timeOrigin + performance.now();
    const { readyAt, rss } = await run(peer, 'idle', 0, options);
    return { rss, bootMs: readyAt - startedAt };
  },
  async counters(peer, { count }, options) {
    await run(peer, 'bulk', count, options);
    return perJob(count, () => run(peer, 'drain', count, options));
  },
  /** A drain where others wait behind, have ended, and are at work. */
  async beside(peer, { count }, options) {
    await run(peer, 'bulk', count, options);
    await scale.surround(admin, options);
    let rate = 0;
    const costs = await perJob(count, async () => {
      const { first, last } = await run(peer, 'drain', count, { ...options, most: count });
      rate = (count * 1_000) / (last - first);
    });
    return { rate, ...costs };
  },
  /** Bytes of Redis's memory for each queued job. */
  async stored(peer, { count }, options) {
    // Scripts and their interpreter are no part of it.
    await run(peer, 'bulk', 100, options);
    await admin.call(['FLUSHALL']);
    const used = async () => Number(/^used_memory:(\d+)/m.exec(await admin.call(['INFO', 'memory']))?.[1]);
    const before = await used();
    await run(peer, 'bulk', count, options);
    return ((await used()) - before) / count;
  },
  long: (peer, { count }, options) => run(peer, 'long', count, options),
  fleet: (_, { count }) => fleet(count, { admin, url, counters }),
  crowd: (peer, { count }) => scale.crowd(peer, count, { admin, url }),
  memory: (peer, { count }) => scale.memory(peer, count, { admin, url }),
  info: (peer, { count }) => scale.info(peer, count, { admin, url }),
  requeue: (peer, { count }) => scale.requeue(peer, count, { admin, url }),
  empty: (peer, { count }) => scale.empty(peer, count, { admin, url }),
};

const seenAlready = new Map();

/** Metrics that are figures of one measurement share it. */
async function measure(metric, peer, round) {
  const { count, ...options } = metric.peers[peer];
  const jobs = Math.ceil((count ?? metric.count) * share);
  const key = JSON.stringify([metric.kind, metric.task, peer, options, jobs, round]);
  if (metric.value === undefined || !seenAlready.has(key)) {
    await admin.call(['FLUSHALL']);
    seenAlready.set(key, await KINDS[metric.kind](peer, { ...metric, count: jobs }, options));
  }
  const seen = seenAlready.get(key);
  return metric.value === undefined ? seen : seen[metric.value];
}

const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];
const isRate = (unit) => unit === 'jobs/s';
/** How many times better tsrq is than the peer. */
const better = (unit, own, other) => (isRate(unit) ? own / other : other / own);

const results = [];
const isChosen = ({ name, kind, apart }) =>
  name.includes(values.only) && (apart !== true || values.only.startsWith(kind));
for (const metric of METRICS.filter(isChosen)) {
  const peers = Object.keys(metric.peers).filter((peer) => !peer.startsWith('rq') || scale.hasPython);
  const seen = Object.fromEntries(peers.map((peer) => [peer, []]));
  for (let round = 0; round < Math.min(rounds, metric.rounds ?? rounds); round += 1) {
    // Whoever comes first changes from round to round.
    for (const peer of round % 2 === 0 ? peers : peers.toReversed())
      seen[peer].push(await measure(metric, peer, round));
  }
  const ratios = Object.fromEntries(
    peers.slice(1).map((peer) => [peer, median(seen.tsrq.map((own, i) => better(metric.unit, own, seen[peer][i])))]),
  );
  results.push({ name: metric.name, unit: metric.unit, seen, ratios });
  if (!values.json) process.stderr.write(`${row(results.at(-1))}\n`);
}
const versions = {};
for (const peer of ['tsrq', 'bullmq', 'bee', ...(scale.hasPython ? ['rq'] : [])]) {
  versions[peer] = (await run(peer, 'version', 0, {})).version;
}
admin.close();
await redis.stop();

const conditions = `${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${server.product} ${server.version}, ${cpus().length} × ${cpus()[0]?.model ?? '?'}; ${rounds} interleaved rounds${share === 1 ? '' : ` with ${share} of the jobs`}`;
if (values.json) console.log(JSON.stringify({ conditions, versions, results }, null, 2));
else {
  console.log(
    `${conditions}; ${Object.entries(versions)
      .map(([peer, version]) => `${peer} ${version}`)
      .join(', ')}\n`,
  );
  console.log(
    'Median (least to most), and how many times better tsrq is: the median of the ratios within the rounds.\n',
  );
  console.log('| | tsrq | others |\n| --- | --: | --- |');
  for (const result of results) console.log(row(result));
}
if (values.save) {
  const kept = existsSync(BASELINE) ? JSON.parse(readFileSync(BASELINE, 'utf8')).ratios : {};
  for (const { name, ratios } of results) kept[name] = ratios;
  writeFileSync(BASELINE, `${JSON.stringify({ conditions, ratios: kept }, null, 2)}\n`);
}
if (values.compare) compare();

function row({ name, unit, seen, ratios }) {
  const figure = (value) => (value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3));
  const cell = (list) => `${figure(median(list))} (${figure(Math.min(...list))} to ${figure(Math.max(...list))})`;
  const others = Object.entries(ratios).map(
    ([peer, ratio]) => `${peer} ${cell(seen[peer])}: **${ratio.toFixed(2)} ×**`,
  );
  return `| ${name}${unit === '' ? '' : `, ${unit}`} | ${cell(seen.tsrq)} | ${others.join('; ')} |`;
}

function compare() {
  const { conditions: before, ratios: baseline } = JSON.parse(readFileSync(BASELINE, 'utf8'));
  console.log(`\nAgainst the baseline (${before}):`);
  for (const { name, ratios } of results) {
    for (const [peer, ratio] of Object.entries(ratios)) {
      const then = baseline[name]?.[peer];
      if (then === undefined) continue;
      const fell = ratio < then * 0.75;
      if (fell) process.exitCode = 1;
      console.log(`${fell ? 'WORSE ' : 'ok    '} ${name}, ${peer}: ${then.toFixed(2)} → ${ratio.toFixed(2)}`);
    }
  }
}

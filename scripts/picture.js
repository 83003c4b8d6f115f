// Makes docs/pictures/*.svg: `tsrq info` and `tsrq top` as a terminal (tmux) shows them, beside workers that have something to do, on a private
// Redis of which nothing is kept. `node scripts/build.js && node scripts/picture.js`; wants tmux.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Queue, Tsrq } from 'tsrq';
import { findRedisServer, startPrivateRedis } from '../dist/redis/private-redis.js';
import { toSvg } from './terminal-svg.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BIN = `${ROOT}bin/tsrq.js`;
const PICTURES = `${ROOT}docs/pictures`;
const COLUMNS = 100;
const JOBS = `${ROOT}scripts/picture-jobs.js`;

const redis = await startPrivateRedis(await findRedisServer(process.env));
const env = { ...process.env, TSRQ_REDIS_URL: redis.url, TERM: 'xterm-256color', FORCE_COLOR: '1' };
const app = new Tsrq({ url: redis.url });
const children = [];
const socket = `/tmp/tsrq-picture-${process.pid}`;
try {
  work('web-1', '--concurrency', '3', 'high', 'mail');
  work('web-2', '--concurrency', '3', 'high', 'mail');
  work('batch-1', '--with-scheduler', 'reports');
  await enqueue();
  mkdirSync(PICTURES, { recursive: true });
  await picture('info', 'tsrq info', 14, 0.5);
  await picture('top', 'tsrq top --interval 0.5 --tab running', 18, 9);
} finally {
  for (const child of children) child.kill('SIGKILL');
  tmux('kill-server');
  await app.close();
  await redis.stop();
}

function work(name, ...args) {
  const options = ['worker', '--name', name, '--jobs', JOBS, ...args];
  children.push(spawn(process.execPath, [BIN, ...options], { env, stdio: 'ignore', detached: true }));
}

/** Enough for the workers to be busy while the pictures are taken. */
async function enqueue() {
  const mail = new Queue('mail', { connection: app });
  await mail.enqueueMany(
    Array.from({ length: 400 }, (_, i) => ['mail.send', [`user-${i}@example.org`], { id: `mail-${i}` }]),
  );
  await mail.enqueueIn('2h', 'mail.send', ['later@example.org']);
  const reports = new Queue('reports', { connection: app });
  const build = await reports.enqueue('reports.build', ['2026-11'], { id: 'report-11' });
  await reports.enqueue('reports.build', ['2026-12'], { id: 'report-12' });
  await reports.enqueue('reports.publish', ['2026-11'], { dependsOn: build });
  const high = new Queue('high', { connection: app });
  await high.enqueueMany(Array.from({ length: 24 }, (_, i) => ['card.charge', [100 * i], { id: `charge-${i}` }]));
  await sleep(6_000);
}

/** Runs a command on a terminal of so many lines, and draws what it shows after so many seconds. */
async function picture(name, command, lines, seconds) {
  const line = command.replace(/^tsrq/, `"${process.execPath}" "${BIN}"`);
  const size = ['-x', String(COLUMNS), '-y', String(lines)];
  tmux('new-session', '-d', '-s', name, ...size, `${line}; exec sleep 60`);
  await sleep(1_500 + seconds * 1_000);
  const screen = tmux('capture-pane', '-e', '-p', '-t', name).trimEnd();
  writeFileSync(`${PICTURES}/${name}.svg`, toSvg(screen, { columns: COLUMNS, title: `$ ${command.split(' --')[0]}` }));
}

function tmux(...args) {
  return execFileSync('tmux', ['-S', socket, '-f', '/dev/null', ...args], { env, encoding: 'utf8' });
}

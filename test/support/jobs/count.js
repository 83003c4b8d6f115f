import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { getCurrentJob } from 'tsrq';

export const words = (text) => text.split(/\s+/).length;
export const add = (a, b, named = {}) => a + b + (named.c ?? 0);
export const echo = (...args) => args;
export const boom = (message) => {
  throw new TypeError(message);
};
export const rejects = async (value) => Promise.reject(value);
export const sleep = (ms) => new Promise((resolve) => setTimeout(() => resolve('slept'), ms));
/** Ends when the file is there. */
export const waiting = async (file) => {
  while (!existsSync(file)) await new Promise((resolve) => setTimeout(resolve, 20));
};
export const busy = (ms) => {
  const end = Date.now() + ms;
  while (Date.now() < end);
  return 'done';
};
export const exit = (code) => process.exit(code);
export const killed = () => process.kill(process.pid, 'SIGKILL');
export const stray = async () => {
  void Promise.reject(new Error('nobody awaits this'));
  await sleep(5_000);
};
export const outOfMemory = () => {
  const hoard = [];
  for (;;) hoard.push(new Array(100_000).fill(Math.random()));
};
export const circular = () => {
  const value = {};
  value.self = value;
  return value;
};
export const large = (mebibytes) => 'x'.repeat(mebibytes * 1_048_576);
export const nothing = () => undefined;
/** Appends a line to a file: what really ran, recorded outside Redis. */
export const note = (file, line) => {
  appendFileSync(file, `${line}\n`);
  return line;
};
export const noteSlowly = async (file, line, ms) => {
  appendFileSync(file, `${line} begins\n`);
  await new Promise((resolve) => setTimeout(resolve, ms));
  appendFileSync(file, `${line} ends\n`);
  return line;
};
export const current = async () => {
  const job = getCurrentJob();
  await Promise.resolve();
  job.meta.seen = getCurrentJob().id;
  await job.saveMeta();
  return {
    id: job.id,
    origin: job.origin,
    functionName: job.functionName,
    timeout: job.timeoutSeconds,
    worker: job.workerName,
  };
};
export const heedsSignal = async (file) => {
  const { signal } = getCurrentJob();
  await new Promise((_, reject) => {
    signal.addEventListener('abort', () => {
      appendFileSync(file, `${signal.reason.name}\n`);
      reject(signal.reason);
    });
  });
};
export const complain = (text) => {
  process.stderr.write(`${text}\n`);
};
export const flood = async (megabytes) => {
  const chunk = 'x'.repeat(1024 * 1024);
  for (let i = 0; i < megabytes; i += 1) {
    if (!process.stderr.write(chunk)) await new Promise((resolve) => process.stderr.once('drain', resolve));
  }
  return megabytes;
};
export const child = (file) => {
  const process_ = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  appendFileSync(file, `${process_.pid}\n`);
  return new Promise(() => undefined);
};
export const notAFunction = 42;
/** Tells of itself: progress, log lines, and then waits until the file is there, if one is named. */
export const telling = async (lines, file) => {
  const job = getCurrentJob();
  job.meta.own = true;
  job.progress(0, 'begun');
  for (let i = 1; i <= lines; i += 1) job.log(`line ${i}`);
  job.progress(42, 'half way');
  while (file !== undefined && !existsSync(file)) await new Promise((resolve) => setTimeout(resolve, 20));
  job.progress(100);
  job.log('the end\nindeed');
  return lines;
};
/** So many characters on stderr. */
export const shout = (size) => {
  process.stderr.write('x'.repeat(size));
};
/** Sleeps so long, and says in a file that it has. */
export const sleepAndNote = async (ms, file) => {
  await new Promise((resolve) => setTimeout(resolve, ms));
  writeFileSync(file, 'slept');
};

import { spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { writeFileSync } from 'node:fs';

/** The process that ran it, after so many milliseconds. */
export const pid = async (ms = 0) => {
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
  return process.pid;
};
/** The same, without letting anything else in. */
export const spin = (ms) => {
  for (const end = Date.now() + ms; Date.now() < end;);
  return process.pid;
};
export const die = () => process.exit(3);
/** Says so to whoever may have forked this process, and whether it could. */
export const sayReady = () => {
  process.send?.('ready');
  return typeof process.send;
};

/**
 * Starts a process that outlives its job and has its stderr, in a group of its own (`detached`) or in the job's; then ends as told.
 * `note`: a file for the pid of that process.
 */
export async function leaveBehind(note, how, detached = true) {
  const child = spawn('sleep', ['300'], { stdio: ['ignore', 'ignore', 'inherit'], detached });
  writeFileSync(note, String(child.pid));
  child.unref();
  if (how === 'exit') process.exit(3);
  if (how === 'kill') process.kill(process.pid, 'SIGKILL');
  if (how === 'busy') for (;;);
  if (how === 'wait') await new Promise((resolve) => setTimeout(resolve, 60_000));
  return how;
}

const later = (ms, what) => setTimeout(what, ms);
const STRAYS = {
  timer: (ms) => later(ms, () => throwIt()),
  rejection: (ms) => later(ms, () => void Promise.reject(new TypeError('a stray error'))),
  text: (ms) => later(ms, () => void Promise.reject('a stray text')),
  emitter: (ms) => later(ms, () => new EventEmitter().emit('error', new TypeError('a stray error'))),
  many: (ms) => later(ms, () => setInterval(() => throwIt(), 1)),
};
const throwIt = () => {
  throw new TypeError('a stray error');
};
/** Throws where nobody awaits it, `ms` after its begin, and itself goes on for `lasts`. Returns its process. */
export async function straying(kind, ms, lasts) {
  STRAYS[kind](ms);
  return pid(lasts);
}
/** Has a timer that belongs to no job throw. */
export async function nobodys(lasts) {
  isAsked = true;
  return pid(lasts);
}
let isAsked = false;
setInterval(() => {
  if (isAsked) throwIt();
}, 50).unref();

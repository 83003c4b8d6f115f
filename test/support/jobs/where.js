import { spawn } from 'node:child_process';
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

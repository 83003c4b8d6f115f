import type { ClaimedJob } from '../queue/claim.js';
import type { ErrorText } from './horses/error-text.js';
import type { Completion } from './horses/performer.js';

/** Of the error of what was over its time: RQ's name. */
export const OVERTIME = 'JobTimeoutException';

/** In RQ's words, so that whoever searches for them finds both. */
export function overtime(seconds: number, callback: string | undefined): ErrorText {
  const where = callback === undefined ? '' : ` in the callback ${callback}`;
  const text = `${OVERTIME}: Task exceeded maximum timeout value (${seconds} seconds)${where}`;
  return { error: text, summary: text };
}

/** What a job is told to have died of. */
export function death(how: string): ErrorText {
  const text = `Work-horse terminated unexpectedly; ${how}`;
  return { error: text, summary: text };
}

/** What went wrong in a run; null for nothing. */
export function problemOf(completion: Completion): ErrorText | null {
  if (completion.kind !== 'performed') return death(completion.how);
  return completion.performed.ok ? null : completion.performed;
}

/** Why a claimed job cannot be run at all; null if it can. */
export function whyNotPerformable(job: ClaimedJob): string | null {
  if (job.oversizedBytes !== null) {
    return `the payload of job ${job.id} has ${job.oversizedBytes} bytes, more than 64 MiB: it was not read`;
  }
  if (job.data === null) return `the hash of job ${job.id} has no data: there is nothing to run`;
  if (job.timeout !== '' && (!/^-?\d+$/.test(job.timeout) || Number(job.timeout) === 0)) {
    return `the timeout of job ${job.id} is '${job.timeout.slice(0, 80)}': a number of seconds or -1 is needed`;
  }
  return null;
}

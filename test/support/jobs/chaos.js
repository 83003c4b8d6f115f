import { appendFileSync } from 'node:fs';
import { getCurrentJob } from 'tsrq';

/**
 * Writes into a ledger outside Redis that it began and that it ended. Fails as long as the job has more than
 * `failAbove` retries left (-1: never).
 */
export const work = async (ledger, key, ms, failAbove) => {
  const job = getCurrentJob();
  const note = (what) => {
    const run = { execution: job.executionId, left: job.retriesLeft ?? 0, worker: job.workerName, pid: process.pid };
    const entry = { t: Date.now(), what, key, ...run };
    appendFileSync(ledger, `${JSON.stringify(entry)}\n`);
  };
  note('begin');
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
  note('end');
  if (failAbove >= 0 && (job.retriesLeft ?? 0) > failAbove) throw new Error('a planned failure');
  return key;
};

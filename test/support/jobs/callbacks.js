import { appendFileSync } from 'node:fs';
import { getCurrentJob, Retry } from 'tsrq';

/** The first argument of each job is the file in which its callbacks write. */
const write = (job, line) => appendFileSync(job.args[0], `${line}\n`);

export const good = () => 'value';
export const bad = () => {
  throw new TypeError('bad');
};
export const again = () => {
  throw new Retry({ max: 1, message: 'not yet' });
};
export const hang = () => new Promise(() => undefined);
export const busy = (file) => {
  appendFileSync(file, 'busy\n');
  for (;;);
};
export const heeds = (file) => {
  appendFileSync(file, 'heeds\n');
  const { signal } = getCurrentJob();
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
};

export const onSuccess = async (job, result) => {
  await Promise.resolve();
  write(job, `success ${job.id} ${getCurrentJob().id} ${JSON.stringify(result)}`);
};
export const onFailure = (job, error) => write(job, `failure ${error.name}: ${error.message}`);
export const onStopped = (job, ...more) => write(job, `stopped ${job.functionName} ${more.length}`);
export const throws = (job) => {
  write(job, 'throws');
  throw new RangeError('of the callback');
};
export const hangs = (job) => {
  write(job, 'hangs');
  return new Promise(() => undefined);
};
export const strays = () => {
  setTimeout(bad, 30);
  return new Promise((resolve) => setTimeout(resolve, 30_000));
};

import { appendFileSync } from 'node:fs';

const file = process.env.REPORTS ?? '';

export const first = ({ id, error, ending, attempt }) => {
  appendFileSync(file, `first ${id} ${process.pid} ${attempt} ${ending.state} ${error.split('\n')[0]}\n`);
};

export const throwing = () => {
  throw new Error('no report today');
};

export const slow = async ({ id }) => {
  await new Promise((resolve) => setTimeout(resolve, 300));
  appendFileSync(file, `slow ${id}\n`);
  return false;
};

import { job, Queue } from 'tsrq';

export const child = job('family.child', { queue: 'children' }, (n) => n);

/** Enqueues others, at the Redis of its worker. */
export const parent = job('family.parent', async (n) => {
  await child.enqueue(n);
  await new Queue('children').enqueue('family.child', [n + 1]);
  return 'done';
});

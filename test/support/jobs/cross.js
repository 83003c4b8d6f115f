import { Tsrq } from 'tsrq';

/** Enqueues a note at another Redis. */
export const send = async (url, queue, file, line) => {
  const tsrq = new Tsrq({ url });
  await tsrq.queue(queue).enqueue('count.note', [file, line]);
  await tsrq.close();
};

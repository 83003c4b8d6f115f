import { setTimeout as sleep } from 'node:timers/promises';
import { getCurrentJob } from '../../jobs/current-job.js';
import { registerJob } from '../../jobs/define.js';

/** The jobs of `tsrq demo`. */
export const countWords = registerJob('demo.countWords', async (text: string): Promise<number> => {
  await sleep(50);
  return text.split(/\s+/).length;
});

export const sendMail = registerJob('demo.sendMail', async ({ to }: { to: string }): Promise<string> => {
  await sleep(50);
  return `sent to ${to}`;
});

/** Fails at its first attempt and succeeds when it is requeued: `meta` remembers. */
export const chargeCard = registerJob('demo.chargeCard', async (amount: number): Promise<string> => {
  const current = getCurrentJob();
  if (current && current.meta['tried'] !== true) {
    current.meta['tried'] = true;
    await current.saveMeta();
    throw new Error('the bank did not answer');
  }
  return `charged ${amount}`;
});

// What the workers of scripts/picture.js run.
import { setTimeout as sleep } from 'node:timers/promises';
import { getCurrentJob, job } from 'tsrq';

job('mail.send', async (to) => {
  await sleep(200 + 20 * (to.length % 7));
  return `sent to ${to}`;
});

job('card.charge', async (cents) => {
  await sleep(150);
  if (cents % 700 === 0) throw new Error('the bank did not answer');
  return cents;
});

job('reports.build', async (month) => {
  for (let done = 0; done < 100; done++) {
    getCurrentJob()?.progress(done, 'adding up');
    await sleep(400);
  }
  return month;
});

job('reports.publish', async (month) => month);

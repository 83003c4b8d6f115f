// Jobs are functions with a name. Run them: npx tsrq worker --jobs examples/jobs.ts email reports
import { getCurrentJob, job } from 'tsrq';

export const sendReset = job('email.sendReset', { queue: 'email', timeout: '5m', retry: 3 }, async (userId: number) => {
  await Promise.resolve(`the mail to user ${userId} goes out here`);
  return `sent to ${userId}`;
});

export const buildReport = job('reports.build', { queue: 'reports' }, async (month: string) => {
  const current = getCurrentJob();
  // Jobs enqueue others at the Redis of their worker.
  const mail = await sendReset.enqueue(month.length);
  if (current) {
    current.meta['mail'] = mail.id;
    await current.saveMeta();
  }
  return { month, lines: 42 };
});

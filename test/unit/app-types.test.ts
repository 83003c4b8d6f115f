import { describe, expect, it } from 'vitest';
import {
  job,
  Retry,
  type ChannelMessages,
  type Job,
  type JobOptions,
  type Queue,
  type Worker,
} from '../../src/index.js';

const sendReset = job('types.sendReset', { queue: 'email', timeout: '5m', retry: 3 }, async (userId: number) => {
  return `sent to ${userId}`;
});

interface AppJobs {
  'app.mail.send': (to: string, copies?: number) => Promise<boolean>;
  'app.mail.count': () => number;
}

/** The compiler is the test: `npm run check` fails where one of these errors is none. */
export async function typed(queue: Queue<AppJobs>, any: Queue): Promise<void> {
  const seen: unknown[] = [];
  const direct: string = await sendReset(42);
  const made: Job<string> = await sendReset.enqueue(42);
  const result: string = await made.waitForResult({ timeout: '1m' });
  await sendReset.with({ queue: 'priority', timeout: 300 }).enqueueIn('5m', 42);
  // @ts-expect-error the argument is a number
  await sendReset.enqueue('42');
  // @ts-expect-error an argument is missing
  await sendReset.enqueue();
  // @ts-expect-error the argument is a number, later too
  await sendReset.enqueueAt(new Date(), '42');
  // @ts-expect-error this is no duration
  await sendReset.enqueueIn('5 minutes', 42);
  // @ts-expect-error the result is a text
  const wrong: number = await made.waitForResult();

  const named: Job<boolean> = await queue.enqueue('app.mail.send', ['bob', 2], { ttl: '1h' });
  await queue.enqueue(sendReset, [42]);
  // @ts-expect-error there is no job of that name
  await queue.enqueue('app.mail.sent', ['bob']);
  // @ts-expect-error the first argument is a text
  await queue.enqueue('app.mail.send', [42]);
  // @ts-expect-error the argument is a number
  await queue.enqueue(sendReset, ['42']);
  // @ts-expect-error a plain function has no name that a worker could find
  await queue.enqueue(() => 1, []);
  await any.enqueue('whatever.there.is', [1, 'two', null]);
  await any.enqueue('whatever.there.is');
  // @ts-expect-error the first argument is missing
  await queue.enqueue('app.mail.send');
  // @ts-expect-error the first argument is missing, later too
  await queue.enqueueIn('5m', 'app.mail.send', []);
  await queue.enqueue('app.mail.count');
  await queue.enqueueMany([['app.mail.send', ['bob']], ['app.mail.count'], [sendReset, [42], { ttl: '1h' }]]);
  // @ts-expect-error the first argument is a text
  await queue.enqueueMany([['app.mail.send', [42]]]);
  // @ts-expect-error the first argument is missing
  await queue.enqueueGroup([['app.mail.send']]);
  // @ts-expect-error there is no job of that name
  await queue.enqueueMany([['app.mail.sent', ['bob']]]);
  await any.enqueueMany([['whatever.there.is'], ['another', [1, 'two']]]);
  const options: JobOptions = { queue: 'email', retry: 3 };
  const asking = job('types.asks', options, (times: number) => (times > 1 ? new Retry({ max: 1 }) : 'done'));
  const done: string = await (await asking.enqueue(1)).waitForResult();
  seen.push(done);
  seen.push(direct, result, wrong, named);
}

export async function typedEvents(worker: Worker, queue: Queue, message: unknown): Promise<void> {
  const seen: unknown[] = [];
  worker.on('job-ended', ({ seconds }) => seen.push(seconds.toFixed(3)));
  worker.on('redis-regained', ({ afterMs }) => seen.push(afterMs.toFixed(3)));
  // @ts-expect-error there is no event of that name
  worker.on('job-end', () => undefined);
  // @ts-expect-error of that event there is no time
  worker.on('job-lost', ({ seconds }) => seen.push(seconds));
  for await (const { event, at } of await queue.watch()) seen.push(event.length, at.getTime());
  seen.push((message as ChannelMessages['tsrq:job:retried']).againInSeconds);
  // @ts-expect-error what is lost has no error
  seen.push((message as ChannelMessages['tsrq:job:lost']).error);
}

describe('the types of the library', () => {
  it('are checked by the compiler, with this file', () => {
    expect([typed, typedEvents].every((check) => typeof check === 'function')).toBe(true);
  });
});

import { describe, expect, it } from 'vitest';
import {
  job,
  Retry,
  type ChannelMessages,
  type Job,
  type JobOptions,
  type ManyItem,
  type Queue,
  type StandardSchemaV1,
  type Worker,
} from '../../src/index.js';

const sendReset = job('types.sendReset', { queue: 'email', timeout: '5m', retry: 3 }, async (userId: number) => {
  return `sent to ${userId}`;
});

interface AppJobs {
  'app.mail.send': (to: string, copies?: number) => Promise<boolean>;
  'app.clean': (days?: number) => void;
  'app.poll': (id: string) => Promise<number | Retry>;
}

const patient: JobOptions = { queue: 'email', timeout: '5m', retry: { max: 3, intervals: ['10s'] } };
const checkedByOptions = job('types.patient', patient, (userId: number) => userId);
const checkedBySatisfies = job('types.satisfied', { timeout: 5 } satisfies JobOptions, () => undefined);
const polls = job('types.polls', async (id: string) => (id === '' ? new Retry({ max: 3 }) : id.length));

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
  seen.push(direct, result, wrong, named);
}

export async function typedOptions(schema: StandardSchemaV1<[string]>): Promise<unknown> {
  const made: Job<number> = await checkedByOptions.enqueue(42);
  await checkedBySatisfies.enqueue();
  job('types.schema', { args: schema }, (name: string) => name);
  // @ts-expect-error the schema gives a text
  job('types.schema', { args: schema }, (n: number) => n);
  // @ts-expect-error the schema of these options gives a text
  job('types.schema', { args: schema } satisfies JobOptions<[string]>, (n: number) => n);
  const strict: JobOptions<[string]> = { args: schema, retry: 3 };
  job('types.schema', strict, (name: string) => name);
  // @ts-expect-error the schema of these options gives a text
  job('types.schema', strict, (n: number) => n);
  // @ts-expect-error there is no such option
  const wrong: JobOptions = { attempts: 3 };
  return [made, wrong];
}

export async function typedResults(queue: Queue<AppJobs>): Promise<number> {
  const [direct, named] = [await polls.enqueue('x'), await queue.enqueue('app.poll', ['x'])];
  const asked: number | Retry = await polls('x');
  const results: readonly number[] = [await direct.waitForResult(), await named.waitForResult()];
  const again: number | null = await (await queue.enqueue(polls, ['x'])).result();
  return results.length + (again ?? 0) + (typeof asked === 'number' ? asked : 0);
}

export async function typedMany(queue: Queue<AppJobs>, any: Queue): Promise<void> {
  await queue.enqueue('app.clean');
  await queue.enqueueIn('1h', 'app.clean', [3], { ttl: '1h' });
  await queue.enqueue('app.mail.send', ['bob'] as const);
  // @ts-expect-error an argument is missing
  await queue.enqueue('app.mail.send');
  // @ts-expect-error an argument is missing, later too
  await queue.enqueueIn('1h', 'app.mail.send');
  // @ts-expect-error an argument is missing, then too
  await queue.enqueueAt(new Date(), 'app.mail.send', []);

  await queue.enqueueMany([['app.mail.send', ['bob', 2], { id: 'x' }], ['app.clean'], [sendReset, [42]]]);
  await queue.enqueueGroup(['bob', 'eve'].map((to) => ['app.mail.send', [to]] as const));
  // @ts-expect-error the first argument is a text
  await queue.enqueueMany([['app.mail.send', [42]]]);
  // @ts-expect-error an argument is missing
  await queue.enqueueMany([['app.clean'], ['app.mail.send']]);
  // @ts-expect-error there is no job of that name
  await queue.enqueueGroup([['app.mail.sent', ['bob']]]);
  // @ts-expect-error there is no such option
  await queue.enqueueGroup([['app.clean', [], { attempts: 3 }]]);
  const items: ManyItem[] = [['whatever.there.is', [1, 'two']], ['or.this'], [sendReset, [42]]];
  await any.enqueueMany(items);
  await any.enqueueGroup([...items, ['more', [], { ttl: '1h' }]]);
  const mails: ManyItem<AppJobs>[] = [['app.mail.send', ['bob']]];
  await queue.enqueueMany(mails);
  await typedMany(queue, queue);
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
    expect(
      [typed, typedOptions, typedResults, typedMany, typedEvents].every((check) => typeof check === 'function'),
    ).toBe(true);
  });
});

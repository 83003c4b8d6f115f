import { describe, expect, it } from 'vitest';
import { enqueue, job, Queue, type NewJob, type Redis, type TsrqError } from '../../../src/index.js';

/** Nothing may come so far. */
const nowhere = new Proxy({} as Redis, {
  get: (_, name) => {
    if (name === 'description') return 'nowhere';
    if (name === 'evaluate') return () => Promise.reject(new Error('it was enqueued'));
    return undefined;
  },
  has: (_, name) => name === 'evaluate',
});
const queue = new Queue('q', { connection: nowhere });
const target = job('options.target', () => undefined);

async function refusal(work: () => unknown): Promise<Pick<TsrqError, 'code' | 'message' | 'hint'>> {
  try {
    await work();
  } catch (error) {
    return error as TsrqError;
  }
  throw new Error('nothing was refused');
}

const wrong: readonly (readonly [options: object, message: string])[] = [
  [{ retry: '3' }, "the option retry is '3': a number from 1, or { max, intervals or backoff, enqueueAtFront }"],
  [{ retry: true }, 'the option retry is true: a number'],
  [{ retry: {} }, 'the option retry is {}: a number'],
  [{ retry: null }, 'the option retry is null: a number'],
  [{ retry: { max: '3' } }, "the option retry.max is '3': a number is needed"],
  [{ retry: { max: 3, intervals: ['soon'] } }, 'the option retry.intervals is a list: a time'],
  [{ retry: { max: 3, backoff: {} } }, 'the option retry.backoff is {}: { initialSeconds, maxSeconds, jitter }'],
  [{ retry: { max: 3, backoff: 'exponential' } }, "the option retry.backoff is 'exponential': {"],
  [{ repeat: 1 }, 'the option repeat is 1: { times, interval }'],
  [{ repeat: { times: 2, interval: '5m' } }, "the option repeat.interval is '5m': a number of seconds"],
  [{ rateLimit: {} }, 'the option rateLimit is {}: { key, concurrency } is needed'],
  [{ timeout: '5 minutes' }, "the option timeout is '5 minutes': a number of seconds, or a text such as '30s'"],
  [{ ttl: null }, 'the option ttl is null: a number of seconds'],
  [{ meta: ['x'] }, 'the option meta is a list: an object is needed'],
  [{ serializer: 'yaml' }, "the option serializer is 'yaml': 'json' or 'pickle' is needed"],
  [{ onExistingId: 'keep' }, "the option onExistingId is 'keep': 'refuse', 'unique' or 'replace' is needed"],
  [{ atFront: 1 }, 'the option atFront is 1: true or false is needed'],
  [{ durable: 2 }, 'the option durable is 2: { replicas, timeoutMs } is needed'],
  [{ onSuccess: () => 0 }, 'the option onSuccess is a function: the name of a function'],
  [
    { onFailure: { name: 'a.b' } },
    'the option onFailure is { name }: the name of a function, or { name, timeoutSeconds }',
  ],
  [{ webhooks: { url: 'http://secret' } }, 'the option webhooks is { url }: a list of { url, jobStatus'],
  [{ webhooks: [null] }, 'the option webhooks is a list: a list of { url, jobStatus'],
];

const wrongOfEach: typeof wrong = [
  [{ dependsOn: null }, 'the option dependsOn is null: a job, its id, a list of these'],
  [{ dependsOn: [undefined] }, 'the option dependsOn is a list: a job'],
  [{ dependsOn: { jobs: 'x' } }, 'the option dependsOn is { jobs }: a job'],
  [{ id: 7 }, 'the option id is 7: a text is needed'],
  [{ kwargs: [] }, 'the option kwargs is an empty list: an object is needed'],
  [{ queue: 'other' }, "the option queue is 'other', and the job is put on 'q'"],
];

describe('options of a job that cannot be', () => {
  it.each(wrong)('%j are refused where it is defined', (options, message) => {
    expect(() => job('options.wrong', options as never, () => undefined)).toThrow(message);
  });

  it.each([...wrong, ...wrongOfEach])(
    '%j are refused where it is enqueued, also as one of many',
    async (options, message) => {
      const ways = [
        () => queue.enqueue('a.b', [], options),
        () => queue.enqueue(target, [], options),
        () => queue.enqueueMany([['a.b'], ['a.b', [], options]]),
      ];
      for (const way of ways) {
        const { code, message: said } = await refusal(way);
        expect([code, said]).toEqual(['USAGE', expect.stringContaining(message)]);
      }
    },
  );

  it('are refused as null, or as no object', async () => {
    expect((await refusal(() => job('options.wrong', null as never, () => undefined))).message).toContain(
      'options is null',
    );
    expect((await refusal(() => queue.enqueue('a.b', [], 'x' as never))).message).toContain("options is 'x'");
  });

  it.each<[Partial<NewJob>, string]>([
    [{ retry: {} as never }, 'the number of retries is undefined'],
    [{ retry: { max: 2, backoff: {} as never } }, 'the first wait of the back-off is undefined'],
    [{ repeat: 1 as never }, 'the number of repeats is undefined'],
    [{ rateLimit: {} as never }, 'the key of the rate limit is empty'],
    [{ rateLimit: { key: 'k' } as never }, 'the concurrency of the rate limit is undefined'],
  ])('are refused by the verb, too: %j', async (options, message) => {
    expect(await refusal(() => enqueue(nowhere, { functionName: 'a.b', ...options }))).toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(message),
    });
  });
});

describe('options that there are not', () => {
  it.each([
    ['attempts', 'attempts: 4 is retry: 3'],
    ['backoff', 'write it in retry'],
    ['delay', "enqueueIn('5m', …)"],
    ['jobId', 'write id'],
    ['job_id', 'write id'],
    ['removeOnComplete', 'resultTtl'],
    ['removeOnFail', 'failureTtl'],
    ['priority', 'several queues'],
    ['lifo', 'atFront'],
    ['deduplication', "onExistingId: 'unique'"],
    ['timeoutSeconds', 'write timeout'],
    ['scheduleAt', 'enqueueAt'],
    ['timout', 'did you mean timeout?'],
    ['depends_on', 'did you mean dependsOn?'],
    ['at_front', 'did you mean atFront?'],
    ['toString', 'there are queue, description, timeout'],
    ['whatever', 'there are queue, description, timeout'],
  ])('%s is refused, and what is meant is told', async (name, hint) => {
    const told = { code: 'USAGE', message: `there is no option '${name}'`, hint: expect.stringContaining(hint) };
    expect(await refusal(() => queue.enqueue('a.b', [], { [name]: 1 }))).toMatchObject(told);
    expect(await refusal(() => target.with({ [name]: 1 }).enqueue())).toMatchObject(told);
  });

  it('are found inside of options, too', async () => {
    const told = async (options: object): Promise<unknown> => {
      const { message, hint } = await refusal(() => queue.enqueue('a.b', [], options));
      return [message, hint];
    };
    expect(await told({ retry: { max: 3, interval: 5 } })).toEqual([
      "there is no option 'retry.interval'",
      'did you mean intervals?',
    ]);
    expect(await told({ retry: { max: 3, backoff: { initialSeconds: 1, type: 'fixed' } } })).toEqual([
      "there is no option 'retry.backoff.type'",
      expect.stringContaining('there are initialSeconds'),
    ]);
    expect(await told({ repeat: { times: 1, every: 5 } })).toEqual([
      "there is no option 'repeat.every'",
      expect.stringContaining('tsrq cron'),
    ]);
  });

  it('are told apart from those of the enqueuing where a job is defined, or many are enqueued', async () => {
    const defined = await refusal(() => job('options.wrong', { id: 'x' } as never, () => undefined));
    expect(defined).toMatchObject({
      message: "there is no option 'id'",
      hint: 'it is said when a job is enqueued: .with({ id })',
    });
    expect((await refusal(() => queue.enqueueMany([['a.b']], { group: 'g' } as never))).message).toBe(
      "there is no option 'group'",
    );
    expect((await refusal(() => queue.enqueueMany(['a.b'] as never))).message).toBe(
      'the jobs are a list, and not lists in a list',
    );
  });
});

describe('a moment that is none', () => {
  it.each([undefined, null, '2027-01-01', 1_790_000_000_000])('%j is refused by enqueueAt', async (at) => {
    for (const way of [() => queue.enqueueAt(at as never, 'a.b'), () => target.enqueueAt(at as never)]) {
      expect(await refusal(way)).toMatchObject({
        code: 'USAGE',
        message: expect.stringContaining('a Date is needed'),
      });
    }
  });

  it.each([undefined, null, 'soon', {}, new Date()])('%j is refused by enqueueIn', async (delay) => {
    expect(await refusal(() => queue.enqueueIn(delay as never, 'a.b'))).toMatchObject({ code: 'USAGE' });
  });
});

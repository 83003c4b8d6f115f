import { describe, expect, it } from 'vitest';
import { parseEntries } from '../../../src/cron/entry.js';
import { TsrqError } from '../../../src/errors.js';

const problems = (value: unknown): string[] => {
  try {
    parseEntries(value, 'cron.yaml');
  } catch (error) {
    expect(error).toBeInstanceOf(TsrqError);
    expect((error as TsrqError).code).toBe('CONFIG');
    return (error as Error).message.split('\n').map((line) => line.trim());
  }
  return [];
};

describe('entries of a cron file', () => {
  it("may use tsrq's names or those of RQ's register", () => {
    const ours = {
      function: 'a.b',
      queue: 'q',
      timeout: '1h',
      resultTtl: 5,
      failureTtl: '1d',
      interval: '5m',
      meta: { k: 1 },
    };
    const theirs = {
      func: 'a.b',
      queue_name: 'q',
      job_timeout: 3600,
      result_ttl: 5,
      failure_ttl: 86_400,
      interval: 300,
      meta: { k: 1 },
    };
    expect(parseEntries([theirs], 'f')).toEqual(parseEntries({ jobs: [ours] }, 'f'));
    expect(parseEntries([ours], 'f')[0]).toMatchObject({
      ...{ name: 'a.b', queue: 'q', missed: 'once', maxMissed: 100, what: 'a.b on q, every 300 s' },
      job: {
        functionName: 'a.b',
        timeoutSeconds: 3_600,
        resultTtlSeconds: 5,
        failureTtlSeconds: 86_400,
        meta: { k: 1 },
      },
    });
  });

  it('have defaults in common, and say otherwise themselves', () => {
    const jobs = [
      { function: 'a.b', interval: '5m' },
      { function: 'a.b', interval: '5m', queue: 'high' },
    ];
    const entries = parseEntries({ defaults: { queue: 'low', missed: 'skip' }, jobs }, 'f');
    expect(entries.map(({ queue, missed }) => [queue, missed])).toEqual([
      ['low', 'skip'],
      ['high', 'skip'],
    ]);
  });

  it('are known by their name, else by function, queue, schedule and arguments', () => {
    const key = (entry: object): string =>
      parseEntries([{ function: 'a.b', interval: 60, ...entry }], 'f')[0]?.key ?? '';
    expect(key({ name: 'n' })).toBe('n');
    expect(key({ name: 'n', args: [2] })).toBe('n');
    expect(key({})).toBe(key({ timeout: 5 }));
    expect(new Set([{}, { args: [1] }, { kwargs: { a: 1 } }, { queue: 'q' }, { interval: 61 }].map(key)).size).toBe(5);
  });

  it('report every problem with its place', () => {
    const found = problems({
      jobs: [
        { function: 'a.b', cron: '61 * * * *', timeoutt: 3 },
        { name: 'x', function: 'a.b', cron: '* * * * *', interval: 5 },
        { name: 'z', function: 'a.b', interval: 5, timezone: 'Mars/Base', args: 5, retry: { max: 0 } },
        { name: 'never', function: 'a.b' },
        { interval: 5 },
        7,
        { name: 'q', function: 'a.b', interval: 5, timeout: 0 },
        { name: 'twice', function: 'a.b', interval: 5 },
        { name: 'twice', function: 'c.d', interval: 5 },
      ],
      more: 1,
    });
    expect(found[0]).toBe('12 problems in the cron file cron.yaml:');
    const places = [
      'more',
      'jobs[0]: cron',
      'jobs[0]: unknown key timeoutt',
      'jobs[1] (x): cron and interval',
      'jobs[2] (z): timezone',
    ];
    places.push(
      'jobs[2] (z): args',
      'jobs[2] (z): retry',
      'jobs[3] (never): when is missing',
      'jobs[4]: function is missing',
    );
    places.push('jobs[5]: an object', 'jobs[6] (q): the timeout', 'jobs[8] (twice): it is jobs[7] (twice) again');
    expect(found.slice(1).map((line, i) => line.startsWith(places[i] ?? '?'))).toEqual(places.map(() => true));
  });

  it('have no webhooks: RQ has them, here they are an unknown key', () => {
    expect(problems([{ function: 'a.b', interval: 5, webhooks: [] }]).join(' ')).toContain('unknown key webhooks');
  });

  it('must be there', () => {
    expect(problems([])).toEqual(['a problem in the cron file cron.yaml:', 'jobs: there are no entries']);
    expect(problems({})[1]).toBe('jobs: a list of entries is needed');
    expect(problems('text')).toEqual(['a cron file holds a list of entries, or an object with `jobs`']);
  });
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import type { NewJob } from '../../src/queue/enqueue.js';
import { runTsrq, startTsrq, type CliProcess } from '../support/cli.js';
import { freshDir } from '../support/fresh-dir.js';
import { freshRedis, type FreshRedis } from '../support/fresh-redis.js';
import { latestResult, put, statusOf, until } from '../support/rq.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));

let fresh: FreshRedis;
freshRedis((given) => {
  fresh = given;
});
const dir = freshDir();
let worker: CliProcess | null = null;
afterEach(async () => {
  worker?.kill('SIGKILL');
  await worker?.exited;
  worker = null;
});

const fileOf = (id: string): string => join(dir, id);
const add = (id: string, functionName: string, more: Partial<NewJob>): Promise<string> =>
  put(fresh.redis, `callbacks.${functionName}`, [fileOf(id)], { queue: 'q', id, ...more });
const written = (id: string): string[] => {
  try {
    return readFileSync(fileOf(id), 'utf8').trimEnd().split('\n');
  } catch {
    return [];
  }
};
const burst = async (...options: string[]): Promise<string> => {
  const { code, stderr } = await runTsrq(['worker', '--burst', ...options, 'q'], { url: fresh.server.url, cwd: JOBS });
  expect(code).toBe(0);
  return stderr;
};

describe.each(['process', 'none'])('callbacks with --isolation %s', (isolation) => {
  const work = () => burst('--isolation', isolation);
  const named = (id: string): string => `${id}-${isolation}`;

  it('are called with the job and its result, or its error, before the end is recorded', async () => {
    const [good, bad, retried] = [named('good'), named('bad'), named('retried')] as const;
    const both = { onSuccess: 'callbacks.onSuccess', onFailure: 'callbacks.onFailure' };
    await add(good, 'good', both);
    await add(bad, 'bad', both);
    await add(retried, 'bad', { ...both, retry: { max: 2 } });
    await work();
    expect(written(good)).toEqual([`success ${good} ${good} "value"`]);
    expect(await statusOf(fresh.client, good)).toBe('finished');
    expect(written(bad)).toEqual(['failure TypeError: bad']);
    expect(await latestResult(fresh.client, bad)).toMatchObject({
      type: 2,
      error: expect.stringMatching(/^TypeError: bad/),
    });
    expect(written(retried)).toEqual(Array.from({ length: 3 }, () => 'failure TypeError: bad'));
  });

  it('are not called for a job that asks to be run again', async () => {
    const id = named('again');
    await add(id, 'again', { onSuccess: 'callbacks.onSuccess', onFailure: 'callbacks.onFailure' });
    await work();
    expect(written(id)).toEqual([]);
    expect(await latestResult(fresh.client, id)).toMatchObject({ type: 5 });
  });

  it('that throw make a success a failure, and add to an error', async () => {
    const [good, bad] = [named('good-throws'), named('bad-throws')];
    await add(good, 'good', { onSuccess: 'callbacks.throws', onFailure: 'callbacks.onFailure' });
    await add(bad, 'bad', { onFailure: 'callbacks.throws' });
    await work();
    expect(written(good)).toEqual(['throws', 'failure RangeError: of the callback']);
    expect((await latestResult(fresh.client, good))?.error).toMatch(/^RangeError: of the callback/);
    const error = (await latestResult(fresh.client, bad))?.error;
    expect(error).toMatch(/^TypeError: bad[^]*During handling of the above exception[^]*RangeError: of the callback/);
  });

  it('that are nowhere make a success a failure', async () => {
    const id = named('nowhere');
    await add(id, 'good', { onSuccess: 'callbacks.nowhere' });
    await work();
    expect((await latestResult(fresh.client, id))?.error).toContain("no handler for 'callbacks.nowhere'");
  });

  it('have a time limit of their own', async () => {
    const [good, bad] = [named('good-hangs'), named('bad-hangs')];
    const hangs = { name: 'callbacks.hangs', timeoutSeconds: 1 };
    await add(good, 'good', { onSuccess: hangs, onFailure: 'callbacks.onFailure', timeoutSeconds: -1 });
    await add(bad, 'bad', { onFailure: hangs, timeoutSeconds: -1 });
    await work();
    const limit =
      'JobTimeoutException: Task exceeded maximum timeout value (1 seconds) in the callback callbacks.hangs';
    expect((await latestResult(fresh.client, good))?.error).toBe(limit);
    expect(written(good)).toEqual(['hangs', `failure JobTimeoutException: ${limit}`]);
    const error = (await latestResult(fresh.client, bad))?.error ?? '';
    expect(error.startsWith('TypeError: bad')).toBe(true);
    expect(error.endsWith(`During handling of the above exception, another exception occurred:\n\n${limit}`)).toBe(
      true,
    );
    expect(written(bad)).toEqual(['hangs']);
  });
});

it('the failure callback of a job that is over its time is called in another process', async () => {
  for (const [id, functionName] of [
    ['busy', 'busy'],
    ['heeds', 'heeds'],
  ] as const)
    await add(id, functionName, { onFailure: 'callbacks.onFailure', timeoutSeconds: 1 });
  await add('both', 'busy', { onFailure: { name: 'callbacks.hangs', timeoutSeconds: 1 }, timeoutSeconds: 1 });
  await burst();
  const limit = 'JobTimeoutException: Task exceeded maximum timeout value (1 seconds)';
  expect(written('busy')).toEqual(['busy', `failure JobTimeoutException: ${limit}`]);
  expect(written('heeds')).toEqual(['heeds', `failure JobTimeoutException: ${limit}`]);
  expect(written('both')).toEqual(['busy', 'hangs']);
  expect((await latestResult(fresh.client, 'busy'))?.error).toBe(limit);
  const both = (await latestResult(fresh.client, 'both'))?.error;
  expect(both).toMatch(/^JobTimeoutException[^]*During handling[^]*in the callback callbacks\.hangs$/);
});

it('the stopped callback is called for a job that was stopped, and no other', async () => {
  worker = startTsrq(['worker', '-C', '3', 'q'], { url: fresh.server.url, cwd: JOBS });
  await worker.waitFor('listening on');
  const all = { onFailure: 'callbacks.onFailure', onSuccess: 'callbacks.onSuccess' };
  await add('stopped', 'busy', { ...all, onStopped: 'callbacks.onStopped' });
  await add('stopped-badly', 'heeds', { ...all, onStopped: 'callbacks.throws', retry: { max: 3 } });
  await add('failed', 'bad', { onStopped: 'callbacks.onStopped' });
  await until('both run', () => written('stopped').length > 0 && written('stopped-badly').length > 0);
  const stop = await runTsrq(['job', 'stop', 'stopped', 'stopped-badly'], { url: fresh.server.url });
  expect(stop.code).toBe(0);
  for (const id of ['stopped', 'stopped-badly'])
    await until(`${id} is stopped`, async () => (await statusOf(fresh.client, id)) === 'stopped');
  expect(written('stopped')).toEqual(['busy', 'stopped callbacks.busy 0']);
  expect(written('stopped-badly')).toEqual(['heeds', 'throws']);
  expect((await latestResult(fresh.client, 'stopped-badly'))?.error).toMatch(
    /^Job stopped by user, work-horse terminated\.[^]*RangeError: of the callback/,
  );
  await until('the third has failed', async () => (await statusOf(fresh.client, 'failed')) === 'failed');
  expect(written('failed')).toEqual([]);
});

it('a cold shutdown does not wait for callbacks', async () => {
  worker = startTsrq(['worker', 'q'], { url: fresh.server.url, cwd: JOBS });
  await worker.waitFor('listening on');
  await add('cold', 'bad', { onFailure: { name: 'callbacks.hangs', timeoutSeconds: 600 } });
  await until('the callback hangs', () => written('cold').length > 0);
  worker.kill('SIGTERM');
  await worker.waitFor('Stopping');
  await until('the worker has gone cold', async () => {
    worker?.kill('SIGTERM');
    return (await statusOf(fresh.client, 'cold')) === 'failed';
  });
  expect((await latestResult(fresh.client, 'cold'))?.error).toContain('the worker was told to stop at once');
});

describe.each(['process', 'none'])('a job whose worker has died, found with --isolation %s', (isolation) => {
  /** Has it run until its worker is killed, and its lease be over. */
  const abandon = async (id: string, more: Partial<NewJob>): Promise<void> => {
    await add(id, 'busy', more);
    worker = startTsrq(['worker', '--path', JOBS, 'q'], { url: fresh.server.url });
    await until('it runs', () => written(id).length > 0);
    worker.kill('SIGKILL');
    await worker.exited;
    const [member = ''] = await fresh.client.zrange('rq:wip:q', '0', '-1');
    await fresh.client.zadd('rq:wip:q', 'XX', '1', member);
  };

  it('has its failure callback called, once it is known', async () => {
    const id = `abandoned-${isolation}`;
    await abandon(id, { onFailure: 'callbacks.onFailure' });
    await burst('--isolation', isolation);
    expect(await statusOf(fresh.client, id)).toBe('failed');
    expect(written(id)).toEqual([
      'busy',
      'failure AbandonedJobError: the worker that had the job has died, or was cut off for longer than its lease',
    ]);
    await burst('--isolation', isolation);
    expect(written(id).length).toBe(2);
  });

  it('is failed all the same if that throws, takes too long, or is not known: the log says so', async () => {
    const [throwing, hanging, unknown] = ['throws', 'hangs', 'unknown'].map((name) => `abandoned-${name}-${isolation}`);
    await abandon(throwing ?? '', { onFailure: 'callbacks.throws' });
    expect(await burst('--isolation', isolation)).toContain('callbacks.throws of job');
    await abandon(hanging ?? '', { onFailure: { name: 'callbacks.hangs', timeoutSeconds: 1 } });
    expect(await burst('--isolation', isolation)).toMatch(
      /callbacks\.hangs of job .* failed: .*exceeded maximum timeout/,
    );
    await abandon(unknown ?? '', { onFailure: 'callbacks.nowhere' });
    expect(await burst('--isolation', isolation)).toMatch(/callbacks\.nowhere of job .* failed: /);
    for (const id of [throwing, hanging, unknown]) expect(await statusOf(fresh.client, id ?? '')).toBe('failed');
    expect(written(hanging ?? '')).toEqual(['busy', 'hangs']);
  });
});

import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runTsrq, startTsrq } from '../support/cli.js';
import { freshRedis, type FreshRedis } from '../support/fresh-redis.js';
import { put, statusOf, until } from '../support/rq.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));

let { server, client, redis } = {} as FreshRedis;
freshRedis((fresh) => ({ server, client, redis } = fresh));

const tsrq = (...args: string[]) => runTsrq(args, { url: server.url });

it('shows a job that has ended, for people and for programs', async () => {
  await put(redis, 'count.add', [1, 2], { id: 'good', queue: 'q', serializer: 'pickle', meta: { k: 1 } });
  await put(redis, 'count.boom', ['no luck'], { id: 'bad', queue: 'q' });
  await tsrq('worker', '--burst', '--path', JOBS, 'q');
  await put(redis, 'count.echo', [2n ** 64n], { id: 'big', queue: 'q', serializer: 'pickle' });
  await tsrq('worker', '--burst', '--path', JOBS, 'q');
  const { code, stdout } = await tsrq('job', 'show', 'good', 'bad');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^id +good\nstatus +finished\nqueue +q\ndescription +count\.add\(1, 2\)\n/);
  expect(stdout).toMatch(/^meta +\{"k":1\}$/m);
  expect(stdout).toMatch(/^result +3$/m);
  expect(stdout).toMatch(/^error +\nTypeError: no luck$/m);
  const { stdout: json } = await tsrq('job', 'show', '--json', 'good');
  expect(JSON.parse(json)).toMatchObject({ jobs: [{ id: 'good', status: 'finished', result: 3 }] });
  // What JSON has not is shown all the same.
  const { stdout: big } = await tsrq('job', 'show', '--json', 'big');
  expect(JSON.parse(big)).toMatchObject({ jobs: [{ id: 'big', result: [String(2n ** 64n)] }] });
});

it('shows what others have written so that it cannot steer the terminal', async () => {
  const steering = '\u001b]0;other title\u0007\u009b2J\u202e';
  await put(redis, 'count.boom', [`${steering}\nsecond line`], {
    id: 'evil',
    queue: 'q',
    description: `${steering}\nx`,
  });
  await tsrq('worker', '--burst', '--path', JOBS, '-n', steering, 'q');
  const { code, stdout } = await tsrq('job', 'show', 'evil');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^description +\ufffd\S+ title\S+x$/m);
  expect(stdout).toMatch(/^error +\nTypeError: .*\nsecond line$/m);
  expect(stdout).not.toMatch(/[\u001b\u0007\u009b\u202e]/);
});

it('shows every result that is kept, newest first, of jobs that were run again', async () => {
  await put(redis, 'count.boom', ['first'], { id: 'again', queue: 'q' });
  await tsrq('worker', '--burst', '--path', JOBS, '-n', 'one', 'q');
  expect(await tsrq('job', 'requeue', 'again')).toMatchObject({ code: 0 });
  await tsrq('worker', '--burst', '--path', JOBS, '-n', 'two', 'q');
  const { stdout } = await tsrq('job', 'show', 'again');
  expect(stdout).toMatch(
    /^results +2 are kept, newest first\n +\S+Z failed on two: TypeError: first\n +\S+Z failed on one:/m,
  );
  const { jobs } = JSON.parse((await tsrq('--json', 'job', 'show', 'again')).stdout) as {
    jobs: { results: object[] }[];
  };
  expect(jobs[0]?.results).toMatchObject([
    { type: 'failed', workerName: 'two', value: null },
    { type: 'failed', workerName: 'one' },
  ]);
  expect((await tsrq('job', 'requeue', 'again', 'nobody')).code).toBe(1);
  expect((await tsrq('job', 'requeue')).code).toBe(2);
});

describe('waiting for the end', () => {
  const work = () => tsrq('worker', '--burst', '--path', JOBS, 'q');

  it('job wait prints results, and exits 1 if any did not finish, 124 when the time is over', async () => {
    await put(redis, 'count.add', [1, 2], { id: 'good', queue: 'q' });
    await put(redis, 'count.boom', ['no luck'], { id: 'bad', queue: 'q' });
    const waiting = startTsrq(['job', 'wait', 'good', 'bad', 'nobody'], { url: server.url });
    await waiting.waitFor('there is no job nobody');
    await work();
    expect(await waiting.exited).toMatchObject({ code: 1, stdout: 'good finished: 3\n' });
    expect(waiting.stderr()).toContain('tsrq: bad failed: TypeError: no luck\n  `tsrq job show bad` tells more\n');
    expect(await tsrq('job', 'wait', 'good')).toMatchObject({ code: 0 });
    const { stdout } = await tsrq('job', 'wait', '--json', 'good', 'bad', 'nobody');
    expect(JSON.parse(stdout)).toMatchObject({
      jobs: [
        { id: 'good', status: 'finished', result: 3 },
        { id: 'bad', status: 'failed', error: expect.stringContaining('no luck') as string },
        { id: 'nobody', status: 'missing' },
      ],
    });
    await put(redis, 'count.add', [1, 2], { id: 'waits', queue: 'q' });
    const late = await tsrq('job', 'wait', '--timeout', '0', 'waits', 'good');
    expect(late).toMatchObject({ code: 124 });
    expect(late.stderr).toMatch(/^tsrq: job waits has not ended within 0 s/m);
  });

  it('job wait ends with 130 at Ctrl-C', async () => {
    await put(redis, 'count.add', [1, 2], { id: 'waits', queue: 'q' });
    await client.config('RESETSTAT');
    const waiting = startTsrq(['job', 'wait', 'waits'], { url: server.url });
    await until('it waits', async () => (await client.info('commandstats')).includes('cmdstat_hmget'));
    waiting.kill('SIGINT');
    expect((await waiting.exited).code).toBe(130);
  });

  it('enqueue --wait prints the result', async () => {
    const worker = startTsrq(['worker', '--path', JOBS, 'q'], { url: server.url });
    await worker.waitFor('listening on');
    const enqueue = (...args: string[]) => tsrq('enqueue', '-q', 'q', ...args);
    expect(await enqueue('--quiet', 'count.add', ':1', ':2', '--wait')).toMatchObject({ code: 0, stdout: '3\n' });
    expect((await enqueue('count.add', ':1', ':2', '--wait=60')).stdout).toMatch(/^Enqueued .*\n3\n$/);
    const gone = await enqueue('--quiet', '--job-id', 'x', '--result-ttl', '0', 'count.add', ':1', ':2', '--wait');
    expect(gone).toMatchObject({ code: 0, stdout: 'x finished; its result was not kept\n' });
    const { code, stdout } = await enqueue('--json', 'count.boom', 'no luck', '--wait');
    expect([code, JSON.parse(stdout)]).toMatchObject([1, { queue: 'q', status: 'failed', result: null }]);
    expect((await enqueue('--wait', 'count.add', ':1')).stderr).toMatch(/'count.add' is no duration: write --wait=30s/);
    expect((await enqueue('count.sleep', ':60000', '--wait=0')).code).toBe(124);
    worker.kill('SIGKILL');
    await worker.exited;
  });
});

it('cancels and deletes, and exits 1 for what it could not do', async () => {
  await put(redis, 'count.add', [], { id: 'one', queue: 'q' });
  expect(await tsrq('job', 'cancel', 'one')).toMatchObject({ code: 0, stdout: 'Canceled one.\n' });
  expect(await tsrq('job', 'cancel', 'one')).toMatchObject({ code: 1, stderr: 'tsrq: one is canceled already\n' });
  expect(await tsrq('job', 'stop', 'one')).toMatchObject({ code: 1 });
  expect(await tsrq('job', 'delete', 'one')).toMatchObject({ code: 0, stdout: 'Deleted one.\n' });
  const { code, stderr } = await tsrq('job', 'show', 'one');
  expect([code, stderr]).toEqual([1, 'tsrq: there is no job one\n']);
  expect((await tsrq('job', 'burn', 'one')).code).toBe(2);
  expect((await tsrq('job', 'delete', '--enqueue-dependents', 'one')).code).toBe(2);
});

it.each(['process', 'none'])('stops a job that runs (--isolation %s)', async (isolation) => {
  const worker = startTsrq(['worker', '--isolation', isolation, '--path', JOBS, 'q'], { url: server.url });
  await worker.waitFor('listening on');
  await put(redis, 'count.sleep', [60_000], { id: 'long', queue: 'q' });
  await until('it runs', async () => (await statusOf(client, 'long')) === 'started');
  expect(await tsrq('job', 'stop', 'long')).toMatchObject({
    code: 0,
    stdout: 'The worker of long was told to stop it.\n',
  });
  await until('it is stopped', async () => (await statusOf(client, 'long')) === 'stopped');
  worker.kill('SIGTERM');
  expect((await worker.exited).code).toBe(0);
});

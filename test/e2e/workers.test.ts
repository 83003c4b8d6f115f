import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { runTsrq, startTsrq, type CliProcess } from '../support/cli.js';
import { freshRedis, type FreshRedis } from '../support/fresh-redis.js';
import { put, statusOf, until } from '../support/rq.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));

let { server, client, redis } = {} as FreshRedis;
freshRedis((fresh) => ({ server, client, redis } = fresh));

let started: CliProcess[] = [];
afterEach(async () => {
  for (const worker of started) worker.kill('SIGKILL');
  await Promise.all(started.map((worker) => worker.exited));
  started = [];
});

async function start(...args: string[]): Promise<CliProcess> {
  const worker = startTsrq(['worker', '--path', JOBS, ...args], { url: server.url });
  started.push(worker);
  await worker.waitFor('listening on');
  return worker;
}

const workers = (...args: string[]) => runTsrq(['workers', ...args], { url: server.url });
const statuses = (ids: readonly string[]) => Promise.all(ids.map((id) => statusOf(client, id)));
const running = async (ids: readonly string[]): Promise<number> =>
  (await statuses(ids)).filter((status) => status === 'started').length;

describe.each(['process', 'none'])('tsrq workers (--isolation %s)', (isolation) => {
  it('quiet holds new jobs back until resume, and shows', async () => {
    await start('--isolation', isolation, '-n', 'w', 'q');
    expect(await workers('quiet', 'w')).toMatchObject({ code: 0, stdout: 'w takes no new jobs\n', stderr: '' });
    expect((await workers('list')).stdout).toMatch(/^w +quiet /m);
    const id = await put(redis, 'count.words', ['a b'], { queue: 'q' });
    expect((await workers('quiet', 'w')).code).toBe(0);
    expect(await statusOf(client, id)).toBe('queued');
    expect(await workers('resume', 'w')).toMatchObject({ code: 0, stdout: 'w takes jobs again\n' });
    await until('it has run', async () => (await statusOf(client, id)) === 'finished');
  });

  it('scale changes how many jobs run at once, up and down, and ends none', async () => {
    await start('--isolation', isolation, '-n', 'w', 'q');
    const ids: string[] = [];
    for (let i = 0; i < 4; i += 1) ids.push(await put(redis, 'count.sleep', [60_000], { queue: 'q' }));
    await until('one runs', async () => (await running(ids)) === 1);
    expect(await workers('scale', 'w', '-C', '3')).toMatchObject({ code: 0, stdout: 'w runs 3 at once\n' });
    await until('three run', async () => (await running(ids)) === 3);
    expect((await workers('scale', '--all', '--concurrency', '1')).code).toBe(0);
    expect(await running(ids)).toBe(3);
    expect((await workers('list')).stdout).not.toContain('slots');
    // What is killed makes no room: one runs again, and only one.
    expect(await workers('kill-job', 'w')).toMatchObject({ code: 0, stdout: 'w has ended what it ran\n' });
    await until('the fourth runs', async () => (await statusOf(client, ids[3] ?? '')) === 'started');
    expect((await statuses(ids)).sort()).toEqual(['failed', 'failed', 'failed', 'started']);
  });
});

describe('tsrq workers', () => {
  it('stop ends a worker when its jobs have ended, and is said once', async () => {
    const worker = await start('-n', 'w', 'q');
    const id = await put(redis, 'count.sleep', [60_000], { queue: 'q' });
    await until('it runs', async () => (await statusOf(client, id)) === 'started');
    expect((await workers('stop', 'w')).stdout).toBe('w takes no new jobs and ends when its jobs have ended\n');
    expect((await workers('list')).stdout).toMatch(/^w +stopping /m);
    expect((await workers('stop', 'w')).stdout).toBe('w was told to stop already, and ends when its jobs have ended\n');
    expect(await statusOf(client, id)).toBe('started');
    await workers('kill-job', 'w');
    expect((await worker.exited).code).toBe(0);
  });

  it('reaches those who listen on a queue, and all', async () => {
    await Promise.all([start('-n', 'a', 'mail'), start('-n', 'b', 'mail', 'web'), start('-n', 'c', 'web')]);
    const { stdout } = await workers('quiet', '--queue', 'mail', '--json');
    expect(JSON.parse(stdout)).toEqual({
      action: 'quiet',
      workers: ['a', 'b'].map((name) => ({
        ...{ connection: 'default', name, state: 'done', subscribers: 1, version: null },
      })),
    });
    expect((await workers('stop', '--all')).stdout.match(/ends when/g)).toHaveLength(3);
    expect((await Promise.all(started.map((worker) => worker.exited))).map(({ code }) => code)).toEqual([0, 0, 0]);
  });

  it('says of each why it could not be told', async () => {
    await client.hset('rq:worker:py', {
      birth: '2026-01-01T00:00:00.000000Z',
      version: '2.10.0',
      python_version: '3.11',
    });
    await client.sadd('rq:workers', 'rq:worker:py', 'rq:worker:late');
    const all = await workers('quiet', 'py', 'late', 'nobody');
    expect([all.code, all.stdout]).toEqual([1, '']);
    expect(all.stderr).toBe(
      'tsrq: py does not know this: it is a worker of Python RQ 2.10.0\n' +
        'tsrq: late is registered, and dead: it left without saying so\n' +
        '  the others see to its jobs; `tsrq doctor --fix` forgets it\n' +
        'tsrq: there is no worker nobody\n' +
        '  `tsrq workers list` shows those there are\n',
    );
    expect((await workers('stop', 'py')).stderr).toContain('py does not listen');
    expect((await workers('kill-job', 'py')).stdout).toBe('py runs nothing\n');
    expect((await workers('list', 'py', 'nobody')).code).toBe(1);
  });

  it('tells when a worker has heard it and does not show it', async () => {
    await client.hset('rq:worker:deaf', { birth: '2026-01-01T00:00:00.000000Z', tsrq_concurrency: '1' });
    const ear = server.client();
    await ear.subscribe('rq:pubsub:deaf');
    expect((await workers('quiet', '--no-wait', 'deaf')).stdout).toBe('deaf was told\n');
    const { code, stderr } = await workers('quiet', 'deaf');
    expect(code).toBe(1);
    expect(stderr).toContain('does not show within 10 s');
  });

  it.each([
    [['quiet']],
    [['quiet', 'w', '--all']],
    [['scale', 'w']],
    [['scale', 'w', '-C', '0']],
    [['stop', 'w', '-C', '2']],
    [['list', '--no-wait']],
    [['burn', 'w']],
  ])('%j is a usage error', async (args) => {
    expect((await workers(...args)).code).toBe(2);
  });

  it('a worker on a queue of such a name says what it is', async () => {
    const { stderr, code } = await runTsrq(['worker', '--burst', 'stop', 'w'], { url: server.url });
    expect(code).toBe(0);
    expect(stderr).toContain("taking jobs from a queue named 'stop'; `tsrq workers stop` is about workers");
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { runTsrq, startTsrq, type CliResult } from '../support/cli.js';
import { freshRedis, type FreshRedis } from '../support/fresh-redis.js';
import { startProxy } from '../support/proxy.js';
import { freePort, startRedis } from '../support/redis.js';
import { producerTo, put, statusOf, until } from '../support/rq.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));

/** What is typed when something is wrong with Redis itself: the truth in a line, a next step, and the right exit code. */

let { server, client, redis } = {} as FreshRedis;
freshRedis((fresh) => ({ server, client, redis } = fresh));

type Args = readonly string[];
const LOOKS: readonly Args[] = [['health'], ['health', '--worker', 'w'], ['metrics'], ['tail'], ['workers', 'list']];
const QUIET: Args = ['workers', 'quiet', 'w'];

const run = (args: Args, url = server.url): Promise<CliResult> => runTsrq(args, { url, timeoutMs: 20_000 });
const ago = (seconds: number): string => new Date(Date.now() - seconds * 1_000).toISOString();
const worker = (name: string, heartbeat: string, to = client): Promise<unknown> =>
  to
    .multi()
    .sadd('rq:workers', `rq:worker:${name}`)
    .hset(`rq:worker:${name}`, {
      birth: ago(900),
      last_heartbeat: heartbeat,
      tsrq_concurrency: 1,
      python_version: 'Node.js',
    })
    .exec();

/** Somebody who listens as the worker `w` until the test ends. */
async function listen(): Promise<void> {
  const ear = server.client();
  await ear.subscribe('rq:pubsub:w');
  onTestFinished(() => {
    ear.disconnect();
  });
}

/** All of them at once: exit 69, a line that says what is wrong, and an indented one that says what helps. */
async function expectOutage(commands: readonly Args[], url: string, what: RegExp, helps: RegExp): Promise<void> {
  for (const [i, { code, stderr }] of (await Promise.all(commands.map((args) => run(args, url)))).entries()) {
    const said = `${commands[i]?.join(' ')}: ${stderr}`;
    expect(code, said).toBe(69);
    expect(stderr, said).toMatch(/^tsrq: [^\n]+\n {2}[^\n]+\n$/);
    const [line, step] = stderr.split('\n');
    expect(line, said).toMatch(what);
    expect(step, said).toMatch(helps);
  }
}

describe('a Redis that serves nobody', () => {
  it('is away', async () => {
    const url = `redis://127.0.0.1:${await freePort()}`;
    await expectOutage([...LOOKS, QUIET], url, /cannot reach Redis at redis:\S+ connect ECONNREFUSED/, /is it running/);
  });

  it('refuses the password', async () => {
    const url = `redis://who:wrong@127.0.0.1:${server.port}`;
    await expectOutage([...LOOKS, QUIET], url, /Redis at redis:\S+ refuses: WRONGPASS/, /check user name, password/);
    await expectOutage([QUIET], `${url}/3`, /Redis at redis:\S+ refuses: WRONGPASS/, /check user name, password/);
  });

  it('accepts, and says nothing', async () => {
    const proxy = await startProxy(server.port);
    proxy.blackhole();
    await expectOutage(
      [...LOOKS, QUIET],
      proxy.url,
      /cannot reach Redis at redis:\S+ no \w+ within \d+ ms/,
      /is it running/,
    );
    await proxy.stop();
  });

  it('has no connection left', async () => {
    await client.ping();
    await redis.call(['PING']);
    await client.config('SET', 'maxclients', '2');
    const ended = expectOutage(
      [...LOOKS, QUIET],
      server.url,
      /max number of clients|EPIPE|ECONNRESET|closed/,
      /maxclients/,
    );
    await ended.finally(() => client.config('SET', 'maxclients', '1000'));
  });

  it('loads its data', async () => {
    await client.config('SET', 'key-load-delay', '10000');
    await client.config('SET', 'loading-process-events-interval-bytes', '1024');
    // Half a minute, unless it is told that it has been enough.
    await client.mset(Object.fromEntries(Array.from({ length: 3_000 }, (_, i) => [`k${i}`, 'x'.repeat(100)])));
    // Connected before: a client that comes while Redis loads waits until it has loaded.
    const probe = server.client();
    await probe.ping();
    const loaded = server.client().call('DEBUG', 'RELOAD');
    await until('it loads', () =>
      probe.ping().then(
        () => false,
        (error: unknown) => String(error).includes('LOADING'),
      ),
    );
    await expectOutage([...LOOKS, QUIET], server.url, /cannot serve: LOADING/, /reads its data/);
    await client.config('SET', 'key-load-delay', '0');
    await loaded;
  });
});

/** Redis answers, and refuses every write: no worker can give a sign of life. */
describe('a Redis that takes no writes', () => {
  const fill = async (to = client): Promise<void> => {
    await worker('w', ago(5), to);
    await worker('late', ago(500), to);
  };

  /** Health says so; what only looks goes on; orders are kept back. */
  async function expectKeptBack(url: string, what: RegExp, helps: RegExp): Promise<void> {
    const blind: readonly Args[] = [['health'], ['health', '--worker', 'late'], ['health', '--worker', 'nobody']];
    const [fresh, metrics, list, quiet] = await Promise.all([
      ...[['health', '--worker', 'w'], ['metrics'], ['workers', 'list'], QUIET].map((args) => run(args, url)),
      expectOutage(blind, url, what, helps),
    ] as [Promise<CliResult>, Promise<CliResult>, Promise<CliResult>, Promise<CliResult>, Promise<void>]);
    // It has given a sign of late.
    expect(fresh.code).toBe(0);
    expect([metrics.code, metrics.stdout]).toEqual([0, expect.stringContaining('tsrq_redis_up 1\n')]);
    expect([list.code, list.stdout]).toEqual([0, expect.stringMatching(/^late .*^w /ms)]);
    expect([1, 69]).toContain(quiet.code);
    const [line, step] = quiet.stderr.split('\n');
    expect(line).toMatch(what);
    expect(step).toMatch(helps);
  }

  it('is a replica', async () => {
    await fill();
    await client.call('REPLICAOF', '127.0.0.1', await freePort());
    await expectKeptBack(server.url, /cannot serve: READONLY/, /a replica: give the address of the master/);
    await client.call('REPLICAOF', 'NO', 'ONE');
    expect((await run(['health'])).code).toBe(0);
  });

  it('is full', async () => {
    await fill();
    await client.config('SET', 'maxmemory', '1');
    await expectKeptBack(server.url, /: OOM command not allowed/, /make room: `tsrq info`/);
    await client.config('SET', 'maxmemory', '0');
    expect((await run(['health'])).code).toBe(0);
  });

  it('cannot write to its disk; a worker that loses its connections meanwhile goes on when it can', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'tsrq-test-gone-'));
    const other = await startRedis({ dir, conf: { save: '3600 100000' } });
    const own = other.client();
    await fill(own);
    const running = startTsrq(['worker', '--path', JOBS, 'q'], { url: other.url });
    await running.waitFor('listening on');
    rmSync(dir, { recursive: true });
    await own.bgsave();
    await until('it has failed', async () => (await own.info('persistence')).includes('bgsave_status:err'));
    await expectKeptBack(other.url, /: MISCONF/, /space on its disk/);
    await own.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await own.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await until('it is connected again', async () => String(await own.call('CLIENT', 'LIST')).split('\n').length > 3);
    await own.config('SET', 'stop-writes-on-bgsave-error', 'no');
    const producer = producerTo(other.port);
    const id = await put(producer, 'count.words', ['a'], { queue: 'q' });
    producer.close();
    await until('it has run', async () => (await statusOf(own, id)) === 'finished');
    running.kill('SIGTERM');
    expect((await running.exited).code).toBe(0);
    await other.stop();
  });
});

it.each([
  ['maxmemory', '1', '0', /cannot go on, trying again: OOM/g],
  ['min-replicas-to-write', '1', '0', /cannot serve: (?:ERR )?.*NOREPLICAS/g],
] as const)('takes no writes for a while (%s): a worker says so once', async (setting, bad, good, words) => {
  const running = startTsrq(['worker', '--path', JOBS, 'q'], { url: server.url });
  await running.waitFor('listening on');
  try {
    const id = await put(redis, 'count.sleep', [1_000], { queue: 'q' });
    await until('it runs', async () => (await statusOf(client, id)) === 'started');
    await client.config('SET', setting, bad);
    await until('that is told', () => running.stderr().match(words) !== null);
    await sleep(4_000);
    expect(running.stderr().match(words)).toHaveLength(1);
    expect(running.stderr()).not.toContain('is back after');
    await client.config('SET', setting, good);
    await until('it has ended', async () => (await statusOf(client, id)) === 'finished');
    running.kill('SIGTERM');
    expect((await running.exited).code).toBe(0);
    expect(running.stderr().match(words)).toHaveLength(1);
  } finally {
    await client.config('SET', setting, good);
  }
});

it('has what no worker writes where it keeps their names: one ends all the same', async () => {
  const running = startTsrq(['worker', '--path', JOBS, 'q'], { url: server.url });
  await running.waitFor('listening on');
  await client.set('rq:workers', 'x');
  await client.set('rq:workers:q', 'x');
  running.kill('SIGTERM');
  const { code, stderr } = await running.exited;
  expect([code, stderr]).toEqual([0, expect.not.stringContaining('bug')]);
});

describe('one of two Redis servers is away', () => {
  let dir: string;
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'tsrq-test-two-'));
    const settings = { redis: { url: `redis://127.0.0.1:${await freePort()}` }, connections: { there: server.url } };
    writeFileSync(join(dir, 'tsrq.config.json'), JSON.stringify({ ...settings, queueConnections: { q: 'there' } }));
    await worker('w', ago(5));
  });
  afterEach(() => {
    rmSync(dir, { recursive: true });
  });
  const here = (...args: string[]): Promise<CliResult> => runTsrq(args, { cwd: dir });
  const away = expect.stringContaining('cannot reach Redis') as string;

  it('the other one is emptied and cleaned, which is told, and then the outage', async () => {
    await put(redis, 'a.b', [], { queue: 'q' });
    expect(await here('clean', '--all')).toMatchObject({
      code: 69,
      stdout: expect.stringContaining('q') as string,
      stderr: away,
    });
    expect(await here('empty', '--all', '--yes', '--json')).toMatchObject({
      code: 69,
      stdout: expect.stringContaining('"removed":1,"queues":[{"queue":"q"') as string,
      stderr: away,
    });
    // Nothing is told where nothing was done.
    expect(await here('empty', 'other')).toMatchObject({ code: 69, stdout: '', stderr: away });
  });

  it('jobs, groups and queues of the other one are shown, changed and requeued, and then the outage is told', async () => {
    const groups = await here('group', 'list');
    expect(groups).toMatchObject({ code: 69, stdout: '', stderr: away });
    for (const id of ['a', 'b']) await put(redis, 'a.b', [], { id, queue: 'q', group: 'g' });
    expect((await run(['worker', '--burst', '--quiet', 'q'])).code).toBe(0);
    await put(redis, 'a.b', [], { id: 'c', queue: 'q' });
    const both = (stdout: RegExp) => ({ code: 69, stdout: expect.stringMatching(stdout) as string, stderr: away });
    expect(await here('failures')).toMatchObject(both(/^a\.b +2 /m));
    expect(await here('job', 'list', '--ids', '--state', 'queued')).toMatchObject(both(/^c\n$/));
    expect(await here('queue', 'list')).toMatchObject(both(/^q +1 /m));
    expect(await here('queue', 'list', '--json')).toMatchObject(
      both(/^\{"queues":\[\{"connection":"there","name":"q"/),
    );
    expect(await here('group', 'list')).toMatchObject(both(/^g\n$/));
    expect(await here('group', 'show', 'g')).toMatchObject(both(/^g: done, 2 jobs: 2 failed\n/));
    expect((await here('group', 'show', 'h')).stderr).not.toContain('there is no group');
    // What is found needs no other place; of what is not found nobody can say that it does not exist.
    expect(await here('job', 'show', 'a')).toMatchObject({ code: 0, stderr: '' });
    const unknown = await here('job', 'show', 'nosuch');
    expect(unknown).toMatchObject({ code: 69, stderr: away });
    expect(unknown.stderr).not.toContain('there is no job');
    expect(await here('job', 'cancel', 'nosuch', 'c')).toMatchObject({
      code: 69,
      stdout: 'Canceled c.\n',
      stderr: expect.stringMatching(
        /^tsrq: nosuch: not found, and not every Redis could be asked\ntsrq: cannot reach/,
      ) as string,
    });
    expect(await here('requeue', 'a', 'nosuch')).toMatchObject({
      code: 69,
      stdout:
        'requeued a on q\nnot requeued nosuch: not found, and not every Redis could be asked\nRequeued 1 of 2 jobs\n',
      stderr: away,
    });
    expect(await here('requeue', '--all')).toMatchObject(both(/^requeued b on q\nRequeued 1 of 1 jobs\n$/));
    expect(await here('queue', 'delete', '--yes', 'other', 'q', '--json')).toMatchObject(
      both(/^\{"queues":\[\{"queue":"q","done":true,"removed":2\}\]\}\n$/),
    );
  });

  it('what the other one knows is shown, and then the outage', async () => {
    expect(await here('health')).toMatchObject({ code: 69, stderr: away });
    expect(await here('health', '--worker', 'w')).toMatchObject({ code: 0, stderr: '' });
    expect(await here('health', '--worker', 'nobody')).toMatchObject({ code: 69, stderr: away });
    const list = await here('workers', 'list', 'w');
    expect(list).toMatchObject({ code: 69, stdout: expect.stringMatching(/^w /m) as string, stderr: away });
    // Nobody can say that there is no such worker.
    expect((await here('workers', 'list', 'nobody')).stderr).not.toContain('there is no worker');
    const metrics = await here('metrics');
    expect(metrics.code).toBe(69);
    expect(metrics.stdout).toContain('tsrq_redis_up{connection="default"} 0\ntsrq_redis_up{connection="there"} 1\n');
    await listen();
    expect(await here('workers', 'quiet', '--no-wait', 'w')).toMatchObject({
      code: 69,
      stdout: 'w was told\n',
      stderr: away,
    });
  });

  it('tail goes on with the other one', async () => {
    const tail = startTsrq(['tail', '-i', '0.05'], { cwd: dir });
    await tail.waitFor('trying until it is back');
    await put(redis, 'a.b', [], { id: 'j', queue: 'q' });
    await tail.waitFor(/queued +q: j\n/);
    tail.kill('SIGINT');
    expect((await tail.exited).code).toBe(0);
  });
});

describe('a worker whose hash is damaged', () => {
  it('half of it is missing: it counts by its sign of life, and can be told', async () => {
    await client.hset('rq:worker:w', { last_heartbeat: ago(5) });
    expect((await run(['health', '--worker', 'w'])).code).toBe(0);
    const list = await run(['workers', 'list', 'w']);
    expect(list).toMatchObject({ code: 1, stderr: expect.stringContaining('there is no worker w') as string });
    await client.sadd('rq:workers', 'rq:worker:w');
    expect((await run(['workers', 'list', 'w'])).stdout).toMatch(/^w +\? /m);
    await listen();
    expect(await run(['workers', 'stop', '--no-wait', 'w'])).toMatchObject({ code: 0, stdout: 'w was told\n' });
  });

  it('tells no sign of life, or is no hash: each is said, with what helps, and hides no other', async () => {
    await client.hset('rq:worker:mute', { birth: ago(900), last_heartbeat: 'yesterday' });
    await client.set('rq:worker:text', 'x');
    await client.sadd('rq:workers', 'rq:worker:mute', 'rq:worker:text');
    await worker('w', ago(5));
    const mute = await run(['health', '--worker', 'mute']);
    expect(mute).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/does not tell when .*\n {2}.*restart it\n$/) as string,
    });
    const text = await run(['health', '--worker', 'text']);
    expect(text).toMatchObject({
      code: 70,
      stderr: expect.stringMatching(/key rq:worker:text holds no hash\n {2}`tsrq doctor`/) as string,
    });
    const list = await run(['workers', 'list']);
    expect(list.code).toBe(0);
    expect(list.stdout).toMatch(/^text .*holds no hash/m);
    expect(list.stdout).toMatch(/^w /m);
    await listen();
    const told = await run(['workers', 'quiet', '--all', '--no-wait']);
    expect([told.code, told.stdout]).toEqual([1, 'w was told\n']);
    expect(told.stderr).toContain('text could not be told: key rq:worker:text holds no hash');
    expect((await run(['metrics'])).code).toBe(0);
  });
});

it('a thousand queues: each answers well within its deadline, and tail still sees a job', async () => {
  const names = Array.from({ length: 1_000 }, (_, i) => `q${i}`);
  await client.sadd('rq:queues', ...names.map((name) => `rq:queue:${name}`));
  const pipeline = client.pipeline();
  for (const name of names) pipeline.rpush(`rq:queue:${name}`, 'a', 'b');
  await pipeline.exec();
  const tail = startTsrq(['tail', '-i', '0.2'], { url: server.url });
  await tail.waitFor('watching');
  const metrics = await run(['metrics']);
  expect([metrics.code, metrics.stdout.match(/^rq_jobs\{queue="q\d+",status="queued"\} 2$/gm)?.length]).toEqual([
    0, 1_000,
  ]);
  await put(redis, 'a.b', [], { id: 'j', queue: 'q500' });
  await tail.waitFor(/queued +q500: j\n/);
  tail.kill('SIGINT');
  expect((await tail.exited).code).toBe(0);
});

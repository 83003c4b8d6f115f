import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Redis as IoRedis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Redis } from '../../src/redis/redis.js';
import { cleanEnv, runTsrq, startTsrq, type CliProcess } from '../support/cli.js';
import { freshDir } from '../support/fresh-dir.js';
import { freePort, startRedis, type TestRedis } from '../support/redis.js';
import { latestResult, placesOf, producerTo, put, statusOf, until } from '../support/rq.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));

let server: TestRedis;
let client: IoRedis;
let redis: Redis;
const dir = freshDir();

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
  redis = producerTo(server.port);
});
afterAll(async () => {
  redis.close();
  await server.stop();
});
beforeEach(async () => {
  await client.flushall();
});

const burst = (...args: string[]) => runTsrq(['worker', '--burst', '--path', JOBS, ...args], { url: server.url });
const start = async (...args: string[]): Promise<CliProcess> => {
  const worker = startTsrq(['worker', '--path', JOBS, ...args], { url: server.url });
  await worker.waitFor('listening on');
  return worker;
};
const lines = (file: string): string[] => readFileSync(file, 'utf8').trim().split('\n');
const fileOf = (name: string): string => join(dir, name);

describe('--exception-handler', () => {
  const run = (...args: string[]) =>
    runTsrq(['worker', '--burst', '--path', JOBS, ...args], { url: server.url, env: { REPORTS: fileOf('reports') } });

  it('calls them in their order until one answers false, in the process of the worker, and waits for the last at the end', async () => {
    const id = await put(redis, 'count.boom', ['no luck'], { queue: 'q', retry: { max: 1 } });
    await put(redis, 'count.nothing', [], { queue: 'q' });
    const names = ['reports.first', 'reports.throwing', 'reports.slow', 'reports.first'];
    const { code, stderr } = await run(...names.flatMap((name) => ['--exception-handler', name]), '-d', 'q');
    expect(code).toBe(0);
    const told = lines(fileOf('reports')).map((line) => line.replace(/ \d+ (?=\d )/, ' PID '));
    expect(told.sort()).toEqual([
      `first ${id} PID 1 retried TypeError: no luck`,
      `first ${id} PID 2 failed TypeError: no luck`,
      `slow ${id}`,
      `slow ${id}`,
    ]);
    expect(stderr.match(/the exception handler reports.throwing failed: no report today/g)).toHaveLength(2);
    expect(await placesOf(client, id, 'q')).toEqual(['failed']);
  });

  it('that leads nowhere is a usage error that says where it was looked for', async () => {
    const { code, stderr } = await run('--exception-handler', 'reports.nosuch', 'q');
    expect([code, stderr]).toEqual([2, expect.stringContaining("reports.js: no exported function 'nosuch'")]);
    expect(stderr).not.toContain('listening on');
  });
});

describe.each(['process', 'none'])('a burst worker (--isolation %s)', (isolation) => {
  const run = (...args: string[]) => burst('--isolation', isolation, ...args);

  it('runs all of high before any of low, in the order enqueued', async () => {
    const file = fileOf(`order-${isolation}`);
    for (let i = 0; i < 20; i += 1) {
      await put(redis, 'count.note', [file, `low ${i}`], { queue: 'low' });
      await put(redis, 'count.note', [file, `high ${i}`], { queue: 'high' });
    }
    const { code } = await run('high', 'low');
    expect(code).toBe(0);
    const expected = ['high', 'low'].flatMap((queue) => Array.from({ length: 20 }, (_, i) => `${queue} ${i}`));
    expect(lines(file)).toEqual(expected);
  });

  it('says of a queue that cannot be read that it is not empty: exit 70, and the others are worked on', async () => {
    await client.set('rq:queue:broken', 'no list');
    const id = await put(redis, 'count.nothing', [], { queue: 'q' });
    const { code, stderr } = await run('broken', 'q');
    expect([code, await statusOf(client, id)]).toEqual([70, 'finished']);
    expect(stderr).toContain('broken: rq:queue:broken is not a list');
    expect(stderr).not.toContain('all queues are empty');
  });

  it('stores results and failures where RQ reads them', async () => {
    const ok = await put(redis, 'count.add', [1, 2], { kwargs: { c: 4 }, queue: 'q' });
    const none = await put(redis, 'count.nothing', [], { queue: 'q' });
    const bad = await put(redis, 'count.boom', ['no luck'], { queue: 'q' });
    const odd = await put(redis, 'count.circular', [], { queue: 'q' });
    const { code, stderr } = await run('-n', 'wr', 'q');
    expect(code).toBe(0);
    expect(await latestResult(client, ok)).toMatchObject({ type: 1, value: 7, workerName: 'wr' });
    expect(await latestResult(client, none)).toMatchObject({ type: 1, value: null });
    const failure = await latestResult(client, bad);
    expect(failure).toMatchObject({ type: 2, value: null });
    expect(failure?.error).toMatch(/^TypeError: no luck\n\s+at boom .*count\.js/);
    expect(failure?.error).not.toMatch(/horses/);
    expect(failure?.error).not.toMatch(/cli\/bundle/);
    expect(await client.hget(`rq:job:${odd}`, 'status')).toBe('finished');
    expect(await client.ttl(`rq:job:${ok}`)).toBeGreaterThan(490);
    expect(await client.ttl(`rq:job:${bad}`)).toBeGreaterThan(31_000_000);
    expect(await placesOf(client, ok, 'q')).toEqual(['finished']);
    expect(await placesOf(client, bad, 'q')).toEqual(['failed']);
    expect(await client.hmget('rq:worker:wr', 'successful_job_count', 'failed_job_count', 'state')).toEqual([
      '3',
      '1',
      'idle',
    ]);
    expect(await client.hexists('rq:worker:wr', 'death')).toBe(1);
    expect(await client.keys('rq:execution*')).toEqual([]);
    expect(stderr).toMatch(
      /q: count\.boom\('no luck'\) \(.*\) failed in .*: TypeError: no luck; moved to the failed registry/,
    );
  });

  it('gives jobs the current job, whose meta Python sees', async () => {
    const id = await put(redis, 'count.current', [], { queue: 'q', meta: { given: 1 }, timeoutSeconds: 33 });
    await run('-n', 'wm', 'q');
    const result = await latestResult(client, id);
    expect(result?.value).toEqual({ id, origin: 'q', functionName: 'count.current', timeout: 33, worker: 'wm' });
    expect(JSON.parse((await client.hget(`rq:job:${id}`, 'meta')) ?? '')).toEqual({ given: 1, seen: id });
  });

  it('finds handlers in JavaScript, CommonJS and TypeScript modules and among registered jobs', async () => {
    const js = await put(redis, 'count.words', ['a b']);
    const cjs = await put(redis, 'common.twice', [21]);
    const ts = await put(redis, 'app.mail.send', ['bob']);
    const registered = await put(redis, 'greetings.greet', ['eve']);
    await run('-n', 'wh', '--jobs', join(JOBS, 'registered.js'), '--path', JOBS);
    expect((await latestResult(client, js))?.value).toBe(2);
    expect((await latestResult(client, cjs))?.value).toBe(42);
    expect((await latestResult(client, ts))?.value).toBe('plain to bob by wh');
    expect((await latestResult(client, registered))?.value).toBe('hello eve');
  });

  it('fails a job whose handler cannot be found, saying where it looked, and runs the others', async () => {
    const names = [
      'count.nope',
      'nowhere.fn',
      'count.notAFunction',
      'broken.fn',
      '../count.words',
      'count.constructor',
      'count.__proto__',
      'node_modules.x.y',
      'words',
      '',
    ];
    const ids = [];
    for (const name of names.filter((name) => name !== '')) ids.push(await put(redis, name));
    const ok = await put(redis, 'count.words', ['fine']);
    const { code } = await run('--jobs', join(JOBS, 'broken.js'));
    expect(code).toBe(0);
    for (const id of ids) {
      expect(await statusOf(client, id)).toBe('failed');
      expect((await latestResult(client, id))?.error).toMatch(/no handler for|cannot be loaded/);
    }
    expect((await latestResult(client, ids[1] ?? ''))?.error).toContain(join(JOBS, 'nowhere'));
    expect((await latestResult(client, ids[1] ?? ''))?.error).toContain(
      'broken.js cannot be loaded: Error: this module cannot be loaded',
    );
    expect(await statusOf(client, ok)).toBe('finished');
  });

  it('says that a job has begun before the job says anything', async () => {
    for (const word of ['first', 'second']) await put(redis, 'count.complain', [`${word} complaint`], { queue: 'q' });
    const { stderr } = await run('q');
    for (const word of ['first', 'second']) {
      const [started, said] = [`count.complain('${word} complaint') `, `\n${word} complaint\n`].map((text) =>
        stderr.indexOf(text),
      );
      expect(started).toBeGreaterThan(-1);
      expect(said).toBeGreaterThan(started ?? 0);
    }
  });

  it('retries at once or later as the job says, and fails it when no retry is left', async () => {
    const now = await put(redis, 'count.boom', ['x'], { queue: 'q', retry: { max: 2 } });
    const later = await put(redis, 'count.boom', ['x'], { queue: 'q', retry: { max: 1, intervals: [30] } });
    const { stderr } = await run('q');
    expect(stderr.match(/again at once/g)).toHaveLength(2);
    expect(stderr).toMatch(/again in 30 s, 0 retries left/);
    expect(await placesOf(client, now, 'q')).toEqual(['failed']);
    expect(await placesOf(client, later, 'q')).toEqual(['scheduled']);
    expect(await statusOf(client, later)).toBe('scheduled');
  });

  it('sets poison aside and goes on', async () => {
    await client.hset('rq:job:nodata', { status: 'queued', origin: 'q' });
    await client.hset('rq:job:garbage', { status: 'queued', origin: 'q', data: 'no payload at all' });
    await client.hset('rq:job:badtime', {
      status: 'queued',
      origin: 'q',
      data: '["count.words",null,["a"],{}]',
      timeout: 'soon',
    });
    await client.hset('rq:job:bad id:x', { status: 'queued', origin: 'q', data: '["count.words",null,["a"],{}]' });
    await client.set('rq:job:text', 'no hash');
    await client.rpush('rq:queue:q', 'gone', 'nodata', 'garbage', 'badtime', 'bad id:x', 'text');
    await client.sadd('rq:queues', 'alien', 'rq:queue:q');
    const ok = await put(redis, 'count.words', ['a b'], { queue: 'q' });
    const { code } = await run('q');
    expect(code).toBe(0);
    expect(await statusOf(client, ok)).toBe('finished');
    for (const id of ['nodata', 'garbage', 'badtime', 'bad id:x']) expect(await statusOf(client, id)).toBe('failed');
    expect((await client.zrange('rq:failed:q', '0', '-1')).sort()).toEqual([
      'bad id:x',
      'badtime',
      'garbage',
      'nodata',
      'text',
    ]);
    expect((await latestResult(client, 'badtime'))?.error).toContain("'soon'");
    expect(await client.llen('rq:queue:q')).toBe(0);
  });

  it('does not run a canceled job, nor a second copy of one that has ended', async () => {
    const file = fileOf(`once-${isolation}`);
    const id = await put(redis, 'count.note', [file, 'ran'], { queue: 'q' });
    await client.rpush('rq:queue:q', id);
    const canceled = await put(redis, 'count.note', [file, 'canceled'], { queue: 'q' });
    await client.hset(`rq:job:${canceled}`, 'status', 'canceled');
    await run('q');
    expect(lines(file)).toEqual(['ran']);
    expect(await statusOf(client, canceled)).toBe('canceled');
  });

  it('leaves nothing of a job whose result is not kept', async () => {
    const id = await put(redis, 'count.add', [1, 2], { queue: 'q', resultTtlSeconds: 0 });
    await run('q');
    expect(await client.exists(`rq:job:${id}`, `rq:results:${id}`)).toBe(0);
    expect(await client.zcard('rq:finished:q')).toBe(0);
  });

  it('quits after --max-jobs and leaves the rest queued', async () => {
    for (let i = 0; i < 5; i += 1) await put(redis, 'count.add', [i, i], { queue: 'q' });
    const { code } = await runTsrq(
      ['worker', '--path', JOBS, '--isolation', isolation, '--max-jobs', '3', '-C', '2', 'q'],
      { url: server.url },
    );
    expect(code).toBe(0);
    expect(await client.zcard('rq:finished:q')).toBe(3);
    expect(await client.llen('rq:queue:q')).toBe(2);
  });

  it('takes no more than --max-jobs when they come on several queues at once', async () => {
    const args = ['worker', '--path', JOBS, '--isolation', isolation, '--max-jobs', '1', '-C', '3', 'q', 'r', 's'];
    const worker = startTsrq(args, { url: server.url });
    await worker.waitFor('listening on');
    await Promise.all(['q', 'r', 's'].map((queue) => put(redis, 'count.add', [1, 2], { queue })));
    expect((await worker.exited).code).toBe(0);
    const ended = await Promise.all(['q', 'r', 's'].map((queue) => client.zcard(`rq:finished:${queue}`)));
    expect(ended.sort()).toEqual([0, 0, 1]);
  });
});

describe('an idle worker of many queues', () => {
  it.each([
    [64, 'waits on each of them', 64],
    [65, 'asks them in turn', 0],
  ])('of %i %s, and runs what comes on any', async (count, _, waits) => {
    const queues = Array.from({ length: count }, (__, i) => `many-${i}`);
    const worker = await start(...queues);
    const waiting = async (): Promise<number> =>
      Number(/blocked_clients:(\d+)/.exec(await client.info('clients'))?.[1]);
    await until(`${waits} connections wait`, async () => (await waiting()) === waits);
    for (const queue of ['many-0', 'many-40', `many-${count - 1}`]) {
      const id = await put(redis, 'count.words', ['a b'], { queue });
      await until(`the job on ${queue} is done`, async () => (await statusOf(client, id)) === 'finished');
    }
    worker.kill('SIGTERM');
    expect((await worker.exited).code).toBe(0);
    expect(await waiting()).toBe(0);
  });

  it('of 65 asks whether there are jobs, not for them, and runs what was held back or lies beside a broken key', async () => {
    const worker = await start(...Array.from({ length: 65 }, (_, i) => `many-${i}`));
    const calls = async (command: string): Promise<number> =>
      Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(await client.info('commandstats'))?.[1] ?? 0);
    const isDone = async (queue: string): Promise<void> => {
      const id = await put(redis, 'count.words', ['a b'], { queue });
      await until(`the job on ${queue} is done`, async () => (await statusOf(client, id)) === 'finished');
    };
    await isDone('many-1');
    const [asked, popped] = [await calls('exists'), await calls('lpop')];
    await until('it has asked ten times', async () => (await calls('exists')) >= asked + 10);
    expect(await calls('lpop')).toBe(popped);

    for (const [hold, free] of [
      [['suspend'], ['resume']],
      [
        ['queue', 'pause', 'many-2'],
        ['queue', 'resume', 'many-2'],
      ],
    ] as const) {
      expect((await runTsrq([...hold], { url: server.url })).code).toBe(0);
      await worker.waitFor(/suspended|paused/);
      const done = isDone('many-2');
      expect((await runTsrq([...free], { url: server.url })).code).toBe(0);
      await done;
    }
    await client.set('rq:queue:many-3', 'no list');
    await isDone('many-4');
    await client.del('rq:queue:many-3');
    await isDone('many-3');
    worker.kill('SIGTERM');
    expect((await worker.exited).code).toBe(0);
  });
});

describe('dequeue strategies', () => {
  const strategies = async (...args: string[]): Promise<string> => {
    const file = fileOf(`strategy-${args.join('')}`);
    for (const queue of ['a', 'b', 'c']) {
      for (const i of [1, 2]) await put(redis, 'count.note', [file, `${queue}${i}`], { queue });
    }
    expect((await burst('--isolation', 'none', ...args)).code).toBe(0);
    return lines(file).join(' ');
  };

  it('round_robin takes from each queue in turn', async () => {
    expect(await strategies('--dequeue-strategy', 'round_robin', 'a', 'b', 'c')).toBe('a1 b1 c1 a2 b2 c2');
  });
  it('random and weighted take everything', async () => {
    expect((await strategies('--dequeue-strategy', 'random', 'a', 'b', 'c')).split(' ').sort()).toEqual([
      'a1',
      'a2',
      'b1',
      'b2',
      'c1',
      'c2',
    ]);
    const weighted = await strategies('--dequeue-strategy', 'weighted', 'a=1', 'b=1000000', 'c=1');
    expect(weighted.startsWith('b1 b2')).toBe(true);
  });
});

describe('a worker of many days', () => {
  it('is what seconds stand for that no timer can wait for', async () => {
    const file = fileOf('slept');
    const seconds = ['--shutdown-timeout', '--job-monitoring-interval', '--maintenance-interval', '--connect-timeout'];
    const worker = await start(...seconds.flatMap((option) => [option, '3000000']), 'q');
    const id = await put(redis, 'count.sleepAndNote', [1_000, file], { queue: 'q' });
    await until('it runs', async () => (await statusOf(client, id)) === 'started');
    worker.kill('SIGTERM');
    const { code, stderr } = await worker.exited;
    expect([code, await statusOf(client, id)]).toEqual([0, 'finished']);
    expect(stderr).not.toContain('TimeoutOverflowWarning');
  });
});

describe('a worker that is told to stop', () => {
  it('before it has reached its Redis gives up by itself', async () => {
    const url = `redis://127.0.0.1:${await freePort()}`;
    const worker = startTsrq(['worker', '--connect-timeout', '600', 'q'], { url });
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    worker.kill('SIGTERM');
    expect((await worker.exited).code).toBe(0);
  });
});

describe('a worker whose queue has a started registry of a wrong type', () => {
  it('looks at it now and then, and goes on when it is mended', async () => {
    const worker = await start('q');
    await client.set('rq:wip:q', 'no sorted set');
    const id = await put(redis, 'count.words', ['a b'], { queue: 'q' });
    await worker.waitFor('is not a sorted set');
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect((worker.stderr().match(/is not a sorted set/g) ?? []).length).toBeLessThan(20);
    await client.del('rq:wip:q');
    await until('the job is done', async () => (await statusOf(client, id)) === 'finished');
    worker.kill('SIGTERM');
    expect((await worker.exited).code).toBe(0);
  });
});

describe('a worker whose log nobody reads', () => {
  it('goes on, and ends when it is told to', async () => {
    const bin = fileURLToPath(new URL('../../bin/tsrq.js', import.meta.url));
    const child = spawn(process.execPath, [bin, 'worker', '--path', JOBS, 'q'], {
      env: { ...cleanEnv(), TSRQ_REDIS_URL: server.url },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    try {
      await once(child.stderr, 'data');
      child.stderr.pause();
      // More than a pipe holds, and node reads ahead.
      const last = await put(redis, 'count.shout', [4_000_000], { queue: 'q' });
      await until('the job is done', async () => (await statusOf(client, last)) === 'finished');
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
      expect(await client.smembers('rq:workers')).toEqual([]);
    } finally {
      child.kill('SIGKILL');
    }
  });
});

describe('a worker that waits', () => {
  it('goes on when nobody reads its log any more', async () => {
    const bin = fileURLToPath(new URL('../../bin/tsrq.js', import.meta.url));
    const args = [bin, 'worker', '--path', JOBS, 'q'];
    const child = spawn(process.execPath, args, {
      env: { ...cleanEnv(), TSRQ_REDIS_URL: server.url },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    await once(child.stderr, 'data');
    child.stderr.destroy();
    for (let i = 0; i < 3; i += 1) {
      const id = await put(redis, 'count.words', ['a'], { queue: 'q' });
      await until('the job is done', async () => (await statusOf(client, id)) === 'finished');
    }
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('quits after --max-idle-time', async () => {
    const { code, stderr } = await runTsrq(['worker', '--max-idle-time', '1', 'q'], { url: server.url });
    expect(code).toBe(0);
    expect(stderr).toContain('no job for 1 seconds');
  });

  it.each([1, 2, 8, 12])('on %d queues takes what comes, wherever it comes', async (count) => {
    const queues = Array.from({ length: count }, (_, i) => `q${i}`);
    const worker = await start('--isolation', 'none', ...queues);
    for (const queue of [queues.at(-1), queues[0]]) {
      const id = await put(redis, 'count.words', ['a b'], { queue: queue ?? '' });
      await until('the job is done', async () => (await statusOf(client, id)) === 'finished');
    }
    worker.kill('SIGTERM');
    expect((await worker.exited).code).toBe(0);
  });
});

describe('a worker with a scheduler', () => {
  const schedule = async (): Promise<string> => {
    const id = await put(redis, 'count.words', ['a b'], { queue: 'q' });
    await client.del('rq:queue:q');
    await client.hset(`rq:job:${id}`, 'status', 'scheduled');
    await client.zadd('rq:scheduled:q', '1', id);
    return id;
  };

  it('runs what is due, and leaves neither lock nor scheduler behind', async () => {
    const id = await schedule();
    expect((await burst('--with-scheduler', 'q')).code).toBe(0);
    expect(await placesOf(client, id, 'q')).toEqual(['finished']);
    expect(await client.keys('rq:scheduler*')).toEqual([]);
  });

  it('leaves a queue alone whose lock another scheduler holds', async () => {
    const id = await schedule();
    await client.set('rq:scheduler-lock:q', 'python', 'EX', 60);
    expect((await burst('--with-scheduler', 'q')).code).toBe(0);
    expect(await placesOf(client, id, 'q')).toEqual(['scheduled']);
    expect(await client.get('rq:scheduler-lock:q')).toBe('python');
  });
});

describe('work horses', () => {
  it('end a job stuck in a busy loop at its timeout', async () => {
    const id = await put(redis, 'count.busy', [60_000], { queue: 'q', timeoutSeconds: 1 });
    const ok = await put(redis, 'count.words', ['a'], { queue: 'q' });
    await burst('q');
    expect((await latestResult(client, id))?.error).toBe(
      'JobTimeoutException: Task exceeded maximum timeout value (1 seconds)',
    );
    expect(await statusOf(client, ok)).toBe('finished');
  });

  it('fire the AbortSignal of a job before they end it', async () => {
    const file = fileOf('signal');
    await put(redis, 'count.heedsSignal', [file], { queue: 'q', timeoutSeconds: 1 });
    await burst('q');
    expect(lines(file)).toEqual(['JobTimeoutException']);
  });

  it('do not exist with --isolation none: a job that ends the process ends the worker, which says so', async () => {
    const id = await put(redis, 'count.exit', [0], { queue: 'q' });
    const { code, stderr } = await burst('--isolation', 'none', 'q');
    expect(code).toBe(1);
    expect(stderr).toMatch(/ended from within, with code 0 \(process\.exit\)/);
    expect(stderr).toMatch(new RegExp(`not recorded: q: .*\\(${id}\\)`));
  });

  it('that die fail their job with how they died', async () => {
    const exited = await put(redis, 'count.exit', [3], { queue: 'q' });
    const killed = await put(redis, 'count.killed', [], { queue: 'q' });
    const stray = await put(redis, 'count.stray', [], { queue: 'q' });
    const ok = await put(redis, 'count.words', ['a'], { queue: 'q' });
    const { code, stderr } = await burst('q');
    expect(code).toBe(0);
    expect((await latestResult(client, exited))?.error).toBe('Work-horse terminated unexpectedly; exited with code 3');
    expect((await latestResult(client, killed))?.error).toBe(
      'Work-horse terminated unexpectedly; killed by SIGKILL (signal 9)',
    );
    expect((await latestResult(client, stray))?.error).toMatch(/^Error: nobody awaits this\n +at /);
    expect(stderr).toContain('nobody awaits this');
    expect(await statusOf(client, ok)).toBe('finished');
  });

  it('that run out of memory fail their job saying so', async () => {
    const id = await put(redis, 'count.outOfMemory', [], { queue: 'q' });
    await runTsrq(['worker', '-b', '--path', JOBS, 'q'], {
      url: server.url,
      env: { NODE_OPTIONS: '--max-old-space-size=64' },
    });
    expect((await latestResult(client, id))?.error).toContain('out of memory');
  });

  it('above --max-memory are ended, and their job fails saying so', async () => {
    const id = await put(redis, 'count.outOfMemory', [], { queue: 'q' });
    await burst('--max-memory', '150M', 'q');
    expect((await latestResult(client, id))?.error).toMatch(/more than --max-memory 150 MiB/);
  });

  it('may print without end', async () => {
    const id = await put(redis, 'count.flood', [50], { queue: 'q' });
    const { code } = await burst('q');
    expect(code).toBe(0);
    expect((await latestResult(client, id))?.value).toBe(50);
  });

  it('run several jobs at once with --concurrency', async () => {
    const file = fileOf('concurrent');
    for (const name of ['a', 'b', 'c']) await put(redis, 'count.noteSlowly', [file, name, 1_000], { queue: 'q' });
    await burst('-C', '3', 'q');
    expect(
      lines(file)
        .slice(0, 3)
        .every((line) => line.endsWith('begins')),
    ).toBe(true);
  });

  it('end with what their jobs have started when the worker is killed', async () => {
    const busy = await put(redis, 'count.busy', [60_000], { queue: 'q' });
    const worker = await start('q');
    await until('the job runs', async () => (await statusOf(client, busy)) === 'started');
    const horses = readFileSync(`/proc/${worker.pid}/task/${worker.pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .map(Number);
    expect(horses.length).toBeGreaterThan(0);
    worker.kill('SIGKILL');
    await worker.exited;
    await until('the horses are gone', () => horses.every((pid) => !isAlive(pid)));
  });
});

describe('shutdown', () => {
  it('warm: the running job ends, the next stays queued, exit 0', async () => {
    const file = fileOf('may end');
    const id = await put(redis, 'count.waiting', [file], { queue: 'q' });
    const next = await put(redis, 'count.add', [1, 2], { queue: 'q' });
    const worker = await start('-n', 'ws', 'q');
    await until('the job runs', async () => (await statusOf(client, id)) === 'started');
    worker.kill('SIGTERM');
    await worker.waitFor('Stopping');
    writeFileSync(file, '');
    expect((await worker.exited).code).toBe(0);
    expect(await statusOf(client, id)).toBe('finished');
    expect(await placesOf(client, next, 'q')).toEqual(['rq:queue:q']);
    expect(await client.smembers('rq:workers')).toEqual([]);
    expect(await client.hexists('rq:worker:ws', 'death')).toBe(1);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('cold by a second %s: no job stays started, exit %d', async (signal, code) => {
    const fails = await put(redis, 'count.busy', [60_000], { queue: 'q' });
    const retried = await put(redis, 'count.busy', [60_000], { queue: 'q', retry: { max: 1 } });
    const worker = await start('-C', '2', 'q');
    await until('both run', async () => (await client.zcard('rq:wip:q')) === 2);
    worker.kill(signal);
    await worker.waitFor('waiting for 2 running jobs');
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    worker.kill(signal);
    expect((await worker.exited).code).toBe(code);
    expect(await placesOf(client, fails, 'q')).toEqual(['failed']);
    expect((await latestResult(client, fails))?.error).toContain('told to stop at once');
    expect(await placesOf(client, retried, 'q')).toEqual(['rq:queue:q']);
    expect(await statusOf(client, retried)).toBe('queued');
  });

  it('goes cold by itself after --shutdown-timeout', async () => {
    const id = await put(redis, 'count.busy', [60_000], { queue: 'q' });
    const worker = await start('--shutdown-timeout', '1', 'q');
    await until('the job runs', async () => (await statusOf(client, id)) === 'started');
    worker.kill('SIGTERM');
    expect((await worker.exited).code).toBe(143);
    expect(await placesOf(client, id, 'q')).toEqual(['failed']);
  });

  it('of an idle worker is immediate and leaves no id behind', async () => {
    const worker = await start('a', 'b');
    worker.kill('SIGINT');
    expect((await worker.exited).code).toBe(0);
    expect(await client.keys('*intermediate*')).toEqual([]);
  });
});

describe('names', () => {
  it('of live workers are refused with 75, of dead ones taken over', async () => {
    const first = await start('-n', 'same', 'q');
    const second = await runTsrq(['worker', '-n', 'same', 'q'], { url: server.url });
    expect(second.code).toBe(75);
    expect(second.stderr).toMatch(/there is a live worker named 'same' \(pid \d+ on/);
    first.kill('SIGKILL');
    await first.exited;
    const third = await burst('-n', 'same', 'q');
    expect(third.code).toBe(0);
  });

  it('with {n} take the first free number', async () => {
    const first = await start('-n', 'w-{n}', 'q');
    const second = await start('-n', 'w-{n}', 'q');
    expect((await client.smembers('rq:workers')).sort()).toEqual(['rq:worker:w-1', 'rq:worker:w-2']);
    first.kill('SIGTERM');
    second.kill('SIGTERM');
    await Promise.all([first.exited, second.exited]);
  });
});

describe('bad input', () => {
  it.each([
    [['worker', '--concurrency', '0'], /whole number from 1 is needed, not '0'/],
    [['worker', '--bogus'], /unknown option '--bogus'/],
    [['worker', '--isolation', 'maybe'], /process, none/],
    [['worker', '--dequeue-strategy', 'fifo'], /'fifo' is none of/],
    [['worker', '--jobs', 'no-such-file.js'], /the jobs module 'no-such-file.js' does not exist/],
    [['worker', '--dequeue-strategy', 'weighted', 'a=x'], /weight of queue 'a' is 'x'/],
    [['bogus'], /unknown command 'bogus'/],
  ])('%j exits 2 with one sentence', async (args, message) => {
    const { code, stderr } = await runTsrq(args, { url: server.url });
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

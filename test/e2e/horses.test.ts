import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runTsrq, startTsrq, type CliProcess } from '../support/cli.js';
import { freshRedis, type FreshRedis } from '../support/fresh-redis.js';
import { latestResult, put, statusOf, until } from '../support/rq.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));

let fresh: FreshRedis;
let worker: CliProcess;
freshRedis((given) => {
  fresh = given;
});
afterEach(async () => {
  worker.kill('SIGKILL');
  await worker.exited;
});

async function start(...args: string[]): Promise<void> {
  worker = startTsrq(['worker', '--path', JOBS, ...args, 'q'], { url: fresh.server.url });
  await worker.waitFor('listening on');
}
const add = (count: number, ms: number): Promise<string[]> =>
  Promise.all(Array.from({ length: count }, () => put(fresh.redis, 'where.pid', [ms], { queue: 'q' })));

/** The processes that have run these jobs. */
async function pidsOf(ids: readonly string[]): Promise<Set<unknown>> {
  await until('all have ended', async () => {
    const all = await Promise.all(ids.map((id) => statusOf(fresh.client, id)));
    return all.every((status) => status === 'finished');
  });
  return new Set(await Promise.all(ids.map(async (id) => (await latestResult(fresh.client, id))?.value)));
}

describe('how many processes a worker starts', () => {
  it('tiny jobs wait for the one that is there', async () => {
    await start('--concurrency', '1', '--name', 'w');
    // The one loads its code, and its jobs become known to be quick.
    await pidsOf(await add(200, 0));
    expect((await runTsrq(['workers', 'scale', 'w', '-C', '4'], { url: fresh.server.url })).code).toBe(0);
    const pids = await pidsOf(await add(200, 0));
    // On a machine with more to do than this a second may be started; not one for each slot.
    expect(pids.size).toBeLessThan(4);
  });

  it('longer ones get one for each slot', async () => {
    await start('--concurrency', '4');
    expect((await pidsOf(await add(4, 1_000))).size).toBe(4);
  });

  it('but not all at a time', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'tsrq-test-horses-'));
    try {
      // Each process says when it begins to load its code and when it has.
      const file = join(dir, 'loads');
      const lines = [
        "import { appendFileSync } from 'node:fs';",
        "appendFileSync(process.env.LOADS, '+');",
        'await new Promise((resolve) => setTimeout(resolve, 200));',
        "appendFileSync(process.env.LOADS, '-');",
        'export const pid = () => new Promise((resolve) => setTimeout(() => resolve(process.pid), 20_000));',
      ];
      const code = join(dir, 'slow.js');
      writeFileSync(code, lines.join('\n'));
      const most = Math.max(4, 2 * availableParallelism());
      const slots = Math.min(4 * most, 40);
      worker = startTsrq(['worker', '--path', dir, '--jobs', code, '-C', String(slots), 'q'], {
        url: fresh.server.url,
        env: { LOADS: file },
      });
      await worker.waitFor('listening on');
      await Promise.all(Array.from({ length: slots }, () => put(fresh.redis, 'slow.pid', [], { queue: 'q' })));
      const loads = (): string => readFileSync(file, 'utf8');
      await until('each job has a process', () => loads().split('-').length > slots);
      let atOnce = 0;
      const seen = Array.from(loads(), (sign) => (atOnce += sign === '+' ? 1 : -1));
      // On a machine with more to do than this some are given up waiting for.
      expect(Math.max(...seen)).toBeLessThan(2 * most);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it('one that waits for a process can be stopped', async () => {
    await start('--concurrency', '2');
    const [first, second] = await add(2, 60_000);
    await until('both run', async () => {
      const all = await Promise.all([first, second].map((id) => statusOf(fresh.client, id ?? '')));
      return all.every((status) => status === 'started');
    });
    // At once, whether the second has a process by now or not.
    worker.kill('SIGTERM');
    await worker.waitFor('Stopping (SIGTERM)');
    await until('it is taken for a second one', async () => {
      worker.kill('SIGTERM');
      await new Promise((resolve) => setTimeout(resolve, 100));
      return worker.stderr().includes('Stopping at once');
    });
    expect((await worker.exited).code).toBe(143);
    const all = await Promise.all([first, second].map((id) => statusOf(fresh.client, id ?? '')));
    expect(all).toEqual(['failed', 'failed']);
  });
});

describe('the channel between worker and process', () => {
  const result = async (functionName: string): Promise<unknown> => {
    const id = await put(fresh.redis, functionName, [], { queue: 'q' });
    await until('it has ended', async () => ['finished', 'failed'].includes((await statusOf(fresh.client, id)) ?? ''));
    return (await latestResult(fresh.client, id))?.value;
  };

  it('is not there for jobs: one that tells whoever forked it that it is ready speaks to nobody', async () => {
    await start();
    expect(await result('where.sayReady')).toBe('undefined');
    expect(await result('where.pid')).toBeGreaterThan(0);
  });

  it('what is loaded before may speak on it: nobody listens', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'tsrq-test-horses-'));
    try {
      const code = join(dir, 'first.cjs');
      const said = [
        "'ready'",
        'null',
        '7',
        "{ type: 'dependency' }",
        "{ type: 'done', executionId: 'x' }",
        "{ type: 'done' }",
      ];
      writeFileSync(code, said.map((words) => `process.send?.(${words});`).join('\n'));
      worker = startTsrq(['worker', '--path', JOBS, 'q'], {
        url: fresh.server.url,
        env: { NODE_OPTIONS: `--require=${code}` },
      });
      await worker.waitFor('listening on');
      expect(await result('where.pid')).toBeGreaterThan(0);
      expect(await result('where.sayReady')).toBe('undefined');
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});

describe('a process that a job has left behind, and that has its stderr', () => {
  let dir: string;
  let note: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'tsrq-test-horses-'));
    note = join(dir, 'pid');
  });
  afterEach(() => {
    if (isAlive()) process.kill(left(), 'SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  });
  const left = (): number => Number(readFileSync(note, 'utf8'));
  /** A zombie is none: nobody may wait for it. */
  const isAlive = (): boolean => {
    try {
      return !/^State:\tZ/m.test(readFileSync(`/proc/${left()}/status`, 'utf8'));
    } catch {
      return false;
    }
  };
  const leave = (how: string, { detached = true, timeoutSeconds = 60 } = {}): Promise<string> =>
    put(fresh.redis, 'where.leaveBehind', [note, how, detached], { queue: 'q', timeoutSeconds });
  const hasFailed = (id: string): Promise<void> =>
    until('it has failed', async () => (await statusOf(fresh.client, id)) === 'failed');
  const goesOn = async (): Promise<void> => {
    const id = await put(fresh.redis, 'where.pid', [0], { queue: 'q' });
    await until('the next has ended', async () => (await statusOf(fresh.client, id)) === 'finished');
  };

  it.each([
    ['exit', 'exited with code 3'],
    ['kill', 'killed by SIGKILL'],
  ])('does not keep the death of its job from being seen: %s', async (how, words) => {
    await start();
    await hasFailed(await leave(how));
    await worker.waitFor(words);
    expect(isAlive()).toBe(true);
    await goesOn();
  });

  it('does not keep a timeout from ending its job', async () => {
    await start();
    await hasFailed(await leave('busy', { timeoutSeconds: 1 }));
    await worker.waitFor('exceeded maximum timeout value');
    await goesOn();
  });

  it('does not keep the worker from ending, warm or cold', async () => {
    await start();
    const id = await leave('return');
    await until('it has ended', async () => (await statusOf(fresh.client, id)) === 'finished');
    worker.kill('SIGTERM');
    expect((await worker.exited).code).toBe(0);
    process.kill(left(), 'SIGKILL');
    const first = left();
    await start();
    await leave('wait');
    await until('it runs', () => left() !== first && isAlive());
    worker.kill('SIGTERM');
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    worker.kill('SIGTERM');
    expect((await worker.exited).code).toBe(143);
  });

  it('ends with a job that dies, unless it has a group of its own', async () => {
    await start();
    await hasFailed(await leave('exit', { detached: false }));
    await until('it has ended as well', () => !isAlive());
    await goesOn();
  });
});

describe('what is thrown where nobody awaits it', () => {
  const enqueued = (kind: string, ms: number, lasts: number, more = {}): Promise<string> =>
    put(fresh.redis, 'where.straying', [kind, ms, lasts], { queue: 'q', ...more });
  const ended = async (id: string): Promise<readonly [status: string | null, text: unknown]> => {
    await until('it has ended', async () => ['finished', 'failed'].includes((await statusOf(fresh.client, id)) ?? ''));
    const result = await latestResult(fresh.client, id);
    return [await statusOf(fresh.client, id), result?.value ?? result?.error];
  };

  it.each(['timer', 'rejection', 'emitter', 'many'])(
    'fails the job that goes on with its own error: %s',
    async (kind) => {
      await start();
      const [status, text] = await ended(await enqueued(kind, 50, 30_000));
      expect([status, text]).toEqual(['failed', expect.stringMatching(/^TypeError: a stray error\n +at .*where\.js/)]);
      await worker.waitFor('failed in 0.');
      expect(worker.stderr()).toMatch(/failed in 0\.\d+ s: TypeError: a stray error/);
      expect((await ended(await put(fresh.redis, 'where.pid', [0], { queue: 'q' })))[0]).toBe('finished');
    },
  );

  it('is shown also if it is no error', async () => {
    await start();
    expect(await ended(await enqueued('text', 50, 30_000))).toEqual([
      'failed',
      expect.stringContaining('a stray text'),
    ]);
  });

  it('fails no other job, if the one that has thrown has ended: that is done, and the next by another process', async () => {
    await start();
    const first = await enqueued('timer', 300, 0);
    const second = await put(fresh.redis, 'where.pid', [1_500], { queue: 'q' });
    const third = await put(fresh.redis, 'where.pid', [0], { queue: 'q' });
    const seen = await Promise.all([first, second, third].map(ended));
    expect(seen.map(([status]) => status)).toEqual(['finished', 'finished', 'finished']);
    expect(seen[1]?.[1]).toBe(seen[0]?.[1]);
    expect(seen[2]?.[1]).not.toBe(seen[0]?.[1]);
    expect(worker.stderr()).toContain(`of job ${first}, which has ended; the work horse ends when it is idle`);
  });

  it('is a failure as any other: with another attempt, and its callback', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'tsrq-test-horses-'));
    try {
      await start();
      const file = join(dir, 'lines');
      const more = { queue: 'q', retry: { max: 1 }, onFailure: 'callbacks.onFailure' };
      expect((await ended(await put(fresh.redis, 'callbacks.strays', [file], more)))[0]).toBe('failed');
      expect(readFileSync(file, 'utf8')).toBe('failure TypeError: bad\n'.repeat(2));
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it('fails whatever runs, with its first words, if it belongs to no job', async () => {
    await start();
    const [status, text] = await ended(await put(fresh.redis, 'where.nobodys', [30_000], { queue: 'q' }));
    expect(status).toBe('failed');
    expect(text).toBe('Work-horse terminated unexpectedly; exited with code 70 after TypeError: a stray error');
    expect((await ended(await put(fresh.redis, 'where.pid', [0], { queue: 'q' })))[0]).toBe('finished');
  });
});

it(
  'a worker none of whose processes starts gives its jobs back, in their order, and ends with 70',
  { timeout: 90_000 },
  async () => {
    const dir = mkdtempSync(join(tmpdir(), 'tsrq-test-horses-'));
    try {
      const file = join(dir, 'exits.mjs');
      writeFileSync(file, 'process.exit(3);');
      await add(5, 0);
      const ids = await fresh.client.lrange('rq:queue:q', 0, -1);
      await start('--concurrency', '2', '--jobs', file);
      expect((await worker.exited).code).toBe(70);
      expect(worker.stderr()).toContain('no process that runs jobs can be started: exited with code 3');
      expect(await fresh.client.lrange('rq:queue:q', 0, -1)).toEqual(ids);
      expect(await Promise.all(ids.map((id) => statusOf(fresh.client, id)))).toEqual(ids.map(() => 'queued'));
      expect(await fresh.client.exists('rq:wip:q', 'rq:failed:q')).toBe(0);
      writeFileSync(file, '');
      await start('--jobs', file, '--burst');
      await pidsOf(ids);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  },
);

import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis as IoRedis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cleanEnv, runTsrq } from '../support/cli.js';
import { rqEnvironment } from '../support/python.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { until } from '../support/rq.js';

const environment = await rqEnvironment('2.10.0');
const PYTHON = join(environment?.bin ?? '', 'python');

const SEED = `
import sys
from redis import Redis
from rq import Queue
connection = Redis(port=int(sys.argv[1]))
done = Queue('done', connection=connection)
for _ in range(4): done.enqueue('time.sleep', 0)
for _ in range(3): done.enqueue('no.such_function')
Queue('slow', connection=connection).enqueue('time.sleep', 300)
`;
const FILL = `
import sys, time
from redis import Redis
from rq import Queue
connection = Redis(port=int(sys.argv[1]))
for name, count in (('high', 3), ('low', 27), ('ünïcode', 1)):
    for _ in range(count): Queue(name, connection=connection).enqueue('time.sleep', 0)
now = time.time()
connection.zadd('rq:finished:high', {'old': now - 10, 'new': now + 1000, 'kept': float('inf')})
connection.zadd('rq:failed:high', {'old': now - 10, 'new': now + 1000, 'kept': -1})
connection.zadd('rq:wip:low', {'gone:e': now - 10, 'job:e': now + 1000})
connection.sadd('rq:workers', 'rq:worker:ghost'); connection.sadd('rq:workers:high', 'rq:worker:ghost')
connection.sadd('rq:workers', 'rq:worker:bare'); connection.sadd('rq:workers:high', 'rq:worker:bare')
connection.hset('rq:worker:bare', 'birth', '2026-01-01T00:00:00.000000Z')
`;

describe.skipIf(environment === null)('tsrq info --raw beside RQ’s', () => {
  let server: TestRedis;
  let client: IoRedis;
  let dir: string;
  const workers: ChildProcess[] = [];

  const python = (...args: string[]): string =>
    execFileSync(PYTHON, args, {
      env: { ...cleanEnv(), PYTHONIOENCODING: 'utf-8' },
      cwd: dir,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  const startWorker = (name: string, ...queues: string[]): void => {
    const args = ['-m', 'rq.cli', 'worker', '-u', server.url, '-n', name, '--quiet', ...queues];
    workers.push(spawn(PYTHON, args, { env: cleanEnv(), cwd: dir, stdio: 'ignore' }));
  };

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'tsrq-test-info-'));
    server = await startRedis();
    client = server.client();
    writeFileSync(join(dir, 'seed.py'), SEED);
    writeFileSync(join(dir, 'fill.py'), FILL);
    python('seed.py', String(server.port));
    startWorker('idle-worker', 'done', 'never-used');
    startWorker('busy-worker', 'slow', 'done');
    startWorker('unlisted-worker', 'never-used');
    await until('the jobs are done', async () => {
      const counters = await Promise.all(
        ['idle-worker', 'busy-worker'].map((name) =>
          client.hmget(`rq:worker:${name}`, 'successful_job_count', 'failed_job_count'),
        ),
      );
      return counters.flat().reduce((sum, count) => sum + Number(count ?? 0), 0) === 7;
    });
    const state = (name: string): Promise<string | null> => client.hget(`rq:worker:${name}`, 'state');
    await until('all workers are where they stay', async () => {
      return (
        (await state('idle-worker')) === 'idle' &&
        (await state('busy-worker')) === 'busy' &&
        (await state('unlisted-worker')) === 'idle'
      );
    });
    python('fill.py', String(server.port));
  });
  afterAll(async () => {
    for (const worker of workers) worker.kill('SIGKILL');
    await server.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it.each([
    [[]],
    [['-Q']],
    [['-W']],
    [['-R']],
    [['-W', '-R']],
    [['high', 'slow', 'nosuch']],
    [['-W', 'done']],
    [['-R', 'done', 'high']],
    [['-Q', '-R']],
  ])('%j prints the same lines', async (args) => {
    // Ours first: RQ's own command cleans the registries, and must find no less to clean.
    const ours = await runTsrq(['info', '--raw', ...args], { url: server.url });
    const theirs = python('-m', 'rq.cli', 'info', '--raw', '-u', server.url, ...args);
    expect(ours.code).toBe(0);
    expect(ours.stdout.split('\n').sort()).toEqual(theirs.split('\n').sort());
  });

  it('prints nothing on an empty Redis, as RQ does', async () => {
    const empty = await startRedis();
    try {
      expect(python('-m', 'rq.cli', 'info', '--raw', '-u', empty.url)).toBe('');
      expect((await runTsrq(['info', '--raw'], { url: empty.url })).stdout).toBe('');
    } finally {
      await empty.stop();
    }
  });
});

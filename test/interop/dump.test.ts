import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runTsrq, startTsrq } from '../support/cli.js';
import { expectSameKeys } from '../support/same-keys.js';
import { rqEnvironment, startRq, type Rq } from '../support/python.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { statusOf, until } from '../support/rq.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));
const SERIALIZER = ['-S', 'rq.serializers.JSONSerializer'];
const environment = await rqEnvironment('2.10.0');

describe.skipIf(environment === null)('the keys after the same operations by Python RQ 2.10 and by tsrq', () => {
  let theirs: TestRedis;
  let ours: TestRedis;
  let rq: Rq;

  beforeAll(async () => {
    [theirs, ours] = await Promise.all([startRedis(), startRedis()]);
    if (environment) rq = startRq(environment, theirs.url);
  });
  afterAll(async () => {
    await rq.stop();
    await Promise.all([theirs.stop(), ours.stop()]);
  });

  const python = (...args: string[]) => rq.cli([...args, '-u', theirs.url, ...SERIALIZER]);
  const tsrq = (...args: string[]) => runTsrq(args, { url: ours.url, cwd: JOBS });
  const compare = (documented: readonly string[]): Promise<void> => expectSameKeys(theirs, ours, documented);
  const enqueue = async (...args: string[]): Promise<void> => {
    expect((await python('enqueue', ...args)).code).toBe(0);
    expect((await tsrq('enqueue', ...args)).code).toBe(0);
  };

  it('enqueued', async () => {
    await enqueue('--queue', 'q', '--job-id', 'plain', 'pyjobs.echo', 'é', ':[1, null]', 'k=v');
    await enqueue('--queue', 'q', '--job-id', 'front', '--at-front', '--timeout', '1h', '--ttl', '500', 'pyjobs.echo');
    await enqueue(
      '--queue',
      'q',
      '--job-id',
      'ttls',
      '--result-ttl',
      '100',
      '--failure-ttl',
      '200',
      '--description',
      'ü',
      'pyjobs.echo',
    );
    await enqueue('--queue', 'q', '--job-id', 'fails', '--retry-max', '1', 'pyjobs.bad', 'x');
    await enqueue(
      '--queue',
      'q',
      '--job-id',
      'later',
      '--retry-max',
      '2',
      '--retry-interval',
      '30',
      '--retry-interval',
      '60',
      'pyjobs.bad',
      'x',
    );
    await compare([]);
  });

  it('enqueued for later, and behind others', async () => {
    await enqueue('--queue', 'w', '--job-id', 'parent', 'pyjobs.echo');
    await enqueue('--queue', 'w', '--job-id', 'child', '--depends-on', 'parent', 'pyjobs.echo', 'x');
    await enqueue('--queue', 'w', '--job-id', 'orphan', '--depends-on', 'nobody', 'pyjobs.echo', 'x');
    await enqueue('--queue', 'w', '--job-id', 'due', '--schedule-at', '2030-01-02T03:04:05', 'pyjobs.echo');
    await compare([]);
  });

  it('released by its parent', async () => {
    expect((await python('worker', '--burst', '--name', 'w', 'w')).code).toBe(0);
    expect((await tsrq('worker', '--burst', '--name', 'w', 'w')).code).toBe(0);
    await compare([]);
    for (const server of [theirs, ours]) await server.client().del('rq:queue:w', 'rq:scheduled:w');
  });

  it('worked off', async () => {
    expect((await python('worker', '--burst', '--name', 'w', 'q')).code).toBe(0);
    expect((await tsrq('worker', '--burst', '--name', 'w', 'q')).code).toBe(0);
    await compare([
      'rq:job:fails value retries_max: absent → "1"',
      'rq:job:later value retries_max: absent → "2"',
      'rq:job:fails value retry_error_1: absent → "<error of an attempt>"',
      'rq:job:later value retry_error_1: absent → "<error of an attempt>"',
      'rq:results:fails ttl: null → 31536000',
    ]);
  });

  it('requeued and emptied', async () => {
    expect((await python('requeue', '--queue', 'q', '--all')).code).toBe(0);
    expect((await tsrq('requeue', '--all', '--keep-retries')).code).toBe(0);
    await compare([
      'rq:job:fails value retries_max: absent → "1"',
      'rq:job:later value retries_max: absent → "2"',
      'rq:job:fails value retry_error_1: absent → "<error of an attempt>"',
      'rq:job:later value retry_error_1: absent → "<error of an attempt>"',
      'rq:results:fails ttl: null → 31536000',
      'rq:job:fails ttl: 31536000 → null',
      'rq:job:fails value exc_info: "<legacy error>" → absent',
    ]);
  });

  it('running', async () => {
    for (const server of [theirs, ours]) await server.client().flushall();
    await enqueue('--queue', 'q', '--job-id', 'runs', 'pyjobs.slow', ':60');
    const worker = rq.startWorker(['--name', 'w', '-u', theirs.url, ...SERIALIZER, 'q']);
    const own = startTsrq(['worker', '--name', 'w', 'q'], { url: ours.url, cwd: JOBS });
    for (const server of [theirs, ours]) {
      await until('the job runs', async () => (await statusOf(server.client(), 'runs')) === 'started');
      await until(
        'the upkeep at boot is over',
        async () => (await server.client().exists('rq:clean_registries:q')) === 0,
      );
      await until('its execution is written', async () => (await server.client().exists('rq:executions:runs')) === 1);
    }
    await compare([
      'rq:execution:runs:<execution> value worker_name: absent → "w"',
      'rq:worker:w:executions: absent → {"ttl":180,"value":["runs:<execution>"]}',
    ]).finally(async () => {
      worker.kill('SIGKILL');
      own.kill('SIGKILL');
      await own.exited;
    });
  });
});

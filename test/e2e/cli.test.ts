import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Redis as IoRedis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { COMMAND_NAMES } from '../../src/cli/program.js';
import { BIN, cleanEnv, runTsrq, startTsrq, watchProcess } from '../support/cli.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { until } from '../support/rq.js';

let server: TestRedis;
let client: IoRedis;
let dir: string;

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
  dir = mkdtempSync(join(tmpdir(), 'tsrq-test-cli-'));
});
afterAll(async () => {
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});
beforeEach(async () => {
  await client.flushall();
});

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));
const BUNDLE = fileURLToPath(new URL('../../dist/cli/bundle', import.meta.url));

const tsrq = (...args: string[]) => runTsrq(args, { url: server.url, cwd: dir });

describe('the program', () => {
  it('--version prints the version and does not load ioredis', async () => {
    const coverage = mkdtempSync(join(dir, 'coverage-'));
    const { code, stdout } = await runTsrq(['--version'], { env: { NODE_V8_COVERAGE: coverage } });
    const version = (
      JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
    ).version;
    expect([code, stdout]).toEqual([0, `${version}\n`]);
    const loaded = readdirSync(coverage)
      .map((file) => readFileSync(join(coverage, file), 'utf8'))
      .join('');
    const withIoredis = readdirSync(BUNDLE).filter(
      (file) => file.endsWith('.js') && readFileSync(join(BUNDLE, file), 'utf8').includes('node_modules/ioredis/'),
    );
    expect(loaded.includes('/bundle/main.js')).toBe(true);
    expect(withIoredis).not.toEqual([]);
    expect(withIoredis.filter((file) => loaded.includes(file))).toEqual([]);
  });

  it.each(COMMAND_NAMES)('%s --help prints help and exits 0', async (name) => {
    const { code, stdout, stderr } = await tsrq(name, '--help');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`Usage: tsrq ${name}`);
    expect(stdout).toContain('--url');
  });

  it('without a command prints help and exits 2', async () => {
    const { code, stdout, stderr } = await tsrq();
    expect(code).toBe(2);
    expect(stdout + stderr).toContain('worker');
  });

  it('takes common options before and after the command', async () => {
    for (const args of [
      ['--json', 'info'],
      ['info', '--json'],
      ['-u', server.url, 'info', '--json'],
    ]) {
      const { code, stdout } = await tsrq(...args);
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toHaveProperty('queues');
    }
  });

  it('reports a wrong configuration with 6 and every problem', async () => {
    const file = join(dir, 'bad.json');
    writeFileSync(file, JSON.stringify({ worker: { concurency: 2, maxJobs: 0 } }));
    const { code, stderr } = await tsrq('-c', file, 'info');
    expect(code).toBe(6);
    expect(stderr).toContain('did you mean "concurrency"?');
    expect(stderr).toContain('worker.maxJobs');
  });
});

describe('enqueue', () => {
  it('says what it did, and prints JSON', async () => {
    const said = await tsrq('enqueue', '-q', 'high', '--job-id', 'one', 'count.words', 'a', ':[1]', 'k=v', 'n:=null');
    expect([said.code, said.stdout]).toEqual([
      0,
      "Enqueued count.words('a', [1], k='v', n=None) on high with job-id 'one'.\n",
    ]);
    const json = JSON.parse((await tsrq('enqueue', '--json', 'a.b')).stdout) as Record<string, unknown>;
    expect(json).toMatchObject({ queue: 'default', status: 'queued', description: 'a.b()' });
    expect((await tsrq('enqueue', '--quiet', 'a.b')).stdout).toBe('');
  });

  it('reads values from files', async () => {
    writeFileSync(join(dir, 'text'), 'from a file');
    writeFileSync(join(dir, 'data.json'), '{"deep": [true]}');
    const { stdout } = await tsrq('enqueue', 'a.b', '@text', 'data:=@data.json');
    expect(stdout).toContain("a.b('from a file', data={'deep': [True]})");
  });

  it('stores the options', async () => {
    await tsrq(
      'enqueue',
      '--job-id',
      'o',
      '--timeout',
      '5m',
      '--result-ttl',
      '-1',
      '--ttl',
      '1h',
      '--failure-ttl',
      '2d',
      '--description',
      'd',
      '--meta',
      '{"m": 1}',
      '--retry-max',
      '3',
      '--retry-interval',
      '10',
      '--retry-interval',
      '1m',
      'a.b',
    );
    const hash = await client.hgetall('rq:job:o');
    expect(hash).toMatchObject({
      timeout: '300',
      result_ttl: '-1',
      ttl: '3600',
      failure_ttl: '172800',
      description: 'd',
      meta: '{"m": 1}',
      retries_left: '3',
      retry_intervals: '[10, 60]',
    });
    expect(await client.ttl('rq:job:o')).toBeGreaterThan(3_500);
  });

  it('refuses a live id with 1, and replaces the waiting job if told', async () => {
    await tsrq('enqueue', '--job-id', 'x', 'a.b');
    const again = await tsrq('enqueue', '--job-id', 'x', 'a.c');
    expect(again.code).toBe(1);
    expect(again.stderr).toContain("there is a job with id 'x' already: it is queued");
    expect((await tsrq('enqueue', '--job-id', 'x', '--replace', 'a.c')).code).toBe(0);
    expect(await client.lrange('rq:queue:default', '0', '-1')).toEqual(['x']);
    expect(await client.hget('rq:job:x', 'description')).toBe('a.c()');
  });

  it.each([
    [['enqueue'], /missing required argument 'function'/],
    [['enqueue', 'a.b', ':{'], /argument 1 is not JSON/],
    [['enqueue', 'a.b', 'k:=nope'], /argument 'k' is not JSON/],
    [['enqueue', 'a.b', 'k=1', 'k=2'], /argument 'k' is given twice/],
    [['enqueue', 'a.b', '@missing'], /the file 'missing' cannot be read/],
    [['enqueue', 'a.b', '%1'], /Python literals are not read/],
    [['enqueue', '--timeout', 'soon', 'a.b'], /'soon' is no duration/],
    [['enqueue', '--job-id', 'a b', 'a.b'], /characters that RQ refuses/],
    [['enqueue', '--meta', '[1]', 'a.b'], /--meta needs a JSON object/],
    [['enqueue', '--unique', 'a.b'], /--unique needs --job-id/],
    [['enqueue', '--retry-interval', '5', 'a.b'], /--retry-interval needs --retry-max/],
    [['enqueue', '--repeat-times', '0', 'a.b'], /a whole number from 1 is needed, not '0'/],
    [['enqueue', '--allow-failure', 'a.b'], /--allow-failure needs --depends-on/],
    [['enqueue', '--schedule-at', 'tomorrow', 'a.b'], /a date is needed/],
    [['enqueue', '--schedule-in', '5', '--depends-on', 'x', 'a.b'], /waits for a time or for other jobs, not both/],
  ])('%j exits 2 with one sentence', async (args, message) => {
    const { code, stderr } = await tsrq(...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(await client.keys('*')).toEqual([]);
  });
});

describe('requeue and empty', () => {
  const fail = async (queue: string, count: number): Promise<void> => {
    for (let i = 0; i < count; i += 1) {
      await client.hset(`rq:job:${queue}-${i}`, {
        status: 'failed',
        origin: queue,
        data: '["a.b",null,[],{}]',
        timeout: '180',
      });
      await client.zadd(`rq:failed:${queue}`, '9999999999', `${queue}-${i}`);
    }
    await client.sadd('rq:queues', `rq:queue:${queue}`);
  };

  it('requeue --all needs no queue, reports per id, and ends with the sum', async () => {
    await fail('a', 2);
    await fail('b', 1);
    const { code, stdout } = await tsrq('requeue', '--all');
    expect(code).toBe(0);
    expect(stdout.trim().split('\n').sort()).toEqual([
      'Requeued 3 of 3 jobs',
      'requeued a-0 on a',
      'requeued a-1 on a',
      'requeued b-0 on b',
    ]);
    expect((await tsrq('requeue', '--all')).stdout).toBe('Nothing to do\nRequeued 0 of 0 jobs\n');
    expect((await tsrq('requeue')).stdout).toBe('Nothing to do\n');
  });

  it('requeue narrows to queues, puts at the front, and exits 1 when an id was not requeued', async () => {
    await fail('a', 1);
    await fail('b', 1);
    await client.rpush('rq:queue:a', 'waiting');
    expect((await tsrq('requeue', '--all', '--queue', 'a', '--at-front')).stdout).toContain('Requeued 1 of 1 jobs\n');
    expect(await client.lrange('rq:queue:a', '0', '-1')).toEqual(['a-0', 'waiting']);
    const { code, stdout } = await tsrq('requeue', 'nope', 'b-0', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ requeued: 1, total: 2 });
    expect((await tsrq('requeue', '--all', 'x')).code).toBe(2);
  });

  it('requeue of 10,000 failures takes them all', async () => {
    const pipeline = client.pipeline();
    for (let i = 0; i < 10_000; i += 1) {
      pipeline.hset(`rq:job:j${i}`, { status: 'failed', origin: 'q', data: '["a.b",null,[],{}]' });
      pipeline.zadd('rq:failed:q', String(2e9 + i), `j${i}`);
    }
    await pipeline.exec();
    await client.sadd('rq:queues', 'rq:queue:q');
    const { code, stdout } = await tsrq('requeue', '--all');
    expect(code).toBe(0);
    expect(stdout.endsWith('Requeued 10000 of 10000 jobs\n')).toBe(true);
    expect(await client.lrange('rq:queue:q', '0', '2')).toEqual(['j0', 'j1', 'j2']);
    expect([await client.llen('rq:queue:q'), await client.zcard('rq:failed:q')]).toEqual([10_000, 0]);
  });

  it('empty removes what is queued, queue by queue', async () => {
    await client.rpush('rq:queue:a', '1', '2');
    await client.sadd('rq:queues', 'rq:queue:a', 'rq:queue:b', 'alien');
    expect((await tsrq('empty')).stdout).toBe('Nothing to do\n');
    expect((await tsrq('empty', 'a', 'nosuch')).stdout).toBe(
      '2 jobs removed from a queue\n0 jobs removed from nosuch queue\n',
    );
    expect((await tsrq('empty', '--all')).stdout).toBe('0 jobs removed from a queue\n0 jobs removed from b queue\n');
  });

  it('empty goes on when one queue is of a wrong type, and exits 1', async () => {
    await client.set('rq:queue:bad', 'text');
    await client.rpush('rq:queue:good', '1');
    const { code, stdout, stderr } = await tsrq('empty', 'bad', 'good');
    expect([code, stdout]).toEqual([1, '1 jobs removed from good queue\n']);
    expect(stderr).toContain('queue bad cannot be emptied: WRONGTYPE');
  });
});

describe('a value that cannot be meant', () => {
  it.each([
    [['worker', '--logging-level', 'loud'], "'loud' is none of debug, info, warning, error"],
    [['worker', '--log-format', 'xml'], "'xml' is none of auto, pretty, json, logfmt"],
    [['cron', '--logging-level', 'loud', 'nosuch.js'], "'loud' is none of"],
    [['worker', '-n', ''], 'a name is needed'],
    [['worker', 'q', ''], 'the name of a queue is empty'],
    [['worker-pool', '', '-n', '2'], 'the name of a queue is empty'],
    [['help', 'nosuch'], "unknown command 'nosuch'"],
  ])('%j: exit 2', async (args, text) => {
    const { code, stdout, stderr } = await tsrq(...args);
    expect([code, stdout, stderr]).toEqual([2, '', expect.stringContaining(text)]);
  });

  it('--logging-level is taken in any case, as by RQ', async () => {
    expect((await tsrq('worker', '--burst', '--logging-level', 'WARNING')).stderr).toBe('');
  });

  it('an id that is in use: what helps depends on what its job does', async () => {
    await tsrq('enqueue', '--job-id', 'used', 'a.b');
    expect((await tsrq('enqueue', '--job-id', 'used', 'a.b')).stderr).toContain('(--replace)');
    expect((await tsrq('enqueue', '--job-id', 'used', '--unique', 'a.b')).stderr).toContain('a unique id is refused');
    await client.hset('rq:job:used', { status: 'started' });
    for (const option of [[], ['--replace']]) {
      const { code, stderr } = await tsrq('enqueue', '--job-id', 'used', ...option, 'a.b');
      expect([code, stderr]).toEqual([1, expect.stringContaining('a running job cannot be replaced')]);
    }
  });
});

describe('what is printed into a file or a pipe', () => {
  const queue = `q-${'long-name-'.repeat(9)}`;

  it('has all columns, whole names and ids, or is as wide as COLUMNS says', async () => {
    await tsrq('enqueue', '-q', queue, '--job-id', 'an-id-of-its-own', '--description', 'x'.repeat(300), 'a.b');
    const info = (await tsrq('info')).stdout;
    for (const text of [queue, 'scheduled', 'deferred', 'canceled']) expect(info).toContain(text);
    expect((await tsrq('worker', '--burst', '--quiet', queue)).code).toBe(0);
    expect((await tsrq('failures')).stdout).toMatch(/ an-id-of-its-own\n/);
    expect((await tsrq('job', 'list')).stdout).toContain(` ${'x'.repeat(199)}… `);
    const narrow = await runTsrq(['info'], { cwd: dir, url: server.url, env: { COLUMNS: '60' } });
    expect(Math.max(...narrow.stdout.split('\n').map((line) => line.length))).toBe(60);
    expect((await tsrq('--help')).stdout).toMatch(/^[^\n]{70,80}$/m);
    expect((await tsrq('--help')).stdout).not.toMatch(/^[^\n]{81}/m);
  });

  it('has no character that would steer a terminal, whatever a queue is called', async () => {
    const odd = 'odd\u001b[2Jname';
    const shown = 'odd\ufffd[2Jname';
    const commands = [
      ['enqueue', '-q', odd, 'a.b'],
      ['info', '--raw'],
      ['queue', 'list'],
      ['queue', 'pause', odd],
      ['queue', 'resume', odd],
      ['move', odd, `${odd}2`],
      ['empty', `${odd}2`],
      ['queue', 'delete', '--yes', odd],
      ['queue', 'show', `${odd}3`],
      ['worker', '--burst', odd],
    ];
    for (const command of commands) {
      const { stdout, stderr } = await tsrq(...command);
      expect(stdout + stderr, command.join(' ')).toContain(shown);
      expect(stdout + stderr, command.join(' ')).not.toContain('\u001b');
    }
    const { stderr } = await tsrq('worker', '--burst', '--log-format', 'logfmt', odd);
    expect(stderr).toContain(' msg="Worker ');
    expect(stderr).not.toContain('\u001b');
  });
});

describe('several connections', () => {
  it('each queue goes where it is mapped, and every command finds it there', async () => {
    const other = await startRedis();
    writeFileSync(
      join(dir, '.tsrqrc.json'),
      JSON.stringify({
        redis: { url: server.url },
        connections: { mail: other.url },
        queueConnections: { email: 'mail' },
      }),
    );
    const run = (...args: string[]) => runTsrq(args, { cwd: dir });
    await run('enqueue', '-q', 'email', '--job-id', 'there', 'a.b');
    await run('enqueue', '-q', 'web', '--job-id', 'here', 'a.b');
    expect(await other.client().lrange('rq:queue:email', '0', '-1')).toEqual(['there']);
    expect(await client.lrange('rq:queue:web', '0', '-1')).toEqual(['here']);
    const info = (await run('info')).stdout;
    expect(info).toContain('email');
    expect(info).toContain('web');
    expect(
      (await run('empty', 'email', 'web')).stdout.split('\n').filter((line) => line.startsWith('1 jobs')),
    ).toHaveLength(2);
    const worker = await run('worker', '-b', 'email', 'web');
    expect(worker.code).toBe(0);
    expect(worker.stderr).toContain('[mail] Worker');
    rmSync(join(dir, '.tsrqrc.json'));
    await other.stop();
  });
});

describe('a disk that is full', () => {
  const shell = async (line: string) => {
    const child = spawn('sh', ['-c', line, process.execPath, BIN], {
      env: { ...cleanEnv(), TSRQ_REDIS_URL: server.url },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return watchProcess(child).exited;
  };

  it.skipIf(!existsSync('/dev/full'))('is told by what has something to print, and does not end a worker', async () => {
    for (const command of ['info', 'info --json', '--help', 'enqueue a.b']) {
      const { code, stderr } = await shell(`"$0" "$1" ${command} > /dev/full`);
      expect([code, stderr], command).toEqual([
        1,
        expect.stringMatching(/^tsrq: what is to be said cannot be written: ENOSPC[^\n]*\n$/),
      ]);
    }
    await tsrq('enqueue', '-q', 'q', '--job-id', 'full', 'count.add', 'a', 'b');
    expect(await shell(`"$0" "$1" worker --burst --path '${JOBS}' q 2> /dev/full`)).toMatchObject({ code: 0 });
    expect(await client.hget('rq:job:full', 'status')).toBe('finished');
  });
});

it('a worker whose --pid file cannot be written is refused, and not registered', async () => {
  const { code, stderr } = await tsrq('worker', '--pid', join(dir, 'nowhere', 'worker.pid'), 'q');
  expect([code, stderr]).toEqual([2, expect.stringContaining('the --pid file cannot be written')]);
  expect(await client.smembers('rq:workers')).toEqual([]);
});

describe("RQ's spellings", () => {
  it('of the options of worker and worker-pool are read', async () => {
    const pid = join(dir, 'worker.pid');
    const spelled = ['--logging_level', 'error', '--dequeue-strategy', 'default', '--pid', pid];
    expect(await tsrq('worker', '--burst', ...spelled, 'q')).toMatchObject({ code: 0, stderr: '' });
    expect(readFileSync(pid, 'utf8')).toMatch(/^[1-9]\d*\n?$/);
    const pool = await tsrq('worker-pool', '--burst', '-n', '3', '--logging-level', 'debug', 'q');
    expect(pool).toMatchObject({ code: 0 });
    expect(pool.stderr).toContain('listening on q, 3 jobs at once');
  });
});

describe('a worker under signals', () => {
  it.each(['SIGHUP', 'SIGUSR2'])('is not ended by %s while its code is loaded', async (signal) => {
    const preload = join(dir, 'signals.cjs');
    // Comes before anything is loaded that could know of signals.
    const send = `if (path.endsWith('bundle/main.js')) process.kill(process.pid, '${signal}');`;
    const hook = `load = M._load; M._load = (path, ...rest) => { ${send} return load(path, ...rest); };`;
    writeFileSync(preload, `const M = require('node:module'), ${hook}`);
    const env = { NODE_OPTIONS: `--require=${preload}` };
    const { code } = await runTsrq(['worker', '--burst', 'q'], { url: server.url, cwd: dir, env });
    expect(code).toBe(0);
  });

  it('reloads on HUP, is quiet from TSTP to CONT, tells what runs on USR2', async () => {
    writeFileSync(join(dir, 'fresh.mjs'), 'export const run = () => "old";');
    const worker = startTsrq(['worker', '--path', dir, '--pid', join(dir, 'pid'), 'q'], { url: server.url });
    await worker.waitFor('listening on');
    expect(Number(readFileSync(join(dir, 'pid'), 'utf8'))).toBe(worker.pid);
    const result = async (id: string): Promise<string> => {
      await tsrq('enqueue', '-q', 'q', '--job-id', id, 'fresh.run');
      await until(`${id} is done`, async () => (await client.hget(`rq:job:${id}`, 'status')) === 'finished');
      const [[, fields]] = (await client.call('XRANGE', `rq:results:${id}`, '-', '+')) as [[string, string[]]];
      return Buffer.from(fields[fields.indexOf('return_value') + 1] ?? '', 'base64').toString();
    };
    expect(await result('before')).toBe('"old"');
    writeFileSync(join(dir, 'fresh.mjs'), 'export const run = () => "new";');
    worker.kill('SIGHUP');
    await worker.waitFor('Reloaded');
    expect(await result('after')).toBe('"new"');
    worker.kill('SIGTSTP');
    await worker.waitFor('Quiet');
    await tsrq('enqueue', '-q', 'q', '--job-id', 'held', 'fresh.run');
    worker.kill('SIGUSR2');
    await worker.waitFor('Nothing is running');
    expect(await client.hget('rq:job:held', 'status')).toBe('queued');
    worker.kill('SIGCONT');
    await until('the held job is done', async () => (await client.hget('rq:job:held', 'status')) === 'finished');
    worker.kill('SIGTERM');
    expect((await worker.exited).code).toBe(0);
  });

  it.each([
    ['json', /^\{"time":"[^"]+","level":"info","event":"job-finished".*"job":"j".*"queue":"q","attempt":1,"seconds":/m],
    ['logfmt', /^time=\S+ level=info event=job-finished msg=".*" job=j queue=q attempt=1 seconds=/m],
    ['pretty', /^\d\d:\d\d:\d\d q: .* \(j\) finished in /m],
  ])('logs as %s', async (format, line) => {
    writeFileSync(join(dir, 'fresh.mjs'), 'export const run = () => "x";');
    await tsrq('enqueue', '-q', 'q', '--job-id', 'j', 'fresh.run');
    const { stderr } = await tsrq('worker', '-b', '--log-format', format, '--path', dir, 'q');
    expect(stderr).toMatch(line);
  });
});

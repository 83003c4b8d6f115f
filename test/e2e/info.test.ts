import { execFileSync, spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Redis as IoRedis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Redis } from '../../src/redis/redis.js';
import { cleanEnv, runTsrq, startTsrq, type CliResult } from '../support/cli.js';
import { freePort, startRedis, type TestRedis } from '../support/redis.js';
import { producerTo, put, until } from '../support/rq.js';

const BIN = fileURLToPath(new URL('../../bin/tsrq.js', import.meta.url));

let server: TestRedis;
let client: IoRedis;
let redis: Redis;

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
  redis = producerTo(server.port);
});
afterAll(async () => {
  redis.close();
  await server.stop();
});
beforeEach(() => client.flushall());

const info = (...args: string[]): Promise<CliResult> => runTsrq(['info', ...args], { url: server.url });

describe('tsrq info', () => {
  it('prints a table of queues and workers, without colour into a pipe', async () => {
    await put(redis, 'a.b', [], { queue: 'high' });
    const { code, stdout, stderr } = await info();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^queue +queued .*\nhigh +1 .*\n1 queue, 1 job queued\n\n0 workers\n$/);
  });

  it('prints one JSON document with --json', async () => {
    for (const queue of ['high', 'high', 'low']) await put(redis, 'a.b', [], { queue });
    const { code, stdout } = await info('--json');
    const document = JSON.parse(stdout) as { queues: { name: string; queued: number }[]; totals: { queued: number } };
    expect(code).toBe(0);
    expect(document.queues.map(({ name, queued }) => [name, queued])).toEqual([
      ['high', 2],
      ['low', 1],
    ]);
    expect(document.totals.queued).toBe(3);
  });

  it('shows a bad key in its row, and the others', async () => {
    await put(redis, 'a.b', [], { queue: 'good' });
    await client.sadd('rq:queues', 'rq:queue:bad');
    await client.set('rq:queue:bad', 'a string');
    const { code, stdout } = await info();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^bad +! key rq:queue:bad holds no list$/m);
    expect(stdout).toMatch(/^good +1 /m);
  });

  it('leaves a bad key out of --raw and --prometheus, and tells of it on stderr', async () => {
    await put(redis, 'a.b', [], { queue: 'good' });
    await client.sadd('rq:queues', 'rq:queue:bad');
    await client.set('rq:queue:bad', 'a string');
    for (const format of ['--raw', '--prometheus']) {
      const { code, stdout, stderr } = await info(format);
      expect(code).toBe(0);
      expect(stdout).toContain('good');
      expect(stdout).not.toContain('bad');
      expect(stderr).toBe('tsrq: queue bad: key rq:queue:bad holds no list\n');
    }
  });

  it.each([
    [['--interval', '0']],
    [['--interval', '-1']],
    [['--interval', 'soon']],
    [['--interval', '']],
    [['--json', '--raw']],
    [['--raw', '--prometheus']],
    [['--nonsense']],
  ])('%j is a usage error', async (args) => {
    const { code, stdout, stderr } = await info(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^tsrq: /);
  });

  it('exits 69 and names the address when Redis cannot be reached', async () => {
    const port = await freePort();
    for (const args of [['info'], ['info', '-i', '1'], ['info', '--json']]) {
      const { code, stdout, stderr } = await runTsrq(args, { url: `redis://127.0.0.1:${port}` });
      expect({ code, stdout }).toEqual({ code: 69, stdout: '' });
      expect(stderr).toContain(`127.0.0.1:${port}`);
      expect(stderr).not.toContain('    at ');
    }
  });
});

describe('tsrq info --interval into a pipe', () => {
  it('appends a block per tick without escapes, picks up new queues, and exits 0 at SIGINT and SIGTERM', async () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      await client.flushall();
      const running = startTsrq(['info', '-i', '0.05'], { url: server.url });
      await running.waitFor('0 queues');
      await put(redis, 'a.b', [], { queue: 'fresh' });
      await running.waitFor(/fresh +1 /);
      await running.waitFor('jobs/s');
      running.kill(signal);
      const { code, stdout, stderr } = await running.exited;
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).not.toContain('\x1b');
    }
  });

  it('prints one JSON document per line with --json', async () => {
    const running = startTsrq(['info', '-i', '0.05', '--json'], { url: server.url });
    await running.waitFor(/\n.*\n/);
    running.kill('SIGINT');
    const { code, stdout } = await running.exited;
    const documents = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { queues: unknown[] });
    expect(code).toBe(0);
    expect(documents.length).toBeGreaterThan(1);
    expect(documents.every((document) => Array.isArray(document.queues))).toBe(true);
  });

  it('tells on stderr, once each, that Redis went away and came back, and goes on', async () => {
    const own = await startRedis();
    try {
      const running = startTsrq(['info', '-i', '0.05', '--json'], { url: own.url });
      await running.waitFor('"queues"');
      await own.kill('SIGKILL');
      await running.waitFor('cannot reach Redis');
      await own.restart();
      await running.waitFor('is back after');
      const lines = running.stdout().length;
      await until('it shows more', () => running.stdout().length > lines);
      running.kill('SIGTERM');
      const { code, stdout, stderr } = await running.exited;
      expect(code).toBe(0);
      expect(stderr.match(/cannot reach Redis/g)).toHaveLength(1);
      expect(stderr.match(/is back after/g)).toHaveLength(1);
      for (const line of stdout.trimEnd().split('\n')) expect(JSON.parse(line)).toHaveProperty('queues');
    } finally {
      await own.stop();
    }
  });

  it('ends at once at SIGINT while Redis does not answer', async () => {
    const own = await startRedis();
    try {
      const running = startTsrq(['info', '-i', '0.05'], { url: own.url });
      await running.waitFor('0 queues');
      await own.kill('SIGSTOP');
      running.kill('SIGINT');
      expect((await running.exited).code).toBe(0);
    } finally {
      await own.stop();
    }
  });

  it('ends quietly when its reader has gone', () => {
    const script = `"${process.execPath}" "${BIN}" info -i 0.02 | head -n 3; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = spawnSync('bash', ['-c', script], {
      env: { ...cleanEnv(), TSRQ_REDIS_URL: server.url },
      encoding: 'utf8',
      timeout: 30_000,
    });
    expect(stderr).toBe('');
    expect(stdout.trimEnd().split('\n')).toHaveLength(4);
    expect(stdout).toMatch(/\n0\n$/);
  });
});

const hasTmux = spawnSync('tmux', ['-V']).status === 0;

describe.runIf(hasTmux)('tsrq info --interval on a terminal', () => {
  const socket = `/tmp/tsrq-test-${process.pid}.tmux`;
  const tmux = (...args: string[]): string =>
    execFileSync('tmux', ['-S', socket, '-f', '/dev/null', ...args], { encoding: 'utf8' });
  const screen = (): string => tmux('capture-pane', '-p', '-t', 't');
  const state = (what: string): string => tmux('display-message', '-p', '-t', 't', what).trim();

  /** A shell on a terminal of 60 × 16, in which tsrq runs. */
  const open = async (url: string, ...args: string[]): Promise<void> => {
    const env = { ...cleanEnv(), TERM: 'xterm-256color', TSRQ_REDIS_URL: url, PS1: '$ ' };
    // Ctrl-C reaches the shell too; it must live to tell the exit code.
    const command = `trap : INT; echo before; "${process.execPath}" "${BIN}" info ${args.join(' ')}; echo "exit $?"; exec sleep 60`;
    execFileSync(
      'tmux',
      ['-S', socket, '-f', '/dev/null', 'new-session', '-d', '-x', '60', '-y', '16', '-s', 't', 'sh', '-c', command],
      { env },
    );
    await until('the view is there', () => state('#{alternate_on}') === '1' && screen().includes('queue'));
  };
  afterEach(() => {
    spawnSync('tmux', ['-S', socket, 'kill-server']);
    rmSync(socket, { force: true });
  });

  it('draws in place on the alternate screen without the cursor, and gives the old screen back at Ctrl-C', async () => {
    await open(server.url, '-i', '0.1');
    expect(state('#{alternate_on} #{cursor_flag}')).toBe('1 0');
    expect(screen()).not.toContain('before');
    await put(redis, 'a.b', [], { queue: 'fresh' });
    await until('the new queue is shown', () => /^fresh +1 /m.test(screen()));
    await client.del('rq:queues');
    await until('the old picture is wiped', () => screen().includes('0 queues') && !screen().includes('fresh'));
    tmux('send-keys', '-t', 't', 'C-c');
    await until('it has exited 0', () => screen().includes('exit 0'));
    expect(state('#{alternate_on} #{cursor_flag}')).toBe('0 1');
    expect(screen()).toContain('before');
    expect(tmux('capture-pane', '-p', '-t', 't', '-S', '-')).not.toContain('queues');
  });

  it('draws for the new size at once when the terminal is resized', async () => {
    for (let i = 0; i < 40; i += 1) await client.sadd('rq:queues', `rq:queue:queue-number-${i}`);
    await open(server.url, '-i', '30');
    tmux('resize-window', '-t', 't', '-x', '24', '-y', '10');
    // tmux itself cuts off the top of what was there.
    await until('it fits', () => {
      const now = screen();
      return /^tsrq info/.test(now) && /^… and \d+ more queues$/m.test(now) && now.includes('0 workers');
    });
    tmux('resize-window', '-t', 't', '-x', '120', '-y', '30');
    await until('it is wide', () => /^queue .* canceled$/m.test(screen()));
  });

  it('shows that Redis is away over what was seen last, and goes on when it is back', async () => {
    const own = await startRedis();
    try {
      await own.client().sadd('rq:queues', 'rq:queue:kept');
      await open(own.url, '-i', '0.1');
      await own.kill('SIGKILL');
      await until(
        'the outage is shown',
        () => /^! for \d+s: cannot reach/m.test(screen()) && screen().includes('kept'),
      );
      await own.restart();
      await until('it is over', () => !screen().includes('cannot reach') && screen().includes('0 queues'));
      tmux('send-keys', '-t', 't', 'C-c');
      await until('it has exited 0', () => screen().includes('exit 0'));
    } finally {
      await own.stop();
    }
  });

  it('leaves the terminal as it was when Redis cannot be reached from the start', async () => {
    const port = await freePort();
    const env = { ...cleanEnv(), TERM: 'xterm-256color', TSRQ_REDIS_URL: `redis://127.0.0.1:${port}` };
    const command = `"${process.execPath}" "${BIN}" info -i 1; echo "exit $?"; exec sleep 60`;
    execFileSync(
      'tmux',
      ['-S', socket, '-f', '/dev/null', 'new-session', '-d', '-x', '80', '-y', '16', '-s', 't', 'sh', '-c', command],
      { env },
    );
    await until('it has exited 69', () => screen().includes('exit 69'));
    expect(state('#{alternate_on} #{cursor_flag}')).toBe('0 1');
    expect(screen()).toContain('cannot reach Redis');
  });
});

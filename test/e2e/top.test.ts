import { execFileSync, spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Redis as IoRedis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import type { Redis } from '../../src/redis/redis.js';
import { cleanEnv, runTsrq } from '../support/cli.js';
import { freshRedis } from '../support/fresh-redis.js';
import { freePort, startRedis, type TestRedis } from '../support/redis.js';
import { put, until } from '../support/rq.js';

const BIN = fileURLToPath(new URL('../../bin/tsrq.js', import.meta.url));

let server: TestRedis;
let client: IoRedis;
let redis: Redis;
freshRedis((fresh) => ({ server, client, redis } = fresh));

const FAR = 4_000_000_000;

async function fail(queue: string, id: string, error = 'Error: it broke'): Promise<void> {
  await put(redis, 'mail.send', ['bob', 7], { queue, id });
  await client.lrem(`rq:queue:${queue}`, 0, id);
  await client.hset(`rq:job:${id}`, { status: 'failed', exc_info: error });
  await client.zadd(`rq:failed:${queue}`, FAR, id);
}

describe('tsrq top without a terminal', () => {
  it.each([[[]], [['--json']], [['--tab', 'failed']]])('%j is refused, and tsrq info is named', async (args) => {
    const { code, stdout, stderr } = await runTsrq(['top', ...args], { url: server.url });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^tsrq: tsrq top needs a terminal\n {2}`tsrq info`/);
  });

  it.each([[['--tab', 'nonsense']], [['--interval', '0']], [['--interval', 'soon']], [['queue']]])(
    '%j is a usage error',
    async (args) => {
      const { code, stderr } = await runTsrq(['top', ...args], { url: server.url });
      expect(code).toBe(2);
      expect(stderr).toMatch(/^tsrq: /);
    },
  );
});

const hasTmux = spawnSync('tmux', ['-V']).status === 0;

describe.runIf(hasTmux)('tsrq top on a terminal', () => {
  const socket = `/tmp/tsrq-test-top-${process.pid}.tmux`;
  const tmux = (...args: string[]): string =>
    execFileSync('tmux', ['-S', socket, '-f', '/dev/null', ...args], { encoding: 'utf8' });
  const screen = (): string => tmux('capture-pane', '-p', '-t', 't');
  const state = (what: string): string => tmux('display-message', '-p', '-t', 't', what).trim();
  const press = (...keys: string[]): void => void tmux('send-keys', '-t', 't', ...keys);
  const shows = (text: string | RegExp): Promise<void> =>
    until(`the screen shows ${String(text)}`, () =>
      typeof text === 'string' ? screen().includes(text) : text.test(screen()),
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${screen()}`);
    });

  const start = (args: readonly string[], env: Record<string, string>, size: readonly [string, string]): void => {
    // Ctrl-C reaches the shell too; it must live to tell the exit code, and what the terminal is like.
    const command = `trap : INT; stty -a >/tmp/tsrq-stty.$$; echo before; "${process.execPath}" "${BIN}" top ${args.join(' ')}; echo "exit $?"; stty -a | cmp - /tmp/tsrq-stty.$$ && echo "same terminal"; rm /tmp/tsrq-stty.$$; exec sleep 60`;
    execFileSync(
      'tmux',
      [
        ...['-S', socket, '-f', '/dev/null', 'new-session', '-d', '-x', size[0], '-y', size[1], '-s', 't'],
        ...['sh', '-c', command],
      ],
      { env: { ...cleanEnv(), TERM: 'xterm-256color', ...env } },
    );
  };
  const open = async (args: readonly string[] = [], size: readonly [string, string] = ['80', '24']): Promise<void> => {
    start(['-i', '0.1', ...args], { TSRQ_REDIS_URL: server.url }, size);
    await shows('q quit');
  };
  /** The old screen, the cursor, echo and lines are back. */
  const isClean = async (code: number): Promise<void> => {
    await shows(`exit ${code}`);
    await shows('same terminal');
    expect(state('#{alternate_on} #{cursor_flag}')).toBe('0 1');
    expect(screen()).toContain('before');
  };
  const pid = (): number =>
    Number(execFileSync('pgrep', ['-P', state('#{pane_pid}'), '-f', 'tsrq.js'], { encoding: 'utf8' }).trim());

  afterEach(() => {
    spawnSync('tmux', ['-S', socket, 'kill-server']);
    rmSync(socket, { force: true });
  });

  it.each([
    ['80', '24'],
    ['200', '50'],
  ])('shows queues, sparklines, tabs and keys at %s × %s, none of them cut off', async (columns, rows) => {
    await put(redis, 'a.b', [], { queue: 'high' });
    await fail('mail', 'broken');
    await open([], [columns, rows]);
    await shows(/^ {2}queue +queued +running +failed/m);
    const lines = screen().trimEnd().split('\n');
    expect(lines[0]).toMatch(/^tsrq top {2}\d\d:\d\d:\d\d {2}every 0.1 s {2}redis:\/\/127/);
    expect(lines[1]).toBe('1 queued, 0 running, 1 failed, 0 scheduled, 0 deferred');
    expect(lines[2]).toMatch(/^ended ▁+ 0\.0\/s +failing ▁+ 0% +waiting .* \ds$/);
    expect(lines[3]).toBe('[1 queues 2] 2 workers 0  3 running 0  4 failed 1  5 scheduled 0');
    expect(lines[5]).toMatch(/^> high +1 +0 +0/);
    expect(lines[6]).toMatch(/^ {2}mail +0 +0 +1/);
    expect(lines.at(-1)).toMatch(/^q quit {2}\? help {2}p pause/);
    // The last row of the terminal stays free.
    expect(lines).toHaveLength(Number(rows) - 1);
  });

  it('goes from tab to tab, opens a job with arguments, error and log, and comes back', async () => {
    await fail('mail', 'broken', 'Error: no such mailbox\n    at send');
    await client.xadd('rq:tsrq:log:broken', '*', 'e', 'x', 'n', '1', 't', 'dear log');
    await open(['--tab', 'failed']);
    await shows(/^> broken +failed .*mail\.send/m);
    press('Enter');
    await shows('Error: no such mailbox');
    for (const text of ['"bob"', 'arguments', 'description  mail.send', 'dear log']) await shows(text);
    press('Escape');
    await shows(/^> broken /m);
    press('Tab');
    await shows('[5 scheduled 0]');
    await shows('no scheduled jobs');
    press('BTab');
    await shows('[4 failed 1]');
    press('1');
    await shows('[1 queues 1]');
    press('?');
    await shows('pause or resume the queue');
    press('x');
    await shows(/^> mail/m);
  });

  it('requeues at a key, asks before it deletes or cancels, and does nothing at another answer', async () => {
    await fail('mail', 'one');
    await open(['--tab', 'failed']);
    await shows(/^> one /m);
    press('d');
    await shows('Delete one with its results? y/n');
    press('n');
    await shows('Nothing was done.');
    expect(await client.exists('rq:job:one')).toBe(1);
    press('r');
    await shows('Requeued one on mail.');
    expect(await client.lrange('rq:queue:mail', 0, -1)).toEqual(['one']);
    await shows('no failed jobs');
    await put(redis, 'a.b', [], { queue: 'mail', id: 'later', scheduleInSeconds: 3_600 });
    press('5');
    await shows(/^> later /m);
    press('c');
    await shows('Cancel later? y/n');
    press('y');
    await shows('Canceled later.');
    expect(await client.hget('rq:job:later', 'status')).toBe('canceled');
  });

  it('tells the worker of a running job to stop it, after a question', async () => {
    await client.sadd('rq:queues', 'rq:queue:mail');
    await client.hset('rq:job:busy', { status: 'started', worker_name: 'w1', origin: 'mail' });
    await client.zadd('rq:wip:mail', FAR, 'busy:e1');
    const worker = server.client();
    const heard: string[] = [];
    worker.on('message', (_, text: string) => heard.push(text));
    await worker.subscribe('rq:pubsub:w1');
    await open(['--tab', 'running']);
    await shows(/^> busy +started/m);
    press('s');
    await shows('Stop busy? y/n');
    expect(heard).toEqual([]);
    press('y');
    await shows('The worker of busy was told to stop it.');
    await until('the worker has heard it', () => heard.length > 0);
    expect(heard).toEqual(['{"command": "stop-job", "job_id": "busy"}']);
  });

  it('pauses and resumes a queue, requeues all its failed jobs, and shows the jobs of one queue', async () => {
    for (const id of ['m1', 'm2']) await fail('mail', id);
    await fail('other', 'o1');
    await open();
    await shows(/^> mail/m);
    press('p');
    await shows('mail (paused)');
    expect(await client.zscore('rq:tsrq:paused', 'mail')).toBe('inf');
    press('p');
    await shows('Resumed mail.');
    expect(await client.zscore('rq:tsrq:paused', 'mail')).toBeNull();
    press('Enter');
    await shows('queue mail (esc: all)');
    expect(screen()).not.toContain('o1');
    press('Escape');
    await shows('o1');
    press('1');
    await shows('[1 queues 2]');
    press('r');
    await shows('Requeue 2 failed jobs of mail? y/n');
    press('y');
    await shows('Requeued 2 of 2 jobs of mail.');
    expect(await client.llen('rq:queue:mail')).toBe(2);
    expect(await client.zcard('rq:failed:other')).toBe(1);
  });

  it('filters names and jobs, also those that are far down the list', async () => {
    for (let i = 0; i < 600; i += 1) await client.sadd('rq:queues', `rq:queue:q${i}`);
    const many = client.pipeline();
    for (let i = 0; i < 1_000; i += 1) {
      many.hset(`rq:job:job-${i}`, { status: 'failed', origin: 'q1', description: `f(${i})`, exc_info: 'Error: x' });
      many.zadd('rq:failed:q1', FAR + i, `job-${i}`);
    }
    await many.exec();
    await open();
    press('/');
    await shows('enter keep');
    press('q', '5', '9', '9');
    await shows(/\/q599_/);
    press('Enter');
    await shows("filter 'q599'");
    expect(screen()).toMatch(/^> q599/m);
    press('4');
    await shows(/^> job-999 /m);
    press('/');
    press('f', '(', '1', '7', ')');
    press('Enter');
    await shows(/^> job-17 /m);
    await shows('looked at 1,000 of 1000 jobs');
    press('Escape');
    await shows(/^> job-999 /m);
    press('End');
    await shows(/^> job-0 /m);
    press('Home');
    await shows(/^> job-999 /m);
  });

  it('draws for the new size when the terminal is resized, however small', async () => {
    for (let i = 0; i < 60; i += 1) await client.sadd('rq:queues', `rq:queue:queue-${String(i).padStart(2, '0')}`);
    await open();
    await shows('queue-15');
    expect(screen()).not.toContain('queue-16');
    tmux('resize-window', '-t', 't', '-x', '120', '-y', '40');
    await shows('queue-31');
    tmux('resize-window', '-t', 't', '-x', '20', '-y', '10');
    await until('it fits', () => !screen().includes('queue-02') && screen().includes('queue-00'));
    press('Down');
    await shows('> queue-01');
    tmux('resize-window', '-t', 't', '-x', '80', '-y', '24');
    await shows(/^> queue-01 .*-$/m);
  });

  it.each([
    ['q', 'q'],
    ['Ctrl-C', 'C-c'],
  ])('leaves the terminal as it was at %s', async (_, key) => {
    await open();
    expect(state('#{alternate_on} #{cursor_flag}')).toBe('1 0');
    press(key);
    await isClean(0);
  });

  it.each([
    ['SIGTERM', 0],
    ['SIGINT', 0],
    ['SIGHUP', 129],
    ['SIGQUIT', 131],
  ] as const)('leaves the terminal as it was at %s', async (signal, code) => {
    await open();
    process.kill(pid(), signal);
    await isClean(code);
  });

  it('leaves the terminal as it was when it crashes, with the reason on it', async () => {
    start(
      ['-i', '0.1'],
      {
        TSRQ_REDIS_URL: server.url,
        NODE_OPTIONS: `--import=data:text/javascript,process.on('SIGUSR2',()=>{throw(new(Error)('torn'))})`,
      },
      ['80', '24'],
    );
    await shows('q quit');
    process.kill(pid(), 'SIGUSR2');
    await shows('Error: torn');
    await isClean(1);
  });

  it('gives the terminal to the shell at Ctrl-Z, and comes back', async () => {
    await open();
    const process_ = pid();
    press('C-z');
    await until('the old screen is there', () => state('#{alternate_on}') === '0');
    process.kill(process_, 'SIGCONT');
    await until('it is back', () => state('#{alternate_on}') === '1');
    await shows('q quit');
    press('q');
    await isClean(0);
  });

  it('says that Redis is away over what was seen last, quits meanwhile, and goes on when it is back', async () => {
    const own = await startRedis();
    try {
      await own.client().sadd('rq:queues', 'rq:queue:kept');
      start(['-i', '0.1'], { TSRQ_REDIS_URL: own.url }, ['80', '24']);
      await shows('> kept');
      await own.kill('SIGKILL');
      await shows(/^! for \d+s: cannot reach/m);
      expect(screen()).toContain('> kept');
      await own.restart();
      await until('it is over', () => !screen().includes('cannot reach') && screen().includes('no queues'));
      await own.kill('SIGSTOP');
      press('q');
      await isClean(0);
    } finally {
      await own.stop();
    }
  });

  it('is an error before the screen is touched when Redis cannot be reached from the start', async () => {
    start([], { TSRQ_REDIS_URL: `redis://127.0.0.1:${await freePort()}` }, ['80', '24']);
    await isClean(69);
    expect(screen()).toContain('cannot reach Redis');
  });

  it('cannot be steered by what is in Redis', async () => {
    await client.sadd('rq:queues', 'rq:queue:evil\x1b[2J\x1b]0;title\x07name');
    await fail('mail', 'job', 'Error: \x1b[31mred\x1b[2J');
    await open();
    await shows('evil�[2J�]0;title�name');
    press('4', 'Enter');
    await shows('Error: �[31mred�[2J');
  });
});

import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runTsrq, startTsrq } from '../support/cli.js';
import { freshDir } from '../support/fresh-dir.js';
import { freshRedis, type FreshRedis } from '../support/fresh-redis.js';
import { put, statusOf, until } from '../support/rq.js';

const BIN = fileURLToPath(new URL('../../bin/tsrq.js', import.meta.url));
const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));

let { server, client, redis } = {} as FreshRedis;
freshRedis((fresh) => ({ server, client, redis } = fresh));
const dir = freshDir();
beforeAll(() => {});
afterAll(() => {});

const tsrq = (...args: string[]) => runTsrq(args, { url: server.url });
const linesOf = (text: string): string[] => text.split('\n').map((line) => line.replace(/^ *\S+Z /, ''));

describe.each(['process', 'none'])('a job that tells of itself (--isolation %s)', (isolation) => {
  it('leaves its progress in meta, and its log', async () => {
    await put(redis, 'count.telling', [3], { id: 'tells', queue: 'q', meta: { before: 1 } });
    await put(redis, 'count.telling', [1_500], { id: 'much', queue: 'q', serializer: 'pickle' });
    await put(redis, 'count.telling', [1], { id: 'brief', queue: 'q', resultTtlSeconds: 0 });
    await tsrq('worker', '--burst', '--isolation', isolation, '--path', JOBS, 'q');
    const { stdout } = await tsrq('job', 'show', 'tells');
    expect(stdout).toMatch(/^progress +100%$/m);
    expect(stdout).toMatch(/^meta +\{"before":1,"own":true,"progress":100\}$/m);
    const shown = linesOf(stdout);
    expect(shown.slice(shown.indexOf('log') + 1)).toEqual(['line 1', 'line 2', 'line 3', 'the end', 'indeed', '']);
    const much = linesOf((await tsrq('job', 'show', 'much')).stdout);
    expect(much.slice(much.indexOf('log') + 1)).toHaveLength(11);
    const all = JSON.parse((await tsrq('job', 'show', '--logs', '--json', 'much')).stdout) as {
      jobs: { log: { text: string }[]; progress: object }[];
    };
    expect(all.jobs[0]?.log).toHaveLength(1_000);
    expect(all.jobs[0]?.log[0]?.text).toBe('line 503');
    expect(all.jobs[0]?.progress).toEqual({ percent: 100, text: null });
    expect(await client.exists('rq:tsrq:log:brief')).toBe(0);
  });

  it('is watched line by line until it has ended', async () => {
    const file = join(dir, isolation);
    const worker = startTsrq(['worker', '--isolation', isolation, '--path', JOBS, 'q'], { url: server.url });
    await worker.waitFor('listening on');
    await put(redis, 'count.telling', [2, file], { id: 'tells', queue: 'q' });
    const watching = startTsrq(['job', 'show', '--watch', 'tells'], { url: server.url });
    await watching.waitFor('progress: 42% half way');
    expect(await statusOf(client, 'tells')).toBe('started');
    writeFileSync(file, '');
    const { code, stdout } = await watching.exited;
    expect(code).toBe(0);
    const told = linesOf(stdout).filter((line) => line !== 'status: queued');
    expect(told.slice(-5)).toEqual(['progress: 100%', 'the end', 'indeed', 'status: finished', '']);
    expect(told).toContain('status: started');
    worker.kill('SIGTERM');
    await worker.exited;
  });
});

it('job show --watch exits 1 for a job that fails or does not exist, 130 at Ctrl-C, 2 for several', async () => {
  await put(redis, 'count.boom', ['no luck'], { id: 'bad', queue: 'q' });
  const watching = startTsrq(['job', 'show', '--watch', 'bad'], { url: server.url });
  await watching.waitFor('status: queued');
  await tsrq('worker', '--burst', '--path', JOBS, 'q');
  expect(await watching.exited).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('status: failed: TypeError: no luck') as string,
  });
  expect((await tsrq('job', 'show', '--watch', 'nobody')).code).toBe(1);
  expect((await tsrq('job', 'show', '--watch', 'bad', 'nobody')).code).toBe(2);
  await put(redis, 'count.add', [], { id: 'waits', queue: 'q' });
  const waiting = startTsrq(['job', 'show', '--watch', 'waits'], { url: server.url });
  await waiting.waitFor('status: queued');
  waiting.kill('SIGINT');
  expect((await waiting.exited).code).toBe(130);
});

const hasTmux = spawnSync('tmux', ['-V']).status === 0;

it.skipIf(!hasTmux)('job show --watch redraws in place on a terminal, and leaves the job as it ended', async () => {
  const file = join(dir, 'terminal');
  const socket = `/tmp/tsrq-test-watch-${process.pid}.tmux`;
  const tmux = (...args: string[]): string =>
    execFileSync('tmux', ['-S', socket, '-f', '/dev/null', ...args], { encoding: 'utf8' });
  const screen = (): string => tmux('capture-pane', '-p', '-t', 't');
  const worker = startTsrq(['worker', '--path', JOBS, 'q'], { url: server.url });
  await worker.waitFor('listening on');
  await put(redis, 'count.telling', [2, file], { id: 'tells', queue: 'q' });
  try {
    const command = `${process.execPath} ${BIN} job show --watch --url ${server.url} tells; echo "code $?"; cat`;
    tmux('new-session', '-d', '-s', 't', '-x', '100', '-y', '40', command);
    await until('it is drawn', () => /████████·+ 42% half way/.test(screen()));
    expect(screen()).toMatch(/^status +started$/m);
    expect(screen()).toMatch(/Z line 2$/m);
    writeFileSync(file, '');
    await until('it has ended', () => screen().includes('code 0'));
    expect(screen()).toMatch(/^status +finished$/m);
    expect(screen()).toMatch(/Z indeed$/m);
  } finally {
    spawnSync('tmux', ['-S', socket, 'kill-server']);
  }
  worker.kill('SIGTERM');
  await worker.exited;
});

it('a job that has lost its lease leaves no log behind', async () => {
  const file = join(dir, 'lost');
  const worker = startTsrq(['worker', '--path', JOBS, 'q'], { url: server.url });
  await worker.waitFor('listening on');
  await put(redis, 'count.telling', [1, file], { id: 'tells', queue: 'q' });
  await until('it has told something', async () => (await client.exists('rq:tsrq:log:tells')) === 1);
  expect((await tsrq('job', 'delete', 'tells')).code).toBe(0);
  writeFileSync(file, '');
  worker.kill('SIGTERM');
  await worker.exited;
  expect(await client.keys('*tells*')).toEqual(['rq:tsrq:enqueued:tells']);
});

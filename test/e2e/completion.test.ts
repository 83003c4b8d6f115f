import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { processCli } from '../../src/cli/context.js';
import { buildProgram, COMMAND_NAMES } from '../../src/cli/program.js';
import { cleanEnv, runTsrq } from '../support/cli.js';
import { freshRedis, type FreshRedis } from '../support/fresh-redis.js';
import { freePort } from '../support/redis.js';
import { put, until } from '../support/rq.js';

const BIN = fileURLToPath(new URL('../../bin/tsrq.js', import.meta.url));

let { server, client, redis } = {} as FreshRedis;
freshRedis((fresh) => ({ server, client, redis } = fresh));

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tsrq-test-completion-'));
  writeFileSync(join(dir, 'tsrq'), `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`);
  chmodSync(join(dir, 'tsrq'), 0o755);
  writeFileSync(join(dir, 'my file.json'), '{}');
});
afterAll(() => {
  rmSync(dir, { recursive: true });
});

const env = (url: string) => ({ ...cleanEnv(), PATH: `${dir}:${process.env['PATH'] ?? ''}`, TSRQ_REDIS_URL: url });
const isThere = (program: string, ...args: string[]): boolean =>
  spawnSync(program, args.length > 0 ? args : ['-c', 'true']).status === 0;

/** What may come next, as the shells are told it. */
async function words(...typed: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await runTsrq(['completion', '--words', '--', ...typed], { url: server.url });
  expect([code, stderr]).toEqual([0, '']);
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split('\t')[0] ?? '');
}

/** What bash puts into COMPREPLY when the tab key is pressed at the end of the line. */
async function bash(line: string, url = server.url): Promise<string[]> {
  const script = `COMP_WORDBREAKS=$' \\t\\n"\\'><=;|&(:'; eval "$(tsrq completion bash)"
COMP_LINE=$1 COMP_POINT=\${#1}; _tsrq; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = await promisify(execFile)('bash', ['--norc', '-c', script, 'bash', line], {
    env: env(url),
    cwd: dir,
  });
  expect(stderr).toBe('');
  return stdout.split('\n').filter((word) => word !== '');
}

describe('completion', () => {
  it.each(COMMAND_NAMES)('of %s offers every option that its --help shows', async (name) => {
    const program = await buildProgram([name], processCli());
    const command = program.commands.find((each) => each.name() === name);
    const shown = (command?.options ?? []).filter((option) => !option.hidden).map((option) => option.long);
    expect(shown.length).toBeGreaterThan(6);
    expect(await words(name, '--')).toEqual(expect.arrayContaining(shown));
    expect(await words(name, '-')).toEqual(expect.arrayContaining(shown));
  });

  it('offers every command, and what goes with each place', async () => {
    expect((await words('')).sort()).toEqual([...COMMAND_NAMES].sort());
    expect(await words('--json', 'wor')).toEqual(['worker', 'workers', 'worker-pool'].sort());
    expect(await words('worker', '--isolation', '')).toEqual(['process', 'none']);
    expect(await words('tail', '--outcome=st')).toEqual(['--outcome=started', '--outcome=stopped']);
    expect(await words('job', 's')).toEqual(['show', 'stop']);
    expect(await words('job', 'cancel', '--url', 'x', '--enq')).toEqual(['--enqueue-dependents']);
    expect(await words('worker', '--jobs', '')).toEqual([':files']);
    expect(await words('suspend', '')).toEqual([]);
    expect(await words('nonsense', '')).toEqual([]);
  });

  it('offers queues, workers and jobs of Redis', async () => {
    await put(redis, 'a.b', [], { id: 'waits', queue: 'mail' });
    await put(redis, 'a.b', [], { id: 'wanders', queue: 'web:fast' });
    await client.zadd('rq:failed:mail', 1e12, 'wrecked');
    await client.zadd('rq:wip:mail', 1e12, 'works:0123');
    await client.sadd('rq:workers', 'rq:worker:one', 'rq:worker:two');
    expect(await words('worker', 'mail', '')).toEqual(['mail', 'web:fast']);
    expect(await words('enqueue', '-q', 'w')).toEqual(['web:fast']);
    expect(await words('requeue', '--queue=m')).toEqual(['--queue=mail']);
    expect((await words('job', 'cancel', 'w')).sort()).toEqual(['waits', 'wanders', 'works', 'wrecked']);
    expect(await words('requeue', '')).toEqual(['wrecked']);
    expect(await words('workers', 'stop', 't')).toEqual(['two']);
    expect(await words('health', '--worker', '')).toEqual(['one', 'two']);
    expect(await words('info', '--connection', '')).toEqual(['default']);
  });

  it('is bounded, and silent without Redis and with a configuration that is wrong', async () => {
    await client.sadd('rq:queues', ...Array.from({ length: 1_000 }, (_, i) => `rq:queue:q${i}`));
    expect(await words('info', '')).toHaveLength(200);
    const away = { url: `redis://127.0.0.1:${await freePort()}` };
    for (const options of [away, { url: 'nonsense' }]) {
      const silent = { code: 0, stdout: '', stderr: '' };
      expect(await runTsrq(['completion', '--words', '--', 'info', ''], options)).toMatchObject(silent);
    }
    // A Redis that hangs keeps nobody waiting.
    await server.kill('SIGSTOP');
    expect(await words('info', '')).toEqual([]);
    await server.kill('SIGCONT');
  });

  it.each([['completion'], ['completion', 'tcsh'], ['completion', 'bash', 'zsh']])(
    '%s %s is a usage error',
    async (...args) => {
      expect((await runTsrq(args.filter((word) => word !== ''))).code).toBe(2);
    },
  );
});

describe('in bash', () => {
  it('completes commands, options and names, also with colons in them', async () => {
    await put(redis, 'a.b', [], { queue: 'web:fast' });
    expect((await bash('tsrq work')).sort()).toEqual(['worker', 'worker-pool', 'workers']);
    expect(await bash('tsrq worker --iso')).toEqual(['--isolation']);
    expect(await bash('tsrq worker --isolation=')).toEqual(['process', 'none']);
    expect(await bash('tsrq worker web')).toEqual(['web:fast']);
    // Readline replaces only what follows the colon.
    expect(await bash('tsrq worker web:f')).toEqual(['fast']);
    expect(await bash('tsrq info --config my')).toEqual(['my file.json']);
    expect(await bash('tsrq info ', `redis://127.0.0.1:${await freePort()}`)).toEqual([]);
  });

  it('evaluates no name that somebody has chosen', async () => {
    for (const name of ['$(touch owned)', '`touch owned`', 'a b', ';touch owned'])
      await client.sadd('rq:queues', `rq:queue:${name}`);
    const replies = await bash('tsrq info ');
    expect(replies).toHaveLength(4);
    // What is offered is quoted: read back as a word it is the name.
    const { stdout } = await promisify(execFile)(
      'bash',
      ['-c', `printf '%s\\n' ${replies.join(' ')}; ls owned 2>&1 || true`],
      { cwd: dir },
    );
    expect(stdout).toContain('$(touch owned)\n');
    expect(stdout).toMatch(/No such file/);
  });
});

/** What is typed, and what is on the line after the tab key, as zsh and fish write it. */
const TYPED = [
  ['tsrq enq', 'tsrq enqueue'],
  ['tsrq worker --isol', 'tsrq worker --isolation'],
  ['tsrq worker --isolation=pro', 'tsrq worker --isolation=process'],
  ['tsrq worker web', 'tsrq worker web:fast'],
  ['tsrq worker web:f', 'tsrq worker web:fast'],
  ['tsrq worker two', 'tsrq worker two\\ words'],
  ["tsrq worker 'two ", "tsrq worker 'two words'"],
  ['tsrq worker back', 'tsrq worker back\\\\slash'],
  ['tsrq requeue --queue=we', 'tsrq requeue --queue=web:fast'],
  ['tsrq job show wai', 'tsrq job show waits'],
  ['tsrq info --config my', 'tsrq info --config my\\ file.json'],
] as const;

async function fillQueues(): Promise<void> {
  await put(redis, 'a.b', [], { id: 'waits', queue: 'web:fast' });
  await client.sadd('rq:queues', 'rq:queue:two words', 'rq:queue:back\\slash', 'rq:queue:$(touch owned)');
}

it.runIf(isThere('zsh') && isThere('tmux', '-V'))(
  'zsh completes commands, options, queues, jobs and files when the tab key is pressed',
  async () => {
    await fillQueues();
    const socket = join(dir, 'zsh.tmux');
    const tmux = (...args: string[]): string =>
      spawnSync('tmux', ['-S', socket, '-f', '/dev/null', ...args], {
        ...{ encoding: 'utf8', cwd: dir, env: { ...env(server.url), TERM: 'xterm-256color' } },
      }).stdout;
    const shows = (line: string): Promise<void> =>
      until(`zsh shows ${line}`, () => tmux('capture-pane', '-p', '-t', 't').split('\n').includes(line));
    try {
      tmux('new-session', '-d', '-x', '100', '-y', '40', '-s', 't', 'zsh', '-f', '-i');
      const prepare =
        "autoload -U compinit; compinit -u -d ./zcompdump; source <(tsrq completion zsh); PS1='> '; echo re''ady";
      tmux('send-keys', '-t', 't', prepare, 'Enter');
      await shows('ready');
      for (const [i, [typed, completed]] of TYPED.entries()) {
        tmux('send-keys', '-t', 't', '-l', typed);
        tmux('send-keys', '-t', 't', 'Tab');
        await shows(`> ${completed}`);
        tmux('send-keys', '-t', 't', 'C-c');
        tmux('send-keys', '-t', 't', `clear; echo next''${i}`, 'Enter');
        await shows(`next${i}`);
      }
      // Several that fit are listed, with what they are.
      tmux('send-keys', '-t', 't', '-l', 'tsrq work');
      tmux('send-keys', '-t', 't', 'Tab', 'Tab');
      await shows('worker       -- take jobs from queues and run them');
    } finally {
      tmux('kill-server');
    }
  },
);

it.runIf(isThere('fish'))('fish completes commands, options, queues, jobs and files', async () => {
  await fillQueues();
  const script =
    'tsrq completion fish | source; for line in $argv; complete -C "$line" | string join \\n; echo end; end';
  const lines = [...TYPED.map(([typed]) => typed), 'tsrq work', 'tsrq worker \\$'];
  const how = { env: env(server.url), cwd: dir };
  const { stdout } = await promisify(execFile)('fish', ['--no-config', '-c', script, ...lines], how);
  const answers = stdout.split('end\n').map((answer) => answer.split('\n').slice(0, -1));
  const last = (line: string): string =>
    line
      .slice('tsrq '.length)
      .replace(/\\(.)|'/g, '$1')
      .replace(/^(worker|job show|info --config|requeue) /, '');
  expect(answers.slice(0, TYPED.length).map(([first = '']) => first.split('\t')[0])).toEqual(
    TYPED.map(([, completed]) => last(completed)),
  );
  expect(answers[TYPED.length]?.toSorted()).toEqual([
    'worker\ttake jobs from queues and run them',
    "worker-pool\t`worker --concurrency N` under RQ's name",
    expect.stringMatching(/^workers\t/) as string,
  ]);
  expect(answers[TYPED.length + 1]).toEqual(['$(touch owned)']);
});

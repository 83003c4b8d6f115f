import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { cleanEnv, runTsrq, startTsrq, type CliProcess } from '../support/cli.js';
import { docBlocks } from '../support/doc-blocks.js';
import { freshRedis, type FreshRedis } from '../support/fresh-redis.js';
import { put, until } from '../support/rq.js';

/** The sessions of docs/operations.md, each in the situation that it is written for. */

const ROOT = new URL('../../', import.meta.url);
const TEXT = readFileSync(new URL('docs/operations.md', ROOT), 'utf8');
const JOBS = fileURLToPath(new URL('test/support/jobs', ROOT));

let { server, client, redis } = {} as FreshRedis;
freshRedis((fresh) => ({ server, client, redis } = fresh));

let bin: string;
beforeAll(() => {
  bin = mkdtempSync(join(tmpdir(), 'tsrq-test-operations-'));
  const script = `#!/bin/sh\nexec '${process.execPath}' '${fileURLToPath(new URL('bin/tsrq.js', ROOT))}' "$@"\n`;
  writeFileSync(join(bin, 'tsrq'), script, { mode: 0o755 });
});
afterAll(() => {
  rmSync(bin, { recursive: true, force: true });
});

let worker: CliProcess | null = null;
async function killWorker(): Promise<void> {
  worker?.kill('SIGKILL');
  await worker?.exited;
  worker = null;
}
afterEach(killWorker);

async function startWorker(): Promise<void> {
  worker = startTsrq(['worker', '-n', 'w1', '--path', JOBS, 'mail'], { url: server.url });
  await worker.waitFor('listening on');
}
const burst = () => runTsrq(['worker', '-b', '-n', 'w1', '--path', JOBS, 'mail'], { url: server.url });

const mail = (functionName: string, args: unknown[], more = {}): Promise<string> =>
  put(redis, functionName, args, { queue: 'mail', ...more });
const two = async (): Promise<void> => {
  for (const text of ['a', 'b']) await mail('count.words', [text]);
};
const long = async (): Promise<void> => {
  await startWorker();
  await mail('count.sleep', [60_000], { id: 'long1', timeoutSeconds: 10_800 });
  // What its worker has not begun is not lost with it.
  await worker?.waitFor('(long1) started');
};
/** The worker has died without a word, and its hash and the lease of its job are over. */
const dead = async (): Promise<void> => {
  await client.flushall();
  await long();
  await killWorker();
  await client.del('rq:worker:w1');
  for (const entry of await client.zrange('rq:wip:mail', '0', '-1')) await client.zadd('rq:wip:mail', '1', entry);
};
const failed = async (id: string, endedAgoSeconds: number): Promise<void> => {
  await mail('count.boom', ['x'], { id });
  await burst();
  const date = new Date(Date.now() - endedAgoSeconds * 1_000).toISOString();
  await client.hset(`rq:job:${id}`, 'ended_at', date.replace('Z', '000Z'));
};

/** By section, what must be there before each of its blocks. */
const SITUATIONS: Readonly<Record<string, readonly (() => Promise<unknown>)[]>> = {
  'Nothing is taken': [
    two,
    () => client.set('rq:suspended', '1'),
    async () => {
      await client.flushall();
      await client.zadd('rq:tsrq:paused', '+inf', 'mail');
      await startWorker();
      await two();
    },
    async () => {
      await until('they have run', async () => (await client.llen('rq:queue:mail')) === 0);
      expect((await runTsrq(['workers', 'quiet', 'w1'], { url: server.url })).code).toBe(0);
      await two();
    },
    async () => {
      await killWorker();
      await client.flushall();
      await long();
      const list = () => runTsrq(['workers', 'list'], { url: server.url });
      await until('it shows for how long', async () => /long1 +\d+s/.test((await list()).stdout));
    },
  ],
  'A job is started for ever': [
    long,
    () => Promise.resolve(),
    async () => {
      await killWorker();
      await client.del('rq:worker:w1');
    },
    dead,
  ],
  'Scheduled jobs do not move': [
    async () => {
      const id = await mail('count.words', ['a'], { schedule: { inSeconds: 60 } });
      await client.sadd('rq:queues', 'rq:queue:mail');
      await client.zadd('rq:scheduled:mail', Math.floor(Date.now() / 1_000) - 300, id);
    },
  ],
  'Deferred for ever': [
    async () => {
      await mail('count.boom', ['x'], { id: 'parent1' });
      await mail('count.words', ['a'], { id: 'child1', dependsOn: ['parent1'] });
      await burst();
    },
    () => Promise.resolve(),
  ],
  'It failed, and nobody knows why': [() => failed('bad1', 0)],
  'A worker shows busy, or is shown and gone': [() => client.sadd('rq:workers', 'rq:worker:w1')],
  "Redis's memory grows": [
    async () => {
      await failed('old', 60 * 86_400);
      await failed('new', 60);
      await client.config('SET', 'maxmemory', '1');
    },
  ],
};

interface Step {
  readonly command: string;
  readonly shown: string[];
}

/** A session: each command behind its `$`, and what it is said to print. */
function stepsOf(code: string): Step[] {
  const steps: Step[] = [];
  for (const line of code.trimEnd().split('\n')) {
    if (line.startsWith('$ ')) steps.push({ command: line.slice(2), shown: [] });
    else steps.at(-1)?.shown.push(line);
  }
  return steps;
}

/** Columns may be wider or narrower than on the page; `…` is anything within a line. */
const tidy = (line: string): string => line.trim().replace(/\s+/g, ' ');
function matches(shown: string, line: string): boolean {
  const parts = tidy(shown).split('…');
  return new RegExp(`^${parts.map((part) => part.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')).join('.*')}$`).test(
    tidy(line),
  );
}

/** Runs a command line, and checks that its lines hold those of the page in their order. */
function run({ command, shown }: Step): void {
  const env = {
    ...cleanEnv(),
    COLUMNS: '80',
    TSRQ_REDIS_URL: server.url,
    PATH: [bin, process.env['PATH']].join(delimiter),
  };
  const { stdout } = spawnSync('sh', ['-c', `${command} 2>&1`], { env, encoding: 'utf8', timeout: 30_000 });
  const lines = stdout.split('\n');
  let at = 0;
  for (const line of shown) {
    const found = lines.findIndex((printed, i) => i >= at && matches(line, printed));
    expect(found, `'${line}' is not what \`${command}\` prints:\n${stdout}`).toBeGreaterThanOrEqual(at);
    at = found + 1;
  }
}

describe('a job is stuck', () => {
  const blocks = docBlocks(TEXT).filter(({ language }) => language === 'console');

  it('every session of the page is run', () => {
    expect([...new Set(blocks.map(({ section }) => section))]).toEqual(Object.keys(SITUATIONS));
  });

  it.each(Object.entries(SITUATIONS))('%s', async (section, situations) => {
    const own = blocks.filter((block) => block.section === section);
    expect(own.length).toBe(situations.length);
    try {
      for (const [i, { code }] of own.entries()) {
        await situations[i]?.();
        for (const step of stepsOf(code)) run(step);
      }
      // What is told of full memory holds: the old failure is gone, the new one is not.
      if (section === "Redis's memory grows") expect(await client.zrange('rq:failed:mail', '0', '-1')).toEqual(['new']);
    } finally {
      await client.config('SET', 'maxmemory', '0');
    }
  });

  it('errors are called as the table calls them', async () => {
    const [, table = ''] = /\| The error \| means \|\n(.*?)\n\n/s.exec(TEXT) ?? [];
    const names = [...table.matchAll(/^\| `([^`]+)`/gm)].map(([, name]) => name);
    await dead();
    await mail('count.killed', [], { id: 'killed' });
    await mail('count.sleep', [60_000], { id: 'late', timeoutSeconds: 1 });
    await mail('no.such', [], { id: 'nowhere' });
    await burst();
    const errors = await Promise.all(
      ['long1', 'killed', 'late', 'nowhere'].map((id) => runTsrq(['job', 'show', id], { url: server.url })),
    );
    expect(names.length).toBe(errors.length);
    for (const [i, { stdout }] of errors.entries()) expect(stdout).toContain(names[i] ?? '?');
  });
});

it('what is typed in a bad night exists, and looks without being asked twice', async () => {
  const [, table = ''] = /## A bad night in one screen\n\n(.*?)\n\n/s.exec(TEXT) ?? [];
  const commands = [...table.matchAll(/^\| `tsrq ([^`]+)`/gm)].map(([, command = '']) => command.split(' '));
  expect(commands.length).toBeGreaterThan(5);
  // Two of them stay until they are told to go.
  const once = commands.filter(([name]) => name !== 'top' && name !== 'tail');
  const results = await Promise.all(once.map((args) => runTsrq(args, { url: server.url })));
  expect(results.map(({ code, stderr }) => ({ code, stderr }))).toEqual(once.map(() => ({ code: 0, stderr: '' })));
});

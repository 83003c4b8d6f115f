import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Redis as IoRedis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Redis } from '../../src/redis/redis.js';
import { cleanEnv, runTsrq, startTsrq, type CliProcess, type CliResult } from '../support/cli.js';
import { freePort, startRedis, type TestRedis } from '../support/redis.js';
import { producerTo, put, until } from '../support/rq.js';

const BIN = fileURLToPath(new URL('../../bin/tsrq.js', import.meta.url));
const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));

let server: TestRedis;
let client: IoRedis;
let redis: Redis;
let dir: string;
let worker: CliProcess | null = null;

beforeAll(async () => {
  server = await startRedis({ conf: { appendonly: 'yes' } });
  client = server.client();
  redis = producerTo(server.port);
  dir = mkdtempSync(join(tmpdir(), 'tsrq-test-doctor-'));
});
afterAll(async () => {
  redis.close();
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});
beforeEach(() => client.flushall());
afterEach(async () => {
  worker?.kill('SIGKILL');
  await worker?.exited;
  worker = null;
});

interface Document {
  readonly time: string;
  readonly redis: string;
  readonly findings: readonly {
    readonly connection: string;
    readonly id: string;
    readonly level: string;
    readonly message: string;
    readonly remedy: string | null;
  }[];
  readonly problems: number;
  readonly warnings: number;
}

const doctor = (...args: string[]): Promise<CliResult> => runTsrq(['doctor', ...args], { url: server.url });
const documentOf = ({ stdout }: CliResult): Document => JSON.parse(stdout) as Document;
const wrongOf = (result: CliResult): string[] =>
  documentOf(result).findings.flatMap(({ level, id }) => (level === 'ok' ? [] : [`${level} ${id}`]));

describe('tsrq doctor', () => {
  it('exits 0 and has nothing to say against a healthy Redis', async () => {
    const { code, stdout, stderr } = await doctor();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^ok {7}(Redis|Valkey) \d+/m);
    expect(stdout).not.toMatch(/^(warning|problem)/m);
    expect(stdout).toMatch(/\n\n0 problems, 0 warnings\n$/);
  });

  it('finds nothing wrong while workers are busy, however often and deeply it looks', async () => {
    await client.config('SET', 'stream-node-max-bytes', '256');
    worker = startTsrq(['worker', '--path', JOBS, '--concurrency', '4', '--with-scheduler', 'high', 'low'], {
      url: server.url,
    });
    await worker.waitFor('listening on');
    const enough = new AbortController();
    const producing = (async () => {
      for (let i = 0; !enough.signal.aborted; i += 1) {
        const queue = i % 2 === 0 ? 'high' : 'low';
        await until('there is room', async () => (await client.llen(`rq:queue:${queue}`)) < 50);
        await put(redis, 'count.sleep', [i % 7], { queue, ...(i % 3 === 0 ? { resultTtlSeconds: 0 } : {}) });
        if (i % 50 === 0) await put(redis, 'count.boom', ['x'], { queue });
      }
    })();
    try {
      for (let look = 0; look < 5; look += 1) {
        const result = await doctor('--deep', '--json');
        expect(wrongOf(result)).toEqual([]);
        expect(result.code).toBe(0);
      }
      await until('jobs have ended meanwhile', async () => (await client.zcard('rq:finished:low')) > 50);
    } finally {
      enough.abort();
      await producing;
    }
  });

  it('exits 0 at warnings alone, and prints each with its remedy', async () => {
    await put(redis, 'a.b', [], { queue: 'mail' });
    const { code, stdout } = await doctor();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^warning {2}no live worker .*: mail \(1\)\n {9}→ start a worker: `tsrq worker mail`$/m);
    expect(stdout).toMatch(/\n0 problems, 1 warning\n$/);
  });

  it('exits 1 at a problem', async () => {
    await client.set('rq:queues', 'a string');
    const { code, stdout, stderr } = await doctor();
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(stdout).toMatch(/^problem {2}.*rq:queues is a string, no set\n {9}→ /m);
    expect(stdout).toMatch(/\n1 problem, 0 warnings\n$/);
  });

  it('leaves out what is well with --quiet', async () => {
    await client.set('rq:suspended', '1');
    const { stdout } = await doctor('--quiet');
    expect(stdout).toMatch(/^warning {2}suspended .*\n {9}→ `tsrq resume`\n\n0 problems, 1 warning\n$/);
  });

  it('looks for orphaned jobs with --deep', async () => {
    await client.hset('rq:job:lost', { status: 'queued', origin: 'q' });
    expect((await doctor()).code).toBe(0);
    const { code, stdout } = await doctor('--deep');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^problem .*q \(1\): lost$/m);
  });

  it('prints one JSON document with --json, with the same exit codes', async () => {
    await client.zadd('rq:wip:q', 1, 'a:e1');
    await client.sadd('rq:queues', 'rq:queue:q');
    await client.set('rq:suspended', '1');
    const result = await doctor('--json');
    const document = documentOf(result);
    expect(result.code).toBe(1);
    expect(result.stdout.trimEnd()).not.toContain('\n');
    expect(document).toMatchObject({ redis: server.url, problems: 1, warnings: 1 });
    expect(document.time).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
    expect(wrongOf(result)).toEqual(['warning suspended', 'problem overdue-leases']);
    for (const finding of document.findings) {
      expect(finding).toMatchObject({ connection: 'default', message: expect.any(String) as string });
      expect(finding.id).toMatch(/^[a-z]+(-[a-z]+)*$/);
      if (finding.level !== 'ok') expect(finding.remedy).toEqual(expect.any(String));
    }
  });

  it('shows several connections under their names, and what could be seen when one cannot be reached', async () => {
    const port = await freePort();
    const config = (other: string): string => {
      const file = join(dir, 'several.json');
      const connections = {
        redis: { url: server.url },
        connections: { mail: other },
        queueConnections: { email: 'mail' },
      };
      writeFileSync(file, JSON.stringify(connections));
      return file;
    };
    const other = await startRedis();
    try {
      const shown = await runTsrq(['doctor', '--config', config(other.url)]);
      expect(shown.code).toBe(0);
      expect(shown.stdout).toMatch(/^default \(redis:.*\)\n(.*\n)+\nmail \(redis:.*\)\n(.*\n)*warning {2}neither /m);
      const json = await runTsrq(['doctor', '--json', '--config', config(other.url)]);
      expect(new Set(documentOf(json).findings.map(({ connection }) => connection))).toEqual(
        new Set(['default', 'mail']),
      );
    } finally {
      await other.stop();
    }
    const { code, stdout, stderr } = await runTsrq(['doctor', '--config', config(`redis://127.0.0.1:${port}`)]);
    expect(code).toBe(69);
    expect(stdout).toMatch(/^ok .*\n/);
    expect(stderr).toContain(`127.0.0.1:${port}`);
  });

  it('exits 69 without a Redis and with a wrong password, 2 at a wrong option', async () => {
    const port = await freePort();
    const away = await runTsrq(['doctor', '--json'], { url: `redis://127.0.0.1:${port}` });
    expect(away).toMatchObject({ code: 69, stdout: '' });
    const refused = await runTsrq(['doctor'], { url: `redis://who:wrong@127.0.0.1:${server.port}` });
    expect(refused).toMatchObject({ code: 69, stdout: '' });
    expect(refused.stderr).not.toContain('wrong@');
    expect((await doctor('--thorough')).code).toBe(2);
  });

  it('says what a user may not look at, and goes on', async () => {
    await client.call('ACL', 'SETUSER', 'limited', 'on', '>secret', '~rq:*', '+@all', '-config', '-dbsize', '&*');
    const url = `redis://limited:secret@127.0.0.1:${server.port}`;
    const { code, stdout, stderr } = await runTsrq(['doctor', '--deep'], { url });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^warning {2}stream-node-size could not be looked at: NOPERM/m);
    expect(stdout).toMatch(/^ok {7}every job that waits or runs/m);
  });

  it('ends quietly when its reader has gone, and writes no colour into a pipe', () => {
    const script = `"${process.execPath}" "${BIN}" doctor | head -n 1`;
    const { stdout, stderr } = spawnSync('bash', ['-c', script], {
      env: { ...cleanEnv(), TSRQ_REDIS_URL: server.url },
      encoding: 'utf8',
      timeout: 30_000,
    });
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^ok {7}\w+ [\d.]+\n$/);
  });
});

describe('tsrq doctor --fix', () => {
  const hurt = async (): Promise<void> => {
    await client.sadd('rq:workers', 'rq:worker:ghost');
    await client.sadd('rq:queues', 'alien');
  };

  it('with --yes does all that it can, tells each, and a second run finds nothing to do', async () => {
    await hurt();
    const { code, stdout, stderr } = await doctor('--fix', '--yes');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^ghost-workers: 1 workers were forgotten$/m);
    expect(stdout).toMatch(/^alien-members: 1 members were removed$/m);
    expect((await doctor('--fix', '-y')).stdout).toMatch(/0 warnings\nNothing was changed\.\n$/);
  });

  it('with --json tells what was done, and what is found behind it', async () => {
    await hurt();
    const { code, stdout } = await doctor('--fix', '--yes', '--json');
    const document = JSON.parse(stdout) as Document & { fixed: { id: string; kind: string }[] };
    expect([code, document.warnings]).toEqual([0, 0]);
    expect(document.fixed.map(({ id, kind }) => [id, kind])).toEqual([
      ['alien-members', 'remove-members'],
      ['ghost-workers', 'forget-workers'],
    ]);
  });

  it('asks nothing and does nothing without a terminal; --yes without --fix is refused too', async () => {
    await hurt();
    for (const args of [['--fix'], ['--yes'], ['--fix', '--json']]) {
      const { code, stdout } = await doctor(...args);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    }
    expect(await client.scard('rq:queues')).toBe(1);
  });

  it.runIf(spawnSync('tmux', ['-V']).status === 0)('does on a terminal only what is answered with yes', async () => {
    await hurt();
    const socket = `/tmp/tsrq-test-fix-${process.pid}.tmux`;
    const tmux = (...args: string[]): string =>
      spawnSync('tmux', ['-S', socket, '-f', '/dev/null', ...args], {
        encoding: 'utf8',
        env: { ...cleanEnv(), TERM: 'xterm-256color', TSRQ_REDIS_URL: server.url },
      }).stdout;
    const shows = (text: string): Promise<void> =>
      until(`the screen shows ${text}`, () => tmux('capture-pane', '-p', '-t', 't').includes(text));
    const command = `"${process.execPath}" "${BIN}" doctor --quiet --fix; echo "exit $?"; exec sleep 60`;
    try {
      tmux(...['new-session', '-d', '-x', '150', '-y', '40', '-s', 't', 'sh', '-c', command]);
      await shows('take the members that are none out of the sets? [y/N]');
      tmux('send-keys', '-t', 't', 'n', 'Enter');
      await shows('forget the workers that are gone? [y/N]');
      tmux('send-keys', '-t', 't', 'y', 'Enter');
      await shows('exit 0');
      expect([await client.scard('rq:queues'), await client.scard('rq:workers')]).toEqual([1, 0]);
    } finally {
      tmux('kill-server');
      rmSync(socket, { force: true });
    }
  });
});

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Redis as IoRedis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Redis } from '../../src/redis/redis.js';
import { runTsrq, startTsrq, type CliProcess, type CliResult } from '../support/cli.js';
import { startProxy } from '../support/proxy.js';
import { freePort, startRedis, type TestRedis } from '../support/redis.js';
import { producerTo, put, statusOf, until } from '../support/rq.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));
/** Has what must be encoded in a URL; any of its words is enough to know it by, encoded or not. */
const PASSWORD = 'geheim/kennwort@losung %41';
const SECRET = /geheim|kennwort|losung/i;
const USER = 'somebody';

let server: TestRedis;
let client: IoRedis;
let redis: Redis;
let dir: string;
let worker: CliProcess | null = null;

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
  redis = producerTo(server.port);
  dir = mkdtempSync(join(tmpdir(), 'tsrq-test-secrets-'));
  await client.call('ACL', 'SETUSER', USER, 'on', `>${PASSWORD}`, '~*', '&*', '+@all');
});
beforeEach(async () => {
  await client.flushall();
});
afterEach(async () => {
  worker?.kill('SIGKILL');
  await worker?.exited;
  worker = null;
});
afterAll(async () => {
  redis.close();
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

interface Place {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

let files = 0;

function file(name: string, content: string): string {
  files += 1;
  const path = join(dir, `${files}-${name}`);
  writeFileSync(path, content);
  return path;
}
const configFile = (content: unknown): Place => ({
  args: ['--config', file('config.json', JSON.stringify(content))],
  env: {},
});

/** Every place that a password can be told at. */
const PLACES: Readonly<Record<string, (port: number, password: string) => Place>> = {
  'in --url': (port, password) => ({ args: ['--url', urlOf(port, password)], env: {} }),
  'in the query of --url': (port, password) => ({
    args: ['--url', `redis://127.0.0.1:${port}/0?username=${USER}&password=${encodeURIComponent(password)}`],
    env: {},
  }),
  'in TSRQ_REDIS_URL': (port, password) => ({ args: [], env: { TSRQ_REDIS_URL: urlOf(port, password) } }),
  'in REDIS_PASSWORD': (port, password) => ({
    args: [],
    env: { REDIS_HOST: '127.0.0.1', REDIS_PORT: String(port), REDIS_USERNAME: USER, REDIS_PASSWORD: password },
  }),
  'in a URL of the configuration file': (port, password) => configFile({ redis: { url: urlOf(port, password) } }),
  'in the configuration file': (port, password) =>
    configFile({ redis: { host: '127.0.0.1', port, username: USER, password } }),
  'in a file': (port, password) =>
    configFile({ redis: { host: '127.0.0.1', port, username: USER, passwordFile: file('password', `${password}\n`) } }),
};
const urlOf = (port: number, password: string): string =>
  `redis://${USER}:${encodeURIComponent(password)}@127.0.0.1:${port}/0`;

function tsrq(place: Place, ...args: string[]): Promise<CliResult> {
  return runTsrq([...args, ...place.args], { env: place.env, cwd: dir });
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

function processes(): Process[] {
  if (process.platform !== 'linux') {
    const rows = execFileSync('ps', ['-Aww', '-o', 'pid=,ppid=,args=']).toString().split('\n');
    return rows.map((row) => {
      const [, pid, parent, command = ''] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(row) ?? [];
      return { pid: Number(pid), parent: Number(parent), command };
    });
  }
  return readdirSync('/proc').flatMap((pid) => {
    try {
      const parent = /^\d+ \(.*\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1];
      return [{ pid: Number(pid), parent: Number(parent), command: readFileSync(`/proc/${pid}/cmdline`, 'utf8') }];
    } catch {
      // No process, or gone meanwhile.
      return [];
    }
  });
}

/** The command lines of all that the process has started, and what those have. */
function descendants(pid: number, all = processes()): string[] {
  return all
    .filter((candidate) => candidate.parent === pid)
    .flatMap((child) => [child.command, ...descendants(child.pid, all)]);
}

/** Everything in Redis that tsrq has written, and what it says of its connections. */
async function seenInRedis(): Promise<string> {
  const parts = [(await client.call('CLIENT', 'LIST')) as string];
  for (const key of await client.keys('*')) {
    parts.push(key);
    const type = await client.type(key);
    if (type === 'hash') parts.push(JSON.stringify(await client.hgetall(key)));
    if (type === 'string') parts.push((await client.get(key)) ?? '');
    if (type === 'stream') parts.push(JSON.stringify(await client.xrange(key, '-', '+')));
  }
  return parts.join('\n');
}

describe.each(Object.entries(PLACES))('a password %s', (where, placed) => {
  it.each(['pretty', 'json', 'logfmt'])(
    'is in no line of a worker that logs everything as %s, not in Redis, not in the command lines of work horses',
    async (format) => {
      const { args, env } = placed(server.port, PASSWORD);
      const flags = ['-v', '--log-format', format, '--path', JOBS, '--with-scheduler'];
      worker = startTsrq(['worker', ...flags, ...args, 'q'], { env, cwd: dir });
      await worker.waitFor('listening on');
      const bad = await put(redis, 'count.boom', ['x'], { queue: 'q' });
      const nowhere = await put(redis, 'nowhere.fn', [], { queue: 'q' });
      const long = await put(redis, 'count.sleep', [60_000], { queue: 'q' });
      await until('the last job runs', async () => (await statusOf(client, long)) === 'started');
      expect(await Promise.all([bad, nowhere].map((id) => statusOf(client, id)))).toEqual(['failed', 'failed']);
      const horses = descendants(worker.pid);
      expect(horses.join('\n')).toContain('entry.js');
      expect(horses.join('\n')).not.toMatch(SECRET);
      const seen = await seenInRedis();
      expect(seen).toContain(`user=${USER}`);
      expect(seen).not.toMatch(SECRET);
      await client.call('CLIENT', 'KILL', 'USER', USER);
      worker.kill('SIGUSR2');
      await worker.waitFor('count.sleep');
      worker.kill('SIGTERM');
      await worker.waitFor('Stopping');
      expect(worker.stdout() + worker.stderr()).not.toMatch(SECRET);
    },
  );

  it('is in no error message: refused, unreachable, wrong', async () => {
    const proxy = await startProxy(server.port);
    proxy.blackhole();
    const cases = [
      [placed(await freePort(), PASSWORD), /ECONNREFUSED/],
      [placed(proxy.port, PASSWORD), /within \d+ m?s/],
      [placed(server.port, `${PASSWORD}!`), /WRONGPASS/],
    ] as const;
    const commands = [
      ['info', '-v'],
      ['worker', '-v', '--burst', '--connect-timeout', '1'],
    ];
    const checks = cases.flatMap(([place, reason]) =>
      commands.map(async (command) => {
        const { code, stdout, stderr } = await tsrq(place, ...command);
        expect(code, stderr).toBe(69);
        expect(stdout + stderr).toMatch(reason);
        expect(stdout + stderr).not.toMatch(SECRET);
      }),
    );
    await Promise.all(checks);
    await proxy.stop();
  });

  it('is not in `tsrq config`, which shows that there is one', async () => {
    const place = placed(server.port, PASSWORD);
    for (const form of [[], ['--json', '-v']]) {
      const { code, stdout, stderr } = await tsrq(place, 'config', ...form);
      expect(code, stderr).toBe(0);
      expect(stdout).toMatch(where === 'in a file' ? /passwordFile/ : /\*{6}/);
      expect(stdout + stderr).not.toMatch(SECRET);
    }
  });

  it('a private key that an address names is not in `tsrq config`, a certificate is by its first line', async () => {
    const key = file('key.pem', '-----BEGIN PRIVATE KEY-----\ngeheim\n-----END PRIVATE KEY-----\n');
    const cert = file('cert.pem', '-----BEGIN CERTIFICATE-----\nMIID\n-----END CERTIFICATE-----\n');
    const address = `rediss://h?ssl_keyfile=${key}&ssl_certfile=${cert}&ssl_cert_reqs=none`;
    const shown = await runTsrq(['config', '--url', address]);
    expect(shown.stdout).toMatch(
      /redis\.tls +\{"cert":"-----BEGIN CERTIFICATE----- …","key":"\*{6}","rejectUnauthorized":false\}/,
    );
    for (const { stdout, stderr } of [shown, await runTsrq(['config', '--json', '--url', address])])
      expect(`${stdout}${stderr}`).not.toMatch(SECRET);
  });

  it('is not in the problems of a configuration that is wrong elsewhere', async () => {
    const { args, env } = placed(server.port, PASSWORD);
    const { code, stdout, stderr } = await tsrq({ args, env: { ...env, TSRQ_CONCURRENCY: 'many' } }, 'worker', '-v');
    expect(code, stderr).toBe(6);
    expect(stderr).toContain('TSRQ_CONCURRENCY');
    expect(stdout + stderr).not.toMatch(SECRET);
  });

  it('is in nothing that the other commands print', async () => {
    const place = placed(server.port, PASSWORD);
    const commands = [
      ['enqueue', 'count.words', 'a b'],
      ['info', '--json'],
      ['requeue', '--all'],
      ['empty', '--all', '--yes'],
    ];
    for (const command of commands) {
      const { code, stdout, stderr } = await tsrq(place, ...command, '-v');
      expect(code, stderr).toBe(0);
      expect(stdout + stderr).not.toMatch(SECRET);
    }
  });
});

describe('a password that was written wrongly', () => {
  it.each([
    ['unencoded', 'redis://somebody:geheim/kennwort@losung@127.0.0.1:1/0'],
    ['as the user', 'redis://geheim@127.0.0.1:x/0'],
    ['without a scheme', 'somebody:geheim@127.0.0.1:6379'],
    ['with a scheme that is none', 'reddis://somebody:geheim@127.0.0.1'],
    ['with a space', 'redis://somebody:geheim kennwort@127.0.0.1:99999'],
    ['with a quotation mark', 'redis://somebody:ge"heim\'kennwort@127.0.0.1:99999'],
    ['with a newline', 'redis://somebody:geheim\nkennwort@127.0.0.1:99999'],
    ['with a percent sign', 'redis://somebody:geheim%zz@127.0.0.1'],
    ['in the query under a wrong name', 'redis://127.0.0.1/0?passwd=geheim'],
    ['in the query twice', 'redis://127.0.0.1/x?password=geheim&password=kennwort'],
    ['for a sentinel', 'redis+sentinel://:geheim@h:x/mymaster'],
    ['for the sentinels', 'redis+sentinel://h/mymaster/x?sentinel_password=geheim'],
    ['for a socket', 'unix://:geheim@/run/redis.sock?db=x'],
  ])('%s is not shown by what refuses it, wherever it stands', async (_how, url) => {
    const places: Place[] = [
      { args: ['--url', url], env: {} },
      { args: [], env: { TSRQ_REDIS_URL: url } },
      configFile({ redis: { url }, connections: { one: url, other: { url } }, queueConnections: { q: 'other' } }),
    ];
    for (const { code, stdout, stderr } of await Promise.all(places.map((place) => tsrq(place, 'info', '-v')))) {
      expect(code, stdout + stderr).toBe(6);
      expect(stdout + stderr).not.toMatch(SECRET);
    }
  });

  it.each([
    ['a value of a wrong type', { redis: { password: ['geheim'] } }],
    ['an unknown key', { redis: { pasword: 'geheim' } }],
    ['an unknown section', { rediss: { url: 'redis://:geheim@h', password: 'geheim' } }],
    ['a number', { redis: { host: 'h', port: 'x', password: 'geheim' } }],
    ['a queue that leads to it', { queueConnections: { q: 'redis://:geheim@h:x/' } }],
    ['a file that is not there', { redis: { password: 'geheim', tls: { ca: '/nowhere/ca.pem' } } }],
    ['a sentinel', { sentinel: { instances: 'h', password: 'geheim', sentinelPassword: 7 } }],
    [
      "RQ's dictionary",
      { SENTINEL: { INSTANCES: 'x', PASSWORD: 'geheim', SENTINEL_KWARGS: { password: 'kennwort' } } },
    ],
    ["RQ's setting", { REDIS_URL: 'redis://:geheim@h:x', REDIS_PASSWORD: 'kennwort', REDIS_PORT: 'x' }],
  ])('in a configuration file with %s is not shown', async (_what, content) => {
    const { code, stdout, stderr } = await tsrq(configFile(content), 'config', '-v');
    expect(code, stdout + stderr).toBe(6);
    expect(stdout + stderr).not.toMatch(SECRET);
  });
});

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadSettings } from '../../../src/config/load.js';
import type { FlagValues, Settings } from '../../../src/config/settings.js';
import { TsrqError } from '../../../src/errors.js';
import { describeTarget } from '../../../src/redis/target.js';

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'tsrq-test-config-'));
});
afterEach(() => {
  rmSync(cwd, { recursive: true, force: true });
});

const load = (flags: Partial<FlagValues> = {}, env: Record<string, string> = {}): Promise<Settings> =>
  loadSettings({ flags, env: { XDG_CONFIG_HOME: join(cwd, 'nowhere'), ...env }, cwd });
const write = (name: string, content: unknown): string => {
  writeFileSync(join(cwd, name), typeof content === 'string' ? content : JSON.stringify(content));
  return join(cwd, name);
};
const problemsOf = async (loading: Promise<unknown>): Promise<string> => {
  const error: unknown = await loading.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(TsrqError);
  expect((error as TsrqError).code).toBe('CONFIG');
  return (error as TsrqError).message;
};
const source = (settings: Settings, path: string): string | undefined =>
  settings.entries().find((entry) => entry.path === path)?.source;

describe('precedence', () => {
  it('is flags, environment, file, defaults, value by value', async () => {
    const file = write('.tsrqrc.json', {
      redis: { host: 'filehost', port: 1 },
      worker: { concurrency: 2, jobsPerHorse: 3, maxJobs: 4 },
    });
    const settings = await load({ worker: { concurrency: 5 } }, { TSRQ_JOBS_PER_HORSE: '6', REDIS_PASSWORD: 'geheim' });
    expect(settings.worker).toMatchObject({ concurrency: 5, jobsPerHorse: 6, maxJobs: 4, burst: false });
    expect(settings.target).toEqual({ kind: 'tcp', host: 'filehost', port: 1, db: 0, password: 'geheim' });
    expect(source(settings, 'worker.concurrency')).toBe('flag --concurrency');
    expect(source(settings, 'worker.jobsPerHorse')).toBe('environment TSRQ_JOBS_PER_HORSE');
    expect(source(settings, 'worker.maxJobs')).toBe(file);
    expect(source(settings, 'worker.burst')).toBe('default');
    expect(source(settings, 'redis.password')).toBe('environment REDIS_PASSWORD');
    expect(JSON.stringify(settings.entries())).not.toContain('geheim');
  });

  it('of URLs: TSRQ_REDIS_URL over RQ_REDIS_URL over REDIS_URL, --url over all', async () => {
    const env = { TSRQ_REDIS_URL: 'redis://a', RQ_REDIS_URL: 'redis://b', REDIS_URL: 'redis://c' };
    expect(describeTarget((await load({}, env)).target)).toBe('redis://a:6379/0');
    expect(describeTarget((await load({}, { ...env, TSRQ_REDIS_URL: '' })).target)).toBe('redis://b:6379/0');
    expect(describeTarget((await load({}, { REDIS_URL: 'redis://c' })).target)).toBe('redis://c:6379/0');
    expect(describeTarget((await load({ url: 'unix:///x.sock' }, env)).target)).toBe('unix:///x.sock');
  });

  it('never sends the password of one server to another', async () => {
    write('.tsrqrc.json', { redis: { host: 'h', password: 'geheim' } });
    expect((await load({}, { REDIS_URL: 'redis://elsewhere' })).target).toEqual({
      kind: 'tcp',
      host: 'elsewhere',
      port: 6379,
      db: 0,
    });
  });
});

describe('files', () => {
  it.each([
    ['.tsrqrc', 'queues: [a, b]'],
    ['.tsrqrc.yaml', 'queues: [a, b]'],
    ['.tsrqrc.yml', 'queues: [a, b]'],
    ['tsrq.config.json', '{"queues": ["a", "b"]}'],
    ['tsrq.config.yaml', 'queues: [a, b]'],
    ['tsrq.config.mjs', 'export default { queues: ["a", "b"] }'],
    ['tsrq.config.cjs', 'module.exports = { queues: ["a", "b"] }'],
    ['package.json', '{"tsrq": {"queues": ["a", "b"]}}'],
    ['other.yaml', 'queues: [a, b]'],
  ])('%s is read', async (name, content) => {
    const path = write(name, content);
    const settings = await load(name.startsWith('other') ? { config: path } : {});
    expect(settings.queues).toEqual(['a', 'b']);
    expect(settings.configFile).toBe(path);
  });

  it("are looked for in the user's directory as well, and a package.json without our key is passed over", async () => {
    write('package.json', '{"name": "x"}');
    mkdirSync(join(cwd, 'xdg', 'tsrq'), { recursive: true });
    writeFileSync(join(cwd, 'xdg', 'tsrq', '.tsrqrc.json'), '{"queues": ["mine"]}');
    expect((await load({}, { XDG_CONFIG_HOME: join(cwd, 'xdg') })).queues).toEqual(['mine']);
  });

  it('that are missing, broken or of Python are refused by name', async () => {
    expect(await problemsOf(load({ config: 'nope.json' }))).toMatch(
      /flag --config: there is no configuration file .*nope\.json/,
    );
    expect(await problemsOf(load({}, { RQ_CONFIG: 'settings' }))).toMatch(
      /environment RQ_CONFIG: there is no configuration file/,
    );
    write('broken.json', '{"queues": [');
    expect(await problemsOf(load({ config: 'broken.json' }))).toMatch(/broken\.json cannot be read/);
    write('list.json', '[1]');
    expect(await problemsOf(load({ config: 'list.json' }))).toMatch(/does not hold an object/);
  });

  it('the example is valid and shows every key', async () => {
    const path = fileURLToPath(new URL('../../../config.example.json', import.meta.url));
    const settings = await load({ config: path });
    expect(settings.queues).toEqual(['high', 'default', 'low']);
    expect(settings.connectionNameOf('email-priority')).toBe('mail');
    expect(settings.targetOf('invoices').kind).toBe('sentinel');
    const { DEFAULTS } = await import('../../../src/config/worker-settings.js');
    for (const key of Object.keys(DEFAULTS.worker)) expect(source(settings, `worker.${key}`), key).toBe(path);
  });
});

describe('problems', () => {
  it('are reported all at once, each with its source and the nearest known key', async () => {
    const file = write('.tsrqrc.json', {
      redis: { host: 'h', prt: 1 },
      worker: { concurency: 2, isolation: 'thread', maxJobs: 0, jobs: 'x' },
      queueConnections: { a: 'b', b: 'a', c: 'mial' },
      connections: { mail: 'redis://m', bad: 'foo://u:geheim@h' },
      queue: [],
    });
    const schema = await problemsOf(load({}, { TSRQ_MAX_IDLE_TIME: 'long', REDIS_PORT: '99999' }));
    expect(schema.split('\n')[0]).toBe('11 problems in the configuration:');
    expect(schema).toContain(`${file}: redis.prt: unknown key; did you mean "port"?`);
    expect(schema).toContain(`${file}: worker.concurency: unknown key; did you mean "concurrency"?`);
    expect(schema).toContain(`${file}: worker.isolation: is 'thread': one of process, none is needed`);
    expect(schema).toContain(`${file}: worker.maxJobs: is 0: it must be at least 1`);
    expect(schema).toContain(`${file}: worker.jobs: is 'x': an array is needed`);
    expect(schema).toContain(`${file}: queue: unknown key; did you mean "queues"?`);
    expect(schema).toContain("environment TSRQ_MAX_IDLE_TIME: worker.maxIdleTime: is 'long': a number is needed");
    expect(schema).toContain('environment REDIS_PORT: redis.port: is 99999: it must be at most 65535');
    expect(schema).toContain(`${file}: queueConnections.a: goes in a circle: a → b → a`);
    expect(schema).toContain(`${file}: queueConnections.c: 'mial' is neither`);
    expect(schema).toContain(`${file}: connections.bad: 'foo://u:******@h' is no address of a Redis`);
  });

  it('of connections: unknown names, circles, URLs; without a password', async () => {
    write('.tsrqrc.json', {
      queueConnections: { a: 'b', b: 'a', c: 'mial' },
      connections: { mail: 'redis://m', bad: 'foo://u:geheim@h' },
      connection: 'mall',
    });
    const message = await problemsOf(load());
    expect(message).toMatch(/queueConnections\.\w: goes in a circle: a → b → a/);
    expect(message).toMatch(/queueConnections\.c: 'mial' is neither .*did you mean "mail"/);
    expect(message).toMatch(/connections\.bad: 'foo:\/\/u:\*+@h' is no address/);
    expect(message).toMatch(/there is no connection named 'mall'.*did you mean "mail"/);
    expect(message).not.toContain('geheim');
  });

  it('of conflicting statements', async () => {
    write('.tsrqrc.json', { redis: { host: 'h' }, sentinel: { instances: ['s:1'] } });
    expect(await problemsOf(load())).toMatch(/either redis or sentinel/);
    write('.tsrqrc.json', { redis: { host: 'h', path: '/x' } });
    expect(await problemsOf(load())).toMatch(/either one/);
    write('.tsrqrc.json', { redis: { tls: { ca: 'missing.pem' } } });
    expect(await problemsOf(load())).toMatch(/redis\.tls\.ca: the file 'missing\.pem' cannot be read/);
  });
});

describe("RQ's settings", () => {
  it('are taken from the environment', async () => {
    const settings = await load(
      {},
      { REDIS_HOST: 'h', REDIS_PORT: '7', REDIS_DB: '2', REDIS_SSL: 'True', NAME: 'not-a-worker-name' },
    );
    expect(settings.target).toEqual({ kind: 'tcp', host: 'h', port: 7, db: 2, tls: {} });
    expect(settings.worker.name).toBeNull();
  });
  it('on TLS count where it is switched on, or where the address asks for it', async () => {
    const files = { REDIS_SSL_CERT_REQS: 'none', REDIS_URL: 'rediss://h' };
    const tls = async (env: Record<string, string>) => (await load({}, { ...files, ...env })).target;
    expect(await tls({})).toMatchObject({ tls: { rejectUnauthorized: false } });
    expect(await tls({ TSRQ_REDIS_URL: 'redis://h' })).not.toHaveProperty('tls');
    expect(await tls({ REDIS_URL: 'redis://h' })).not.toHaveProperty('tls');
    expect(await tls({ REDIS_URL: 'redis://h', REDIS_SSL: '1' })).toMatchObject({ tls: { rejectUnauthorized: false } });
    expect(await tls({ REDIS_SSL: '0' })).toMatchObject({ tls: {} });
    expect(await tls({ REDIS_SSL: '0' })).not.toMatchObject({ tls: { rejectUnauthorized: false } });
  });
  it('are taken from the file, SENTINEL as Python has it', async () => {
    write('.tsrqrc.json', {
      SENTINEL: {
        INSTANCES: [['s1', 1], 's2:2'],
        MASTER_NAME: 'mm',
        DB: 3,
        USERNAME: 'u',
        PASSWORD: 'p',
        SOCKET_TIMEOUT: null,
        SSL: false,
        CONNECTION_KWARGS: { socket_timeout: 7 },
        SENTINEL_KWARGS: { password: 'sp' },
      },
      QUEUES: ['x', 'y'],
      NAME: 'w',
    });
    const settings = await load();
    expect(settings.target).toEqual({
      kind: 'sentinel',
      instances: [
        { host: 's1', port: 1 },
        { host: 's2', port: 2 },
      ],
      masterName: 'mm',
      db: 3,
      username: 'u',
      password: 'p',
      sentinelPassword: 'sp',
      socketTimeoutSeconds: 7,
    });
    expect(settings.queues).toEqual(['x', 'y']);
    expect(settings.worker.name).toBe('w');
  });
  it('that are unknown within SENTINEL, or no truth value, are problems', async () => {
    write('.tsrqrc.json', {
      SENTINEL: { INSTANCES: [['s', 1]], MASTER: 'm', CONNECTION_KWARGS: { retry: 1 } },
      REDIS_SSL: 'maybe',
    });
    const message = await problemsOf(load());
    expect(message).toContain('SENTINEL.MASTER: unknown key');
    expect(message).toContain("option of Python's client");
    expect(message).toContain("REDIS_SSL: is 'maybe'");
  });
});

describe('connections', () => {
  beforeEach(() => {
    write('.tsrqrc.json', {
      redis: { host: 'main' },
      connections: { mail: 'redis://mail/1', socket: { path: '/run/s.sock' } },
      queueConnections: { email: 'mail', 'email-priority': 'email', logs: 'redis://logs', 'dotted.name': 'socket' },
    });
  });
  it('map queues by name, alias and URL; what is not mapped uses the default', async () => {
    const settings = await load();
    expect(describeTarget(settings.targetOf('email-priority'))).toBe('redis://mail:6379/1');
    expect(describeTarget(settings.targetOf('logs'))).toBe('redis://logs:6379/0');
    expect(describeTarget(settings.targetOf('dotted.name'))).toBe('unix:///run/s.sock');
    expect(describeTarget(settings.targetOf('whatever'))).toBe('redis://main:6379/0');
    expect(settings.usedConnections().map(({ name }) => name)).toEqual(['default', 'mail', 'queue logs', 'socket']);
  });
  it('named by --connection or --url hold for every queue', async () => {
    const named = await load({ connection: 'mail' });
    expect(describeTarget(named.targetOf('logs'))).toBe('redis://mail:6379/1');
    expect(named.usedConnections()).toHaveLength(1);
    const url = await load({ url: 'redis://x' });
    expect(describeTarget(url.targetOf('email'))).toBe('redis://x:6379/0');
  });
  it("passwords may come from files, of systemd's credentials too", async () => {
    write('secret', 'geheim\n');
    write('.tsrqrc.json', { redis: { passwordFile: 'secret' } });
    expect((await load()).target.password).toBe('geheim');
    mkdirSync(join(cwd, 'credentials'));
    writeFileSync(join(cwd, 'credentials', 'secret'), 'from systemd');
    expect((await load({}, { CREDENTIALS_DIRECTORY: join(cwd, 'credentials') })).target.password).toBe('from systemd');
  });
});

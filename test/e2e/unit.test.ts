import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runTsrq, type CliOptions, type CliResult } from '../support/cli.js';

// How the units fare under systemd: test/e2e/systemd.test.ts.

const BIN = fileURLToPath(new URL('../../bin/tsrq.js', import.meta.url));

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tsrq-test-unit-'));
});
afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});

const unit = (args: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
  runTsrq(['unit', ...args], { cwd: dir, ...options });
const valueOf = (text: string, name: string): string | undefined => new RegExp(`^${name}=(.*)$`, 'm').exec(text)?.[1];

describe('tsrq unit', () => {
  it('names this Node, this tsrq, the working directory and the configuration file by absolute paths', async () => {
    const file = join(dir, '.tsrqrc.json');
    writeFileSync(file, '{"queues": ["high"]}');
    const { code, stdout } = await unit([]);
    expect(code).toBe(0);
    expect(valueOf(stdout, 'ExecStart')).toBe(`${process.execPath} ${BIN} worker --config ${file}`);
    expect(valueOf(stdout, 'WorkingDirectory')).toBe(dir);
    rmSync(file);
  });

  it('takes queues and, after --, options over, and where Redis is', async () => {
    const { stdout } = await unit(['-u', 'redis://10.1.2.3/4', 'worker', '--', 'high', '--concurrency', '4']);
    expect(valueOf(stdout, 'ExecStart')).toMatch(/ worker --url redis:\/\/10\.1\.2\.3:6379\/4 high --concurrency 4$/);
    expect(valueOf(stdout, 'IPAddressAllow')).toBe('localhost 10.1.2.3');
  });

  it.each(['redis://redis.example/0', 'redis+sentinel://10.0.0.1:26379/mymaster/0'])(
    'closes no network where the address of Redis is not known: %s',
    async (url) => {
      const { stdout } = await unit(['-u', url, 'scheduler']);
      expect(valueOf(stdout, 'ExecStart')).toMatch(/ scheduler --url redis/);
      expect(stdout).not.toContain('IPAddress');
    },
  );

  it('puts no login into a unit', async () => {
    const { code, stdout, stderr } = await unit(['-u', 'redis://:secret@localhost']);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('passwordFile');
    expect(stderr).not.toContain('secret');
  });

  it('says what it cannot take over', async () => {
    const { code, stderr } = await unit([], { cwd: '/tmp', env: { TSRQ_CONCURRENCY: '4', TSRQ_QUEUES: 'a' } });
    expect(code).toBe(0);
    expect(stderr).toContain('not in the unit, as it is set in this environment only: TSRQ_QUEUES, TSRQ_CONCURRENCY');
    expect(stderr).toContain('/tmp is in a directory that the unit does not see');
  });

  it('writes a file where it is told to, and says why it cannot', async () => {
    const file = join(dir, 'tsrq-worker@.service');
    expect(await unit(['--user', '--output', file])).toMatchObject({ code: 0, stdout: '' });
    expect(readFileSync(file, 'utf8')).toContain('WantedBy=default.target');
    const { code, stderr } = await unit(['--output', join(dir, 'none', 'x.service')]);
    expect([code, stderr]).toEqual([2, expect.stringContaining('the unit cannot be written to')]);
  });

  it('knows workers and schedulers, nothing else', async () => {
    expect((await unit(['cron'])).code).toBe(2);
  });
});

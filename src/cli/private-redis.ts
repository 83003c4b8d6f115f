import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { TsrqError } from '../errors.js';

export interface FoundServer {
  readonly path: string;
  /** `Redis` or `Valkey`. */
  readonly product: string;
  readonly version: string;
}

export interface PrivateRedis {
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
}

const PLACES = [
  ...['/usr/bin', '/usr/sbin', '/usr/local/bin', '/usr/local/sbin', '/opt/homebrew/bin'],
  ...['/opt/homebrew/opt/valkey/bin', '/opt/homebrew/opt/redis/bin'],
];

/** A server of this machine that is new enough (6.2): TSRQ_REDIS_BINARY, else valkey-server or redis-server; null for none. */
export async function findRedisServer(env: NodeJS.ProcessEnv): Promise<FoundServer | null> {
  const directories = [...(env['PATH'] ?? '').split(delimiter).filter((directory) => directory !== ''), ...PLACES];
  const named = env['TSRQ_REDIS_BINARY'];
  const candidates = named
    ? [named]
    : ['valkey-server', 'redis-server'].flatMap((name) => directories.map((directory) => join(directory, name)));
  for (const path of candidates) {
    if (!isProgram(path)) continue;
    const found = await versionOf(path);
    if (found) return found;
  }
  return null;
}

/** What to type on this system to get a server. */
export function installHint(): string {
  if (process.platform === 'darwin') return 'brew install valkey';
  let release = '';
  try {
    release = readFileSync('/etc/os-release', 'utf8');
  } catch {
    // Not Linux: the general answer.
  }
  if (/^ID(_LIKE)?=.*(debian|ubuntu)/m.test(release)) return 'sudo apt-get install redis-server';
  if (/^ID(_LIKE)?=.*(fedora|rhel)/m.test(release)) return 'sudo dnf install valkey';
  if (/^ID=.*alpine/m.test(release)) return 'sudo apk add redis';
  if (/^ID(_LIKE)?=.*arch/m.test(release)) return 'sudo pacman -S valkey';
  return 'docker run --rm -p 127.0.0.1:6379:6379 valkey/valkey:8';
}

/** Starts a server on 127.0.0.1 for this process alone, with a random password; nothing of it is kept. */
export async function startPrivateRedis(server: FoundServer): Promise<PrivateRedis> {
  const dir = mkdtempSync(join(tmpdir(), 'tsrq-redis-'));
  const port = await freePort();
  const password = randomBytes(16).toString('hex');
  const config = { port, bind: '127.0.0.1', dir: `"${dir}"`, save: '""', appendonly: 'no', requirepass: password };
  const file = join(dir, 'server.conf');
  // A file that only we can read, not argv: every user of the machine can read that.
  writeFileSync(
    file,
    Object.entries(config)
      .map(([key, value]) => `${key} ${value}\n`)
      .join(''),
    { mode: 0o600 },
  );
  // A group of its own: a Ctrl-C is for the demo, which then stops the server.
  const child = spawn(server.path, [file], { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const killOnExit = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', killOnExit);
  let log = '';
  const gone = new Promise<'gone'>((resolve) => {
    child.once('exit', () => {
      resolve('gone');
    });
    child.once('error', () => {
      resolve('gone');
    });
  });
  const ready = new Promise<'ready'>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        log += chunk.toString();
        if (log.includes('Ready to accept connections')) resolve('ready');
      });
    }
  });
  const stop = async (): Promise<void> => {
    process.off('exit', killOnExit);
    child.kill('SIGTERM');
    const ended = await Promise.race([gone, sleep(3_000, 'late', { ref: false })]);
    if (ended === 'late') child.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  };
  if ((await Promise.race([ready, gone, sleep(10_000, 'late', { ref: false })])) !== 'ready') {
    await stop();
    throw new TsrqError(
      'REDIS_UNREACHABLE',
      `${server.path} did not start: ${log.trim().split('\n').slice(-2).join(' ')}`,
    );
  }
  return { url: `redis://:${password}@127.0.0.1:${port}/0`, port, stop };
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function versionOf(path: string): Promise<FoundServer | null> {
  try {
    const { stdout } = await promisify(execFile)(path, ['--version']);
    const version = /v=(\d+)\.(\d+)\.(\d+)/.exec(stdout);
    if (!version || Number(version[1]) < 6 || (Number(version[1]) === 6 && Number(version[2]) < 2)) return null;
    const product = /valkey/i.test(stdout) ? 'Valkey' : 'Redis';
    return { path, product, version: version.slice(1).join('.') };
  } catch {
    return null;
  }
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        resolve(typeof address === 'object' && address ? address.port : 0);
      });
    });
  });

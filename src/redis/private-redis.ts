import { execFile, spawn, type ChildProcessByStdio } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Readable } from 'node:stream';
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
  return "the package redis-server or valkey of your system's package manager";
}

/** Starts a server on 127.0.0.1 for this process alone, with a random password; nothing of it is kept. */
export async function startPrivateRedis(server: FoundServer): Promise<PrivateRedis> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const started = await launch(server, port);
    if (!('log' in started)) return started;
    // Between choosing a port and listening on it another program may have taken it.
    if (started.log.includes('Address already in use') && attempt < 5) continue;
    const why = started.log.trim().split('\n').slice(-2).join(' ');
    throw new TsrqError('REDIS_UNREACHABLE', `${server.path} did not start: ${why}`);
  }
}

async function launch(server: FoundServer, port: number): Promise<PrivateRedis | { readonly log: string }> {
  const dir = mkdtempSync(join(tmpdir(), 'tsrq-redis-'));
  const password = randomBytes(16).toString('hex');
  // A group of its own: a Ctrl-C is for the demo, which then stops the server.
  const child = spawn(server.path, [writeConfig(dir, port, password)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const removeDir = (): void => {
    rmSync(dir, { recursive: true, force: true });
  };
  const dismiss = guard(child.pid, dir);
  child.once('exit', dismiss);
  const killOnExit = (): void => {
    dismiss();
    child.kill('SIGKILL');
    removeDir();
  };
  process.once('exit', killOnExit);
  const gone = new Promise<'gone'>((resolve) => {
    for (const event of ['exit', 'error']) {
      child.once(event, () => {
        resolve('gone');
      });
    }
  });
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    if ((await Promise.race([gone, sleep(3_000, 'late', { ref: false })])) === 'late') child.kill('SIGKILL');
    await gone;
    removeDir();
    process.off('exit', killOnExit);
  };
  const { ready, log } = watchLog(child);
  if ((await Promise.race([ready, gone, sleep(10_000, 'late', { ref: false })])) === 'ready') {
    return { url: `redis://:${password}@127.0.0.1:${port}/0`, port, stop };
  }
  await stop();
  return { log: log() };
}

/** What ends a server and removes its directory when nobody writes to its input any more. */
const GUARD = 'read -r _; kill -9 "$1"; rm -rf "$2"';

/**
 * Has the server end with this process, whatever ends that, also `kill -9`, of which no listener hears: a shell reads from a pipe that closes then.
 * Returns what dismisses it; the pid may be another's afterwards.
 */
function guard(pid: number | undefined, dir: string): () => void {
  if (pid === undefined) return () => undefined;
  // A group of its own: what a terminal sends is not for it.
  const shell = spawn('/bin/sh', ['-c', GUARD, 'tsrq-redis-guard', String(pid), dir], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // Where there is no shell, or it is gone, the server is ended by `stop`, and when the process exits.
  shell.on('error', () => undefined);
  shell.stdin.on('error', () => undefined);
  shell.unref();
  (shell.stdin as unknown as { unref(): void }).unref();
  return () => shell.kill('SIGKILL');
}

/** A file that only we can read, not argv: every user of the machine can read that. */
function writeConfig(dir: string, port: number, password: string): string {
  const config = { port, bind: '127.0.0.1', dir: `"${dir}"`, save: '""', appendonly: 'no', requirepass: password };
  const lines = Object.entries(config).map(([key, value]) => `${key} ${value}\n`);
  const file = join(dir, 'server.conf');
  writeFileSync(file, lines.join(''), { mode: 0o600 });
  return file;
}

/** Readiness is what this very server says: another program's could answer on the port. */
function watchLog(child: ChildProcessByStdio<null, Readable, Readable>): {
  ready: Promise<'ready'>;
  log: () => string;
} {
  let log = '';
  const ready = new Promise<'ready'>((resolve) => {
    child.once('error', (error) => (log += error.message));
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        log += chunk.toString();
        if (log.includes('Ready to accept connections')) resolve('ready');
      });
    }
  });
  return { ready, log: () => log };
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
    const { stdout } = await promisify(execFile)(path, ['--version'], { timeout: 10_000 });
    const version = /v=(\d+)\.(\d+)\.(\d+)/.exec(stdout);
    if (!version || Number(version[1]) < 6 || (Number(version[1]) === 6 && Number(version[2]) < 2)) return null;
    const product = /valkey/i.test(`${path} ${stdout}`) ? 'Valkey' : 'Redis';
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

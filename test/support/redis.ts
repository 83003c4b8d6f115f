import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis as IoRedis } from 'ioredis';
import { findRedisServer } from '../../src/redis/private-redis.js';
import { atEndOfFile, killAtEndOfFile } from './endings.js';

export interface TestRedis {
  readonly port: number;
  readonly url: string;
  readonly dir: string;
  readonly pid: number;
  log(): string;
  kill(signal: NodeJS.Signals): Promise<void>;
  stop(): Promise<void>;
  /** Starts the server again on the same port and directory; ends it first if it still runs. */
  restart(): Promise<void>;
  /** A client for looking at keys; closed by stop(). */
  client(): IoRedis;
}
export interface StartOptions {
  readonly conf?: Readonly<Record<string, string>>;
  readonly port?: number;
  readonly dir?: string;
  readonly args?: readonly string[];
  /** Only what `conf` says besides port and directory: for a sentinel. */
  readonly plain?: boolean;
}

/**
 * A port nobody listens on, that nobody takes while its owner has closed it for a while: below those that systems give to
 * outgoing connections (32768 on Linux, 49152 elsewhere), and not of the share of a test file that runs beside this one.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < SHARE; tries += 1) {
    const port = FIRST_PORT + (Number(process.env['VITEST_POOL_ID'] ?? 0) % SHARES) * SHARE + (next++ % SHARE);
    if (await isFree(port)) return port;
  }
  throw new Error('no port is free');
}

const [FIRST_PORT, SHARES, SHARE] = [20_000, 12, 1_000];
let next = process.pid;

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer().once('error', () => {
      resolve(false);
    });
    server.listen(port, '127.0.0.1', () => {
      server.close(() => {
        resolve(true);
      });
    });
  });

/** A private server on 127.0.0.1; ready when its own log says so, not when some server answers on the port. */
export async function startRedis(options: StartOptions = {}): Promise<TestRedis> {
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), 'tsrq-test-redis-'));
  const removeDir = (): void => {
    if (options.dir === undefined) rmSync(dir, { recursive: true, force: true });
  };
  atEndOfFile(removeDir);
  const clients: IoRedis[] = [];
  const started = await launchOnFreePort(dir, options).catch((error: unknown) => {
    removeDir();
    throw error;
  });
  const { port } = started;
  let { server } = started;
  return {
    port,
    url: `redis://127.0.0.1:${port}/0`,
    dir,
    get pid() {
      return server.child.pid ?? 0;
    },
    log: () => server.log(),
    kill: async (signal) => {
      server.child.kill(signal);
      if (signal === 'SIGKILL' || signal === 'SIGTERM') await server.gone;
    },
    restart: async () => {
      await end(server);
      server = await launch(dir, port, options);
    },
    client: () => {
      const client = new IoRedis({ host: '127.0.0.1', port, protocol: 2, lazyConnect: true });
      client.on('error', () => undefined);
      clients.push(client);
      return client;
    },
    stop: async () => {
      for (const client of clients) client.disconnect();
      await end(server);
      removeDir();
    },
  };
}

/** Between choosing a port and listening on it another program may take it: then another port. */
async function launchOnFreePort(dir: string, options: StartOptions): Promise<{ port: number; server: Server }> {
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort());
    try {
      return { port, server: await launch(dir, port, options) };
    } catch (error) {
      const taken = error instanceof Error && error.message.includes('Address already in use');
      if (!taken || options.port !== undefined || attempt === 5) throw error;
    }
  }
}

/** SIGCONT first: a server that a test has paused does not hear SIGTERM. */
async function end({ child, gone }: Server): Promise<void> {
  child.kill('SIGCONT');
  child.kill('SIGTERM');
  await Promise.race([gone, sleep(3_000, undefined, { ref: false })]);
  child.kill('SIGKILL');
  await gone;
}

interface Server {
  readonly child: ChildProcess;
  readonly gone: Promise<void>;
  log(): string;
}

const SERVER = { save: '""', appendonly: 'no', 'enable-debug-command': 'local' };

let found: ReturnType<typeof findRedisServer> | undefined;

/** TSRQ_TEST_REDIS, else the server that `tsrq demo` would find. */
async function serverBinary(): Promise<string> {
  const named = process.env['TSRQ_TEST_REDIS'];
  if (named) return named;
  found ??= findRedisServer(process.env);
  const server = await found;
  if (!server) throw new Error('no redis-server or valkey-server was found: node scripts/ensure-redis.js gets one');
  return server.path;
}

async function launch(dir: string, port: number, options: StartOptions): Promise<Server> {
  const settings = {
    port: String(port),
    bind: '127.0.0.1',
    dir: `"${dir}"`,
    ...(options.plain === true ? {} : SERVER),
    ...options.conf,
  };
  const file = join(dir, 'server.conf');
  writeFileSync(
    file,
    Object.entries(settings)
      .map(([key, value]) => `${key} ${value}\n`)
      .join(''),
  );
  const binary = await serverBinary();
  const child = spawn(binary, [file, ...(options.args ?? [])], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  killAtEndOfFile(child);
  let log = '';
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => {
      resolve();
    });
    child.once('error', (error) => {
      log += error.message;
      resolve();
    });
  });
  const ready = new Promise<'ready'>((resolve) => {
    const see = (chunk: Buffer): void => {
      log += chunk.toString();
      if (/Ready to accept connections|Sentinel ID is/.test(log)) resolve('ready');
    };
    child.stdout.on('data', see);
    child.stderr.on('data', see);
  });
  const first = await Promise.race([ready, gone, sleep(10_000, undefined, { ref: false })]);
  if (first !== 'ready') {
    child.kill('SIGKILL');
    await gone;
    throw new Error(`${binary} did not start: ${log.trim().split('\n').slice(-4).join(' | ')}`);
  }
  return { child, gone, log: () => log };
}

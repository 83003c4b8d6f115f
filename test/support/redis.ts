import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis as IoRedis } from 'ioredis';

export interface TestRedis {
  readonly port: number;
  readonly url: string;
  readonly dir: string;
  readonly pid: number;
  log(): string;
  kill(signal: NodeJS.Signals): Promise<void>;
  stop(): Promise<void>;
  /** Starts the server again on the same port and directory after it was killed or stopped. */
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

const children = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => {
        resolve(port);
      });
    });
  });

/** A private server on 127.0.0.1; ready when its own log says so, not when some server answers on the port. */
export async function startRedis(options: StartOptions = {}): Promise<TestRedis> {
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), 'tsrq-test-redis-'));
  const port = options.port ?? (await freePort());
  const clients: IoRedis[] = [];
  let server = await launch(dir, port, options);
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
      await server.gone;
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
      server.child.kill('SIGCONT');
      server.child.kill('SIGTERM');
      await Promise.race([server.gone, sleep(3_000, undefined, { ref: false })]);
      server.child.kill('SIGKILL');
      if (options.dir === undefined) rmSync(dir, { recursive: true, force: true });
    },
  };
}

const SERVER = { save: '""', appendonly: 'no', 'enable-debug-command': 'local' };

async function launch(dir: string, port: number, options: StartOptions) {
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
  const child = spawn(process.env['TSRQ_TEST_REDIS'] ?? 'redis-server', [file, ...(options.args ?? [])], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.add(child);
  let log = '';
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => {
      children.delete(child);
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
  if (first !== 'ready') throw new Error(`redis-server did not start: ${log.split('\n').slice(-4).join(' | ')}`);
  return { child, gone, log: () => log };
}

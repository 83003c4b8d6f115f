import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { cleanEnv } from './cli.js';
import { killAtEndOfFile } from './endings.js';

/** The versions of Python RQ that tsrq is tested against, oldest first. */
export const RQ_VERSIONS = ['2.0.0', '2.6.1', '2.8.0', '2.10.0', '2.12.0'] as const;
export type RqVersion = (typeof RQ_VERSIONS)[number];

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const JOBS = fileURLToPath(new URL('../support/python', import.meta.url));

/** One of each other minor version, which a smaller test looks at. */
export const OTHER_MINORS = [
  ...(['2.1.0', '2.2.0', '2.3.3', '2.4.1', '2.5.0', '2.7.0', '2.9.1', '2.11.0'] as const),
  '3.0.0',
] as const;

export interface RqEnvironment {
  /** The directory of its programs. */
  readonly bin: string;
  /** Where its RQ is, if not with the programs. */
  readonly path?: string;
}

/** A virtual environment with that version of RQ, made at its first use; null where it cannot be had, which is said. */
export async function rqEnvironment(version: RqVersion): Promise<RqEnvironment | null> {
  const dir = join(ROOT, '.cache', `rq-${version}`);
  const bin = join(dir, 'bin');
  const requirements = join(ROOT, 'test', 'interop', `requirements-${version}.txt`);
  const made = await make(dir, `Python RQ ${version}`, async () => {
    await promisify(execFile)('python3', ['-m', 'venv', dir]);
    await promisify(execFile)(join(bin, 'pip'), ['install', '-q', '--disable-pip-version-check', '-r', requirements]);
  });
  return made ? { bin } : null;
}

/** That version of RQ alone, on the environment of the newest: much sooner made than one of its own. */
export async function rqAlone(version: (typeof OTHER_MINORS)[number]): Promise<RqEnvironment | null> {
  const base = await rqEnvironment('2.12.0');
  if (!base) return null;
  const path = join(ROOT, '.cache', `rq-alone-${version}`);
  const options = ['-q', '--disable-pip-version-check', '--no-deps', '--target', path];
  const made = await make(path, `Python RQ ${version}`, async () => {
    await promisify(execFile)(join(base.bin, 'pip'), ['install', ...options, `rq==${version}`]);
  });
  return made ? { bin: base.bin, path } : null;
}

/** The newest RQ with Flask beside it. */
export async function flaskEnvironment(): Promise<Required<RqEnvironment> | null> {
  const base = await rqEnvironment('2.12.0');
  if (!base) return null;
  const requirements = join(ROOT, 'test', 'interop', 'requirements-flask.txt');
  const path = join(ROOT, '.cache', 'flask-3.1.3');
  const options = ['-q', '--disable-pip-version-check', '--no-deps', '--target', path];
  const made = await make(path, 'Flask', async () => {
    await promisify(execFile)(join(base.bin, 'pip'), ['install', ...options, '-r', requirements]);
  });
  return made ? { bin: base.bin, path } : null;
}

/** Makes a directory that holds what `work` puts there, once; false where that cannot be done, which is said. */
async function make(dir: string, what: string, work: () => Promise<void>): Promise<boolean> {
  const done = join(dir, 'ready');
  if (existsSync(done)) return true;
  mkdirSync(dirname(dir), { recursive: true });
  const lock = `${dir}.lock`;
  // Test files run side by side: one makes the environment, the others wait for it.
  while (!take(lock)) {
    await sleep(250);
    if (existsSync(done)) return true;
  }
  try {
    if (existsSync(done)) return true;
    rmSync(dir, { recursive: true, force: true });
    await work();
    writeFileSync(done, '');
    return true;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    console.warn(`${what} cannot be had here, the tests that need it are skipped: ${why}`);
    return false;
  } finally {
    rmSync(lock, { force: true });
  }
}

/** The lock names its holder: one that has died holds nothing. */
function take(lock: string): boolean {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    if (!isAlive(lock)) rmSync(lock, { force: true });
    return false;
  }
}

function isAlive(lock: string): boolean {
  try {
    const holder = readFileSync(lock, 'utf8');
    // Empty: taken this very moment, its name is not written yet.
    if (holder !== '') process.kill(Number(holder), 0);
    return true;
  } catch {
    return false;
  }
}

/** A Python that has imported RQ and evaluates what it is sent. */
export interface Rq {
  /** Runs statements; returns what they assign to `result`, as JSON. `q(name)`, `job(id)`, `r` and RQ's names are there. */
  eval(code: string): Promise<unknown>;
  /** Runs one of RQ's programs to its end. */
  cli(args: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }>;
  /** Starts `rq worker`. */
  startWorker(args: readonly string[]): ChildProcess;
  stop(): Promise<void>;
}

export function startRq({ bin, path }: RqEnvironment, url: string): Rq {
  const modules = path === undefined ? JOBS : `${path}:${JOBS}`;
  const env = { ...cleanEnv(), REDIS_URL: url, PYTHONPATH: modules, PYTHONDONTWRITEBYTECODE: '1', NO_COLOR: '1' };
  const children = new Set<ChildProcess>();
  const launch = (program: string, args: readonly string[]): ChildProcess => {
    const child = spawn(join(bin, program), args, { env, cwd: JOBS, stdio: ['pipe', 'pipe', 'pipe'] });
    children.add(child);
    killAtEndOfFile(child);
    child.once('exit', () => children.delete(child));
    return child;
  };
  const bridge = launch('python', [join(JOBS, 'bridge.py'), url]);
  const waiting: { resolve: (value: unknown) => void; reject: (error: Error) => void }[] = [];
  let stderr = '';
  bridge.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  if (bridge.stdout) {
    createInterface({ input: bridge.stdout }).on('line', (line) => {
      const { value, error } = JSON.parse(line) as { value?: unknown; error?: string };
      const call = waiting.shift();
      if (error === undefined) call?.resolve(value);
      else call?.reject(new Error(error));
    });
  }
  // Its end is told by `close`; what was written to it meanwhile is no error of its own.
  bridge.stdin?.on('error', () => undefined);
  const ended = (): Error => new Error(`the Python bridge has ended: ${stderr}`);
  let open = true;
  bridge.once('close', () => {
    open = false;
    for (const call of waiting) call.reject(ended());
  });
  return {
    eval: (code) =>
      new Promise((resolve, reject) => {
        if (!open) {
          reject(ended());
          return;
        }
        waiting.push({ resolve, reject });
        bridge.stdin?.write(`${JSON.stringify(code)}\n`);
      }),
    cli: (args) =>
      new Promise((resolve) => {
        const child = launch('rq', args);
        let stdout = '';
        let errors = '';
        child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
        child.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
        child.once('close', (code) => {
          resolve({ code, stdout, stderr: errors });
        });
      }),
    startWorker: (args) => launch('rq', ['worker', ...args]),
    stop: async () => {
      const gone = [...children].map((child) => new Promise((resolve) => child.once('exit', resolve)));
      for (const child of children) child.kill('SIGKILL');
      await Promise.all(gone);
    },
  };
}

import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

/** The versions of Python RQ that tsrq is tested against, oldest first. */
export const RQ_VERSIONS = ['2.0.0', '2.6.1', '2.8.0', '2.10.0', '2.12.0'] as const;
export type RqVersion = (typeof RQ_VERSIONS)[number];

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const JOBS = fileURLToPath(new URL('../support/python', import.meta.url));

export interface RqEnvironment {
  /** The directory of its programs. */
  readonly bin: string;
}

/** A virtual environment with that version of RQ, made at its first use; null where it cannot be had, which is said. */
export async function rqEnvironment(version: RqVersion): Promise<RqEnvironment | null> {
  const dir = join(ROOT, '.cache', `rq-${version}`);
  const bin = join(dir, 'bin');
  const done = join(dir, 'ready');
  if (existsSync(done)) return { bin };
  mkdirSync(dirname(dir), { recursive: true });
  const lock = `${dir}.lock`;
  // Test files run side by side: one makes the environment, the others wait for it.
  while (!take(lock)) {
    await sleep(250);
    if (existsSync(done)) return { bin };
  }
  try {
    if (existsSync(done)) return { bin };
    rmSync(dir, { recursive: true, force: true });
    const requirements = join(ROOT, 'test', 'interop', `requirements-${version}.txt`);
    const made = run('python3', ['-m', 'venv', dir]) && run(join(bin, 'pip'), ['install', '-q', '-r', requirements]);
    if (!made) {
      console.warn(`Python RQ ${version} cannot be had here: the tests that need it are skipped`);
      return null;
    }
    writeFileSync(done, '');
    return { bin };
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

function take(lock: string): boolean {
  try {
    mkdirSync(lock);
    return true;
  } catch {
    return false;
  }
}

const run = (program: string, args: readonly string[]): boolean =>
  spawnSync(program, args, { stdio: 'ignore' }).status === 0;

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

export function startRq({ bin }: RqEnvironment, url: string): Rq {
  const env = { ...process.env, REDIS_URL: url, PYTHONPATH: JOBS, PYTHONDONTWRITEBYTECODE: '1', NO_COLOR: '1' };
  const children = new Set<ChildProcess>();
  const launch = (program: string, args: readonly string[]): ChildProcess => {
    const child = spawn(join(bin, program), args, { env, cwd: JOBS, stdio: ['pipe', 'pipe', 'pipe'] });
    children.add(child);
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
  bridge.once('exit', () => {
    for (const call of waiting) call.reject(new Error(`the Python bridge ended: ${stderr}`));
  });
  return {
    eval: (code) =>
      new Promise((resolve, reject) => {
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
      for (const child of children) child.kill('SIGKILL');
      await sleep(0);
    },
  };
}

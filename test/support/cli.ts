import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { killAtEndOfFile } from './endings.js';

export interface CliOptions {
  readonly url?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string;
  readonly timeoutMs?: number;
}
export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}
export interface CliProcess {
  readonly pid: number;
  stdout(): string;
  stderr(): string;
  /** Resolves when stdout or stderr holds the text. */
  waitFor(text: string | RegExp, timeoutMs?: number): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  readonly exited: Promise<CliResult>;
}

export const BIN = fileURLToPath(new URL('../../bin/tsrq.js', import.meta.url));

/** The environment of a user who has set nothing for tsrq. */
export function cleanEnv(): Record<string, string> {
  const entries = Object.entries(process.env).filter(
    ([name]) => !/^(REDIS|TSRQ|RQ)_/.test(name) && !['NO_COLOR', 'FORCE_COLOR', 'NODE_OPTIONS'].includes(name),
  );
  return Object.fromEntries(entries) as Record<string, string>;
}

export function startTsrq(args: readonly string[], options: CliOptions = {}): CliProcess {
  const url = options.url === undefined ? {} : { TSRQ_REDIS_URL: options.url };
  const child = spawn(process.execPath, [BIN, ...args], {
    cwd: options.cwd ?? process.cwd(),
    env: { ...cleanEnv(), ...url, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  // A program that ends without reading its input is no failure of the test.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  return watchProcess(child);
}

/** Keeps what a program prints, and ends it with the test file. */
export function watchProcess(child: ChildProcess): CliProcess {
  killAtEndOfFile(child);
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const exited = new Promise<CliResult>((resolve) => {
    child.once('close', (code, signal) => {
      resolve({ code, signal, stdout, stderr });
    });
  });
  return {
    pid: child.pid ?? 0,
    stdout: () => stdout,
    stderr: () => stderr,
    kill: (signal) => child.kill(signal),
    exited,
    waitFor: async (text, timeoutMs = 15_000) => {
      const end = Date.now() + timeoutMs;
      const found = (): boolean =>
        typeof text === 'string' ? (stdout + stderr).includes(text) : text.test(stdout + stderr);
      while (!found()) {
        if (Date.now() > end) throw new Error(`'${String(text)}' did not appear in:\n${stdout}\n${stderr}`);
        await sleep(20);
      }
    },
  };
}

/** Runs tsrq to its end; rejects when it does not come. */
export async function runTsrq(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const running = startTsrq(args, options);
  const timeoutMs = options.timeoutMs ?? 60_000;
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    running.kill('SIGKILL');
  }, timeoutMs);
  const result = await running.exited;
  clearTimeout(timer);
  if (late)
    throw new Error(`tsrq ${args.join(' ')} did not end within ${timeoutMs} ms:\n${result.stdout}\n${result.stderr}`);
  return result;
}

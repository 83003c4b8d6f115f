import { execFile, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { atEndOfFile } from './endings.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const HARNESS = fileURLToPath(new URL('systemd/harness.sh', import.meta.url));

/** Where the programs under test are, in the machine. */
export const INSIDE = { repository: '/opt/tsrq', node: '/opt/node' } as const;

/**
 * Why no systemd can be started here; null where it can. `not applicable: …` where nothing would help: another system than
 * Linux, no root, no right to namespaces, mounts or control groups (an unprivileged container). Where only its package is
 * missing and apt is there, it is an ordinary skip, which CI does not accept: .ci/run installs it.
 */
export function whyNoSystemd(): string | null {
  const { status, stderr } = spawnSync('sh', [HARNESS, 'supported'], { encoding: 'utf8' });
  if (status === 0) return null;
  const why = /skip: (.*)/.exec(stderr)?.[1] ?? stderr.trim();
  const isMissing = /^no (systemd|systemctl|journalctl|unshare|nsenter|setpriv)$/.test(why);
  const canBeHad = isMissing && process.getuid?.() === 0 && spawnSync('apt-get', ['--version']).status === 0;
  return canBeHad ? `${why}: apt-get install systemd` : `not applicable: ${why}`;
}

export interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A line of the journal. */
export interface JournalLine {
  readonly priority: number;
  readonly identifier: string;
  readonly message: string;
}

/** A real systemd, process 1 of its own namespaces, on a view of this machine's files that is thrown away. */
export interface Machine {
  /** Runs a command in it. */
  exec(...command: string[]): Promise<Answer>;
  /** The same; throws unless it exits 0. Returns what it prints. */
  run(...command: string[]): Promise<string>;
  write(path: string, text: string): Promise<void>;
  properties(unit: string, ...names: string[]): Promise<Record<string, string>>;
  journal(unit: string): Promise<JournalLine[]>;
  halt(): Promise<void>;
}

/** Boots one, with this repository and this Node in it. */
export async function bootSystemd(): Promise<Machine> {
  const bind = `${ROOT.replace(/\/$/, '')}=${INSIDE.repository} ${process.execPath}=${INSIDE.node}`;
  const booted = await harness({ SDH_OWNER: String(process.pid), SDH_BIND: bind }, 'boot');
  if (booted.code !== 0) throw new Error(`systemd does not boot: ${booted.stderr}`);
  const dir = booted.stdout.trim();
  const takeBack = atEndOfFile(() => spawnSync('sh', [HARNESS, 'halt', dir]));
  const exec = (...command: string[]): Promise<Answer> => harness({}, 'exec', dir, ...command);
  const run = async (...command: string[]): Promise<string> => {
    const { code, stdout, stderr } = await exec(...command);
    if (code !== 0) throw new Error(`${command.join(' ')} exits ${code}: ${stdout}${stderr}`);
    return stdout;
  };
  let files = 0;
  return {
    exec,
    run,
    write: async (path, text) => {
      const shared = join(dir, 'share', String((files += 1)));
      writeFileSync(shared, text, { mode: 0o644 });
      await run('install', '-D', '-m', '644', shared, path);
    },
    properties: async (unit, ...names) => {
      const text = await run('systemctl', 'show', unit, '-p', names.join(','));
      const lines = text.trim().split('\n');
      return Object.fromEntries(
        lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
      );
    },
    journal: async (unit) => {
      await run('journalctl', '--sync');
      const text = await run('journalctl', '-u', unit, '-o', 'json', '--all', '--no-pager');
      const lines = text.split('\n').filter((line) => line !== '');
      return lines.map((line) => {
        const entry = JSON.parse(line) as Record<string, string>;
        return {
          priority: Number(entry['PRIORITY']),
          identifier: entry['SYSLOG_IDENTIFIER'] ?? '',
          message: String(entry['MESSAGE']),
        };
      });
    },
    halt: async () => {
      await harness({}, 'halt', dir);
      takeBack();
    },
  };
}

function harness(env: Record<string, string>, ...args: string[]): Promise<Answer> {
  return new Promise((resolve) => {
    const child = execFile(
      'sh',
      [HARNESS, ...args],
      { env: { ...process.env, ...env }, maxBuffer: 64 * 1024 * 1024, timeout: 120_000 },
      (_, stdout, stderr) => {
        resolve({ code: child.exitCode ?? -1, stdout, stderr });
      },
    );
  });
}

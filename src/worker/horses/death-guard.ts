import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/**
 * A program that makes the kernel kill a child process when whoever has started it dies (prctl PDEATHSIG), and its arguments: util-linux's
 * setpriv; null where there is none. A horse in a busy loop does not notice by itself that its worker was killed: without it, it ends when its job yields.
 */
export async function findDeathGuard(): Promise<readonly string[] | null> {
  if (process.platform !== 'linux') return null;
  const guard = ['setpriv', '--pdeathsig', 'KILL'] as const;
  try {
    await promisify(execFile)(guard[0], [...guard.slice(1), 'true']);
    return guard;
  } catch {
    return null;
  }
}

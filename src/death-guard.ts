import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/**
 * A program that makes the kernel kill a child process when whoever has started it dies, however that is (prctl PDEATHSIG), and its arguments:
 * util-linux's setpriv; null where there is none. Without it a work horse ends when its job yields, and a private Redis with an orderly end alone.
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

import { closeSync, ftruncateSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where the tickets' files are made, the first that can be written: in memory, if possible. */
const FOLDERS = ['/dev/shm', tmpdir()];
/** The file descriptor by which a horse takes its tickets. */
export const TICKETS_FD = 4;

/**
 * The right to begin a job that stands in line at a process: whoever takes its ticket has the job, the process to begin it or the worker
 * to take it back, also when that process is in a busy loop and answers nothing. The tickets of one line are the bytes of a
 * file between the position, which both processes share, and its end; reading one is atomic (Linux since 3.14, POSIX.1-2008
 * 2.9.7). The file has no name, and no blocks. See docs/decisions/0015-jobs-in-line.md.
 */
export class Tickets {
  /** To be inherited as `TICKETS_FD`. */
  readonly fd: number;
  #issued = 0;

  private constructor(fd: number) {
    this.fd = fd;
  }

  /** Null where there is no such file: then nothing can stand in line. */
  static open(): Tickets | null {
    if (process.platform === 'win32') return null;
    for (const folder of FOLDERS) {
      try {
        return new Tickets(openUnnamed(folder));
      } catch {
        // Not there, or not to be written.
      }
    }
    return null;
  }

  /** Makes so many more. */
  issue(count: number): void {
    this.#issued += count;
    ftruncateSync(this.fd, this.#issued);
  }

  /** Takes all that are left, at most so many; returns how many there were. */
  takeBack(most: number): number {
    return readSync(this.fd, Buffer.alloc(most), 0, most, null);
  }

  close(): void {
    closeSync(this.fd);
  }
}

const one = Buffer.alloc(1);

/** Takes one ticket, in the process that begins jobs; false if the worker has taken it back. */
export const takeTicket = (): boolean => readSync(TICKETS_FD, one, 0, 1, null) === 1;

function openUnnamed(folder: string): number {
  const own = mkdtempSync(join(folder, 'tsrq-'));
  try {
    return openSync(join(own, 'tickets'), 'wx+', 0o600);
  } finally {
    rmSync(own, { recursive: true });
  }
}

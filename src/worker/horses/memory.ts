import { readFile } from 'node:fs/promises';

const CHECK_MS = 1_000;

/** A process whose memory is looked at. */
interface Process {
  readonly pid: number | undefined;
  kill(reason: string): void;
}

/** Ends processes whose resident memory is above so many bytes; returns how to end that. */
export function limitMemory(processes: () => readonly Process[], most: number): () => void {
  const check = async (): Promise<void> => {
    for (const one of processes()) {
      const bytes = await memoryOf(one);
      if (bytes <= most) continue;
      one.kill(`ended by its worker: it used ${mebibytes(bytes)} MiB, more than --max-memory ${mebibytes(most)} MiB`);
    }
  };
  const timer = setInterval(() => void check(), CHECK_MS);
  return () => {
    clearInterval(timer);
  };
}

const mebibytes = (bytes: number): number => Math.round(bytes / 1_048_576);

/** Resident memory of a process, bytes; 0 where the system does not tell. */
export async function memoryOf({ pid }: Pick<Process, 'pid'>): Promise<number> {
  if (pid === undefined) return 0;
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1_024;
  } catch {
    return 0;
  }
}

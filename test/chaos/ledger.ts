import { existsSync, readFileSync } from 'node:fs';

/** What a handler wrote down, outside Redis. */
export interface Entry {
  /** Milliseconds since the epoch. */
  readonly t: number;
  readonly what: 'begin' | 'end';
  readonly key: string;
  readonly execution: string;
  /** Retries the job had left. */
  readonly left: number;
  readonly worker: string;
  readonly pid: number;
}

/** One run of a job as its handler saw it; `end` is null when it did not come to it. */
export interface Ran {
  readonly begin: Entry;
  end: Entry | null;
}

/** The runs of each job, in the order they began. */
export function readLedger(file: string): Map<string, Ran[]> {
  const runs = new Map<string, Ran[]>();
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
  for (const line of lines) {
    if (line === '') continue;
    const entry = JSON.parse(line) as Entry;
    const ofJob = runs.get(entry.key) ?? [];
    runs.set(entry.key, ofJob);
    if (entry.what === 'begin') ofJob.push({ begin: entry, end: null });
    else {
      const open = ofJob.find(
        (ran) => ran.begin.pid === entry.pid && ran.begin.execution === entry.execution && !ran.end,
      );
      if (open) open.end = entry;
    }
  }
  return runs;
}

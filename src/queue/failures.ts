import type { Redis } from '../redis/redis.js';
import { isMeant, readFailed, type FailedJob, type FailureFilter } from './failed.js';
import { queueNames, registryPage, registrySizes } from './registry.js';

/** Failures of one function with one kind of error. */
export interface FailureGroup {
  /** Null where it cannot be told. */
  readonly functionName: string | null;
  /** Type and message, with numbers and ids taken out; null where no error is recorded. */
  readonly error: string | null;
  readonly count: number;
  /** Milliseconds since the epoch; null where no job of the group tells when it ended. */
  readonly oldestMs: number | null;
  readonly newestMs: number | null;
  /** The job that failed last. */
  readonly exampleId: string;
  readonly queues: readonly string[];
}

/** Which failures are grouped. */
export interface FailuresOptions {
  /** Queues whose failed registries are looked at; default: all. */
  readonly queues?: readonly string[];
  readonly filter?: FailureFilter;
  /** Called after each page. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Told of a failed registry that cannot be read, while the others are. Default: it is thrown. */
  readonly onProblem?: (queue: string, error: Error) => void;
  /** Ends it between two pages; then the groups are those of what was read. */
  readonly signal?: AbortSignal;
}

const PAGE = 200;
/** With more kinds of errors than this, the errors of a function that come later are one group. */
const MOST_GROUPS = 1_000;
const OTHER = 'other errors';

/**
 * Failed jobs, grouped by function and kind of error, the largest group first; page by page, and memory does not grow with their
 * number. Entries whose job is gone are left out.
 */
export async function failureGroups(redis: Redis, options: FailuresOptions = {}): Promise<FailureGroup[]> {
  const { filter = {}, onProgress, onProblem, signal } = options;
  const queues = options.queues ?? (await queueNames(redis)).names;
  const sizes = await registrySizes(redis, 'failed', queues, onProblem);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const groups = new Map<string, Growing>();
  let done = 0;
  for (const [i, queue] of queues.entries()) {
    for (let from = 0; from < (sizes[i] ?? 0) && signal?.aborted !== true; from += PAGE) {
      const ids = await registryPage(redis, 'failed', queue, { from, count: PAGE });
      for (const job of await readFailed(redis, ids)) {
        const known = job.functionName !== null || job.error !== null || job.endedAtMs !== null;
        if (known && isMeant(job, filter)) add(groups, queue, job);
      }
      done += ids.length;
      onProgress?.(Math.min(done, total), total);
    }
  }
  return [...groups.values()]
    .map(({ queues: names, ...group }) => ({ ...group, queues: [...names].sort() }))
    .sort((a, b) => b.count - a.count || (b.newestMs ?? 0) - (a.newestMs ?? 0));
}

/** A group that still grows. */
type Growing = { -readonly [K in Exclude<keyof FailureGroup, 'queues'>]: FailureGroup[K] } & {
  readonly queues: Set<string>;
};

function add(groups: Map<string, Growing>, queue: string, { id, functionName, error, endedAtMs }: FailedJob): void {
  const kind = error === null ? null : kindOfError(error);
  const keyOf = (text: string | null): string => JSON.stringify([functionName, text]);
  const own = groups.has(keyOf(kind)) || groups.size < MOST_GROUPS ? kind : OTHER;
  const group = groups.get(keyOf(own));
  if (!group) {
    const times = { oldestMs: endedAtMs, newestMs: endedAtMs };
    groups.set(keyOf(own), { functionName, error: own, count: 1, ...times, exampleId: id, queues: new Set([queue]) });
    return;
  }
  group.count += 1;
  group.queues.add(queue);
  if (endedAtMs === null) return;
  group.oldestMs = Math.min(group.oldestMs ?? Infinity, endedAtMs);
  if (group.newestMs !== null && group.newestMs > endedAtMs) return;
  group.newestMs = endedAtMs;
  group.exampleId = id;
}

const LONGEST = 200;

/** The line of an error text that tells type and message, with what differs from job to job taken out. */
export function kindOfError(text: string): string {
  return messageLine(text)
    .slice(0, 2_000)
    .replace(/\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?(?:Z|[+-]\d\d:?\d\d)?/g, '<date>')
    .replace(/\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b/gi, '<id>')
    .replace(/\b0x[0-9a-f]+\b/gi, '<id>')
    .replace(/\b(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{8,}\b/gi, '<id>')
    .replace(/\d+(?:[.,:]\d+)*/g, 'N')
    .slice(0, LONGEST);
}

/** JavaScript begins with it; in a traceback of Python it follows the last frame. */
function messageLine(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (!/^Traceback \(most recent call last\)/.test(text)) return (lines[0] ?? '').trim();
  const frame = lines.findLastIndex((line) => /^\s+File "/.test(line));
  return (lines.slice(frame + 1).find((line) => !/^\s/.test(line)) ?? lines.at(-1) ?? '').trim();
}

import { randomUUID } from 'node:crypto';
import { queueKey, registryKey } from '../protocol/keys.js';
import type { Redis } from '../redis/redis.js';
import { script } from '../redis/scripts.js';
import { asList } from './claim.js';
import { readFailed, type FailedJob } from './failed.js';
import { moveQueue, refuseSame, type Moved } from './move.js';

/** The places from which jobs can be moved: their queue, or one of its registries. */
export const MOVABLE = ['queued', 'scheduled', 'deferred', 'failed'] as const;
/** One of these places. */
export type Movable = (typeof MOVABLE)[number];

/** Which jobs are moved, and how. */
export interface MoveJobsOptions {
  /** Only jobs of this function. */
  readonly functionName?: string;
  /** Only jobs with this text in their description or error, in upper or lower case. */
  readonly match?: string;
  /** So many at most: of a queue from its head on, of a registry the ones with the lowest score. */
  readonly limit?: number;
  /** Change nothing; `moved` is how many would be. */
  readonly dryRun?: boolean;
  /** Called while jobs are looked at, to choose some. */
  readonly onLooked?: (done: number, total: number) => void;
  /** Called after each step. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Ends it between two steps. */
  readonly signal?: AbortSignal;
}

/** A job that is to be moved, and how far it is from both ends of its queue. */
interface Chosen {
  readonly id: string;
  readonly fromHead: number;
  readonly fromTail: number;
}

/** Ids read at once, and jobs of which more than the id is read: a payload may be large. */
const PAGE = 1_000;
const JOBS_AT_ONCE = 100;

/** Small enough that one script holds Redis for a few milliseconds: so many jobs, so many entries of a list passed over. */
const BATCH = 100;
const STEPS = 200_000;

/**
 * Moves jobs that are queued on `from`, or in one of its registries, when the call begins to the same place of `to`, in their
 * order behind what is there, and makes that their origin. In bounded steps, each of which is atomic: it may be interrupted
 * and called again. Ids of those that were chosen are held in memory. Throws USAGE for one queue twice.
 */
export async function moveJobs(
  redis: Redis,
  place: Movable,
  from: string,
  to: string,
  options: MoveJobsOptions = {},
): Promise<Moved> {
  refuseSame(from, to);
  const { limit, dryRun = false, onProgress, signal } = options;
  const all = options.functionName === undefined && options.match === undefined;
  if (all && place === 'queued' && !dryRun) return moveQueue(redis, from, to, onProgress, signal, limit);
  const chosen = (await choose(redis, place, from, options)).slice(0, limit);
  if (dryRun) return { moved: chosen.length, dropped: 0 };
  const token = randomUUID();
  let [call, done, moved] = [0, 0, 0];
  for (const { side, ids } of batches(chosen, place)) {
    if (signal?.aborted === true) break;
    call += 1;
    const args = [place, from, to, token, call, side, ...ids];
    moved += Number(asList(await redis.evaluate(script('move_some'), [], args))[1]);
    done += ids.length;
    onProgress?.(done, chosen.length);
  }
  return { moved, dropped: 0 };
}

/**
 * From the end to the head: what workers or a scheduler take meanwhile does not move the rest away from under the reader; for
 * what is added meanwhile others are looked at again, until the head is reached.
 */
async function choose(redis: Redis, place: Movable, from: string, options: MoveJobsOptions): Promise<Chosen[]> {
  const [size, read, key] =
    place === 'queued' ? ['LLEN', 'LRANGE', queueKey(from)] : ['ZCARD', 'ZRANGE', registryKey(place, from)];
  const total = Number(await redis.call([size, key]));
  const found = new Map<string, Chosen>();
  for (let at = 0; total > 0 && options.signal?.aborted !== true; at += PAGE) {
    const ids = (await redis.call([read, key, -(at + PAGE), -(at + 1)])) as string[];
    const meant = await chooseMeant(redis, ids, options);
    for (let i = ids.length - 1; i >= 0; i -= 1) {
      const id = ids[i] ?? '';
      const fromTail = at + ids.length - i;
      if (meant.has(id) && !found.has(id)) found.set(id, { id, fromTail, fromHead: Math.max(0, total - fromTail) });
    }
    options.onLooked?.(Math.min(at + ids.length, total), total);
    if (ids.length < PAGE) break;
  }
  return [...found.values()].reverse();
}

async function chooseMeant(redis: Redis, ids: readonly string[], options: MoveJobsOptions): Promise<Set<string>> {
  if (options.functionName === undefined && options.match === undefined) return new Set(ids);
  const meant = new Set<string>();
  for (let from = 0; from < ids.length; from += JOBS_AT_ONCE) {
    const jobs = await readFailed(redis, ids.slice(from, from + JOBS_AT_ONCE));
    for (const job of jobs) if (isMeant(job, options)) meant.add(job.id);
  }
  return meant;
}

function isMeant({ functionName, description, error }: FailedJob, wanted: MoveJobsOptions): boolean {
  if (wanted.functionName !== undefined && functionName !== wanted.functionName) return false;
  const text = wanted.match?.toLowerCase();
  return text === undefined || [description, error].some((part) => part?.toLowerCase().includes(text) === true);
}

/** In pieces, each of which Redis finds soon from one end of the queue: `side` 1 from its head, -1 from its tail. */
function* batches(chosen: readonly Chosen[], place: Movable): Generator<{ side: 1 | -1; ids: string[] }> {
  let [side, ids, steps]: [1 | -1, string[], number] = [1, [], 0];
  for (const [moved, { id, fromHead, fromTail }] of chosen.entries()) {
    // What was moved before it is not in its way any more.
    const ahead = fromHead - moved;
    const nearer = ahead <= fromTail ? 1 : -1;
    const cost = place === 'queued' ? Math.min(ahead, fromTail) : 0;
    if (ids.length > 0 && (ids.length === BATCH || nearer !== side || steps + cost > STEPS)) {
      yield { side, ids };
      [ids, steps] = [[], 0];
    }
    side = nearer;
    ids.push(id);
    steps += cost;
  }
  if (ids.length > 0) yield { side, ids };
}

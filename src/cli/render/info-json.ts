import type { QueueInfo, Snapshot, Totals, WorkerInfo } from '../../info.js';

/** What was found at one of the connections that were asked. */
export interface Found {
  readonly connection: string;
  readonly snapshot: Snapshot;
}

/**
 * One object, of the same shape for any number of connections:
 * `time` (ISO 8601), `suspended` (at any connection), `totals`, `connections` (name, redis, time, suspended,
 * suspendedForSeconds, problems), `queues` and `workers`. A queue or worker that cannot be read has `error` and no counts.
 * Ages and times worked are seconds; what is not known is null. Fields may be added, none will change its meaning.
 */
export function renderJson(found: readonly Found[]): string {
  const of = <T extends object>(list: (snapshot: Snapshot) => readonly T[]): object[] =>
    found.flatMap(({ connection, snapshot }) => list(snapshot).map((entry) => ({ connection, ...entry })));
  return JSON.stringify({
    time: iso(Math.max(0, ...found.map(({ snapshot }) => snapshot.timeMs))),
    suspended: found.some(({ snapshot }) => snapshot.suspended),
    totals: found.map(({ snapshot }) => snapshot.totals).reduce(added),
    connections: found.map(({ connection, snapshot }) => ({
      name: connection,
      redis: snapshot.redis,
      time: iso(snapshot.timeMs),
      suspended: snapshot.suspended,
      suspendedForSeconds: snapshot.suspendedForSeconds,
      problems: snapshot.problems,
    })),
    queues: of((snapshot) => snapshot.queues.map(queueJson)),
    workers: of((snapshot) => snapshot.workers.map(workerJson)),
  });
}

const added = (a: Totals, b: Totals): Totals =>
  Object.fromEntries(Object.entries(a).map(([name, count]) => [name, count + b[name as keyof Totals]])) as Totals;

/** A queue as `info` and `queue` print it. */
export function queueJson(queue: QueueInfo): object {
  if (queue.error !== null) return queue;
  const { oldestQueuedAtMs, oldestAgeSeconds, ...counts } = queue;
  return { ...counts, oldestQueuedAt: oldestQueuedAtMs === null ? null : iso(oldestQueuedAtMs), oldestAgeSeconds };
}

export function workerJson({ birthMs, ...worker }: WorkerInfo): object {
  if (worker.error !== null) return { name: worker.name, error: worker.error };
  return { ...worker, birth: birthMs === null ? null : iso(birthMs) };
}

const iso = (ms: number): string => new Date(ms).toISOString();

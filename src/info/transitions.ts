import { clock } from '../clock.js';
import { jobKey, queueKey, registryKey, type RegistryName } from '../protocol/keys.js';
import { parseDate } from '../protocol/time.js';
import { queueNames } from '../queue/registry.js';
import type { Redis, RedisCommand } from '../redis/redis.js';
import { ask, finite, listOf } from './answer.js';

/** What can be seen to have happened to a job. `gone`: its record is; it was deleted, or ended and keeps no result. */
export const TRANSITIONS = [
  ...['queued', 'scheduled', 'deferred', 'started', 'finished', 'failed', 'stopped', 'canceled'],
  ...['retried', 'requeued', 'gone'],
] as const;

export interface Transition {
  /** One of `TRANSITIONS`; a status that only a newer RQ knows stands for itself. */
  readonly event: (typeof TRANSITIONS)[number] | (string & Record<never, never>);
  readonly id: string;
  readonly queue: string;
  /** When, by the clock of who wrote it; where that is not written, when it was seen. Milliseconds since the epoch. */
  readonly timeMs: number;
  readonly worker: string | null;
  /** Of a job that has ended: how long it ran. */
  readonly seconds: number | null;
}

interface Known {
  readonly status: string;
  readonly queue: string;
  readonly worker: string | null;
  readonly createdAtMs: number | null;
  readonly enqueuedAtMs: number | null;
  readonly startedAtMs: number | null;
  readonly endedAtMs: number | null;
  readonly retriesLeft: number | null;
  /** Where it was seen last, see `Place`. */
  readonly place: string;
}

/** So many of each list and registry are looked at, the newest first; fewer where there are many queues. */
const MOST_PER_PLACE = 100;
const LEAST_PER_PLACE = 5;
/** About so many ids in one look. */
const MOST_IDS = 5_000;
/** Of the jobs that were seen alive, so many are asked after although they are not to be seen in any place. */
const MOST_FOLLOWED = 1_000;
const MOST_KNOWN = 20_000;
/** So far the clocks of those who write dates may be behind ours. */
const CLOCKS_APART_MS = 30_000;

const LIVE = ['wip', 'scheduled', 'deferred'] as const satisfies RegistryName[];
const ENDED = ['finished', 'failed', 'canceled'] as const satisfies RegistryName[];
/** A list or registry of a queue, and what tells an entry from a later one of the same job; '' where it is in none. */
interface Place {
  readonly queue: string;
  readonly place: string;
}

const LIVE_STATUSES = new Set(['queued', 'started', 'scheduled', 'deferred']);
const ENDS = new Set(['finished', 'failed', 'stopped']);
const UNDONE_STATUSES = new Set(['failed', 'stopped', 'canceled']);

/**
 * Watches what happens to jobs, by looking: nobody who works is asked for anything. Three round trips for a look, whatever is there. Of
 * what happened between two looks the last is seen; more than a hundred new entries of one place are not all seen.
 */
export class TransitionWatch {
  readonly #redis: Redis;
  readonly #queues: readonly string[] | null;
  readonly #known = new Map<string, Known>();
  /** What is seen for the first time and happened before has only come into sight: others have left its place. */
  #sinceMs = Infinity;

  /** `queues`: null for all, also those that are made later. */
  constructor(redis: Redis, queues: readonly string[] | null) {
    this.#redis = redis;
    this.#queues = queues;
  }

  /** What has happened since the last look, in the order of time; nothing at the first. */
  async look(): Promise<Transition[]> {
    const lookedAtMs = clock();
    const queues = this.#queues ?? (await queueNames(this.#redis)).names;
    const seen = await this.#places(queues);
    const isLive = (id: string): boolean => LIVE_STATUSES.has(this.#known.get(id)?.status ?? '');
    const asked = new Map<string, Place>();
    // Who has left every place is asked after once more: it has ended, or its place is longer than a look.
    const followed = [...this.#known.keys()].filter((id) => isLive(id) && !seen.has(id)).slice(-MOST_FOLLOWED);
    for (const id of followed) asked.set(id, { queue: this.#known.get(id)?.queue ?? '', place: '' });
    for (const [id, place] of seen) if (isLive(id) || this.#known.get(id)?.place !== place.place) asked.set(id, place);
    const transitions = await this.#ask(asked);
    this.#forget(seen);
    const first = this.#sinceMs === Infinity;
    this.#sinceMs = lookedAtMs - CLOCKS_APART_MS;
    return first ? [] : transitions.sort((a, b) => a.timeMs - b.timeMs);
  }

  async #places(queues: readonly string[]): Promise<Map<string, Place>> {
    const registries = [...LIVE, ...ENDED];
    const share = Math.floor(MOST_IDS / Math.max(1, queues.length * (registries.length + 1)));
    const count = Math.max(LEAST_PER_PLACE, Math.min(MOST_PER_PLACE, share));
    const groups = queues.map((queue): RedisCommand[] => [
      ['LRANGE', queueKey(queue), -count, -1],
      ['LRANGE', queueKey(queue), 0, Math.min(count, 10) - 1],
      ...registries.map((registry): RedisCommand => {
        return ['ZREVRANGEBYSCORE', registryKey(registry, queue), '+inf', '-inf', 'WITHSCORES', 'LIMIT', 0, count];
      }),
    ]);
    const answers = await ask(this.#redis, groups);
    const seen = new Map<string, Place>();
    for (const [i, queue] of queues.entries()) {
      const [newest, oldest, ...others] = (answers[i] ?? []).map(({ reply }) => listOf(reply));
      // Ended first: a job that lives again is where it lives.
      for (const [at, registry] of [...registries.entries()].reverse()) {
        const members = others[at] ?? [];
        for (let entry = 0; entry + 1 < members.length; entry += 2) {
          const member = members[entry] ?? '';
          const id = registry === 'wip' ? member.slice(0, Math.max(0, member.lastIndexOf(':'))) : member;
          // The lease of a running job moves on while it runs: only its execution tells a new start.
          const what = registry === 'wip' ? member : (members[entry + 1] ?? '');
          seen.set(id, { queue, place: `${registry} ${what}` });
        }
      }
      for (const id of [...(oldest ?? []), ...(newest ?? [])]) seen.set(id, { queue, place: 'queue' });
    }
    return seen;
  }

  async #ask(asked: ReadonlyMap<string, Place>): Promise<Transition[]> {
    const ids = [...asked.keys()];
    const commands = ids.map((id): RedisCommand => ['HMGET', jobKey(id), ...FIELDS]);
    const [answers = []] = await ask(this.#redis, [commands]);
    const found: Transition[] = [];
    for (const [i, id] of ids.entries()) {
      const { queue = '', place = '' } = asked.get(id) ?? {};
      const reply = answers[i]?.reply;
      if (!Array.isArray(reply)) continue;
      const before = this.#known.get(id);
      // Those known last are asked after first, and forgotten last.
      this.#known.delete(id);
      const now = read(reply as (string | null)[], queue, place || (before?.place ?? ''));
      if (now) this.#known.set(id, now);
      const event = eventOf(before, now, this.#sinceMs);
      const job = now ?? before;
      if (event !== null && job) found.push(transition(id, event, job));
    }
    return found;
  }

  /** What is in no place any more is forgotten first, the longest known first. */
  #forget(seen: ReadonlyMap<string, unknown>): void {
    const limit = Math.max(MOST_KNOWN, seen.size * 2);
    for (const id of this.#known.keys()) {
      if (this.#known.size <= limit) return;
      if (!seen.has(id)) this.#known.delete(id);
    }
  }
}

const FIELDS = [
  'status',
  'started_at',
  'ended_at',
  'retries_left',
  'enqueued_at',
  'origin',
  'worker_name',
  'created_at',
];

/** Null where there is no job. */
function read(reply: readonly (string | null)[], queue: string, place: string): Known | null {
  const [status, startedAt, endedAt, retriesLeft, enqueuedAt, origin, worker, createdAt] = reply.map(
    (text) => text || null,
  );
  if (status == null) return null;
  return {
    ...{ status, place, queue: origin ?? queue, worker: worker ?? null, retriesLeft: finite(retriesLeft ?? null) },
    createdAtMs: parseDate(createdAt ?? ''),
    enqueuedAtMs: parseDate(enqueuedAt ?? ''),
    startedAtMs: parseDate(startedAt ?? ''),
    endedAtMs: parseDate(endedAt ?? ''),
  };
}

/** What has happened between two looks at a job; null for nothing. */
function eventOf(before: Known | undefined, now: Known | null, sinceMs: number): string | null {
  if (now === null) return before ? 'gone' : null;
  if (!before) return (writtenMs(now.status, now) ?? Infinity) >= sinceMs ? now.status : null;
  const left = (before.retriesLeft ?? 0) - (now.retriesLeft ?? 0);
  if (left > 0 && LIVE_STATUSES.has(now.status)) return 'retried';
  if (before.status !== now.status) {
    return now.status === 'queued' && UNDONE_STATUSES.has(before.status) ? 'requeued' : now.status;
  }
  const again = before.startedAtMs !== now.startedAtMs || before.endedAtMs !== now.endedAtMs;
  return again && now.status !== 'queued' ? now.status : null;
}

/** When it happened, where that is written. A job that is scheduled or deferred has been so from the beginning, or was seen before. */
function writtenMs(event: string, job: Known): number | null {
  if (ENDS.has(event)) return job.endedAtMs;
  if (event === 'started') return job.startedAtMs;
  if (event === 'queued') return job.enqueuedAtMs;
  return event === 'scheduled' || event === 'deferred' ? job.createdAtMs : null;
}

function transition(id: string, event: string, job: Known): Transition {
  const { queue, worker, startedAtMs, endedAtMs } = job;
  const ended = ENDS.has(event);
  const ran = ended && startedAtMs !== null && endedAtMs !== null ? Math.max(0, endedAtMs - startedAtMs) / 1_000 : null;
  return {
    event,
    id,
    queue,
    timeMs: writtenMs(event, job) ?? clock(),
    worker: ended || event === 'started' ? worker : null,
    seconds: ran,
  };
}

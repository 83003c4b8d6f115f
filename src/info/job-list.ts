import { QUEUES_KEY, queueOfKey } from '../protocol/keys.js';
import type { Redis } from '../redis/redis.js';
import { listOf } from './answer.js';
import { readEntries, type JobEntry } from './job-entry.js';
import { openPlaces, type JobState, type Order, type Place } from './job-places.js';

export type { JobEntry } from './job-entry.js';
export { JOB_STATES, type JobState } from './job-places.js';

/** Which jobs are listed; all that is given must hold. */
export interface JobFilter {
  /** Default: all, of all that RQ knows. */
  readonly queues?: readonly string[];
  /** Default: all; with `match` those that can have an error, failed and stopped. */
  readonly states?: readonly JobState[];
  /** The name of the function, as a worker resolves it. */
  readonly functionName?: string;
  /** A text that the error holds, in any case. */
  readonly match?: string;
  /** By `JobEntry.when`, milliseconds since the epoch; `beforeMs` itself is not part. */
  readonly sinceMs?: number;
  readonly beforeMs?: number;
  /** Default newest first. */
  readonly order?: Order;
}

/** With no more entries than this in all places together, everything is read at once, and the order is exact. */
const EXACT = 2_000;
/** Of more, a place is read by pages that grow from the first to the second. */
const [FIRST_PAGE, LARGEST_PAGE] = [8, 200];

/**
 * The jobs in queues and registries, page by page: memory and the time of a command do not grow with their number. Sorted by
 * `when`; with more than 2,000 entries in all, a queue or registry is gone through in RQ's own order (the order of the queue; of
 * finished and failed jobs, by when they will be forgotten), and only what is next in each is sorted. A job that moves while it is
 * looked for may be listed twice or missed. An entry whose job is gone is listed as such. What else is wrong is told by `problems`.
 */
export class JobListing {
  readonly #redis: Redis;
  readonly #filter: JobFilter;
  #open: OpenPlace[] | null = null;
  /** Keys that cannot be read, each with the reason. */
  readonly problems: string[] = [];

  constructor(redis: Redis, filter: JobFilter = {}) {
    this.#redis = redis;
    this.#filter = filter;
  }

  /** Whether there is nothing left to look at. */
  get exhausted(): boolean {
    return this.#open?.every((place) => place.isOver) ?? false;
  }

  /** The entries that the filter lets through. May be called once. */
  async *entries(): AsyncGenerator<JobEntry> {
    const { queues, match, order = 'newest' } = this.#filter;
    const states = this.#filter.states ?? (match === undefined ? undefined : (['failed', 'stopped'] as const));
    const places = await openPlaces(this.#redis, {
      queues: queues ?? (await this.#allQueues()),
      order,
      problems: this.problems,
      ...(states ? { states } : {}),
    });
    const total = places.reduce((sum, place) => sum + place.size, 0);
    const open = places.map((place) => new OpenPlace(place, order, total <= EXACT ? EXACT : FIRST_PAGE));
    this.#open = open;
    for (;;) {
      while (open.some((place) => place.isEmpty)) await this.#refill(open.filter((place) => place.isEmpty));
      const next = best(open, order);
      if (!next) return;
      const entry = next.take();
      if (this.#fits(entry, states)) yield entry;
    }
  }

  async #allQueues(): Promise<string[]> {
    const members = listOf(await this.#redis.call(['SMEMBERS', QUEUES_KEY]));
    return members
      .map(queueOfKey)
      .filter((name) => name !== null)
      .sort();
  }

  /** Reads on where nothing is left of the last page. */
  async #refill(empty: readonly OpenPlace[]): Promise<void> {
    const ids = await this.#redis.pipeline(empty.map((open) => open.command()));
    const refs = empty.map((open, i) => open.read(ids[i] ?? null, this.problems));
    const entries = await readEntries(this.#redis, refs.flat());
    let at = 0;
    for (const [i, open] of empty.entries()) open.fill(entries.slice(at, (at += refs[i]?.length ?? 0)));
  }

  #fits(entry: JobEntry, states: readonly JobState[] | undefined): boolean {
    const { functionName, match, sinceMs = -Infinity, beforeMs = Infinity } = this.#filter;
    if (states && !states.includes(entry.state)) return false;
    if (functionName !== undefined && entry.functionName !== functionName) return false;
    if (match !== undefined && entry.error?.toLowerCase().includes(match.toLowerCase()) !== true) return false;
    if (sinceMs === -Infinity && beforeMs === Infinity) return true;
    const when = entry.when?.getTime() ?? NaN;
    return when >= sinceMs && when < beforeMs;
  }
}

/** A place that is being gone through. */
class OpenPlace {
  readonly #place: Place;
  readonly #order: Order;
  #pageSize: number;
  #page: { readonly entry: JobEntry; readonly key: number }[] = [];
  #at = 0;
  #lastIds = new Set<string>();
  #lastKey: number | null = null;
  #ended = false;

  constructor(place: Place, order: Order, pageSize: number) {
    this.#place = place;
    this.#order = order;
    this.#pageSize = pageSize;
  }

  get isEmpty(): boolean {
    return this.#at >= this.#page.length && !this.#ended;
  }
  get isOver(): boolean {
    return this.#at >= this.#page.length && this.#ended;
  }
  /** By which it is compared with others. */
  get key(): number {
    return this.#page[this.#at]?.key ?? 0;
  }

  take(): JobEntry {
    const next = this.#page[this.#at];
    if (!next) throw new Error('a place was asked for more than it has');
    this.#at += 1;
    return next.entry;
  }

  command(): ReturnType<Place['command']> {
    return this.#place.command(this.#pageSize);
  }

  read(...[reply, problems]: Parameters<Place['read']>): ReturnType<Place['read']> {
    const refs = this.#place.read(reply, problems);
    this.#ended = refs.length < this.#pageSize;
    this.#pageSize = Math.max(this.#pageSize, Math.min(LARGEST_PAGE, this.#pageSize * 4));
    // What comes in meanwhile moves the page: its first may be the last ones of the page before.
    const fresh = refs.filter(({ id }) => !this.#lastIds.has(id));
    this.#lastIds = new Set(refs.map(({ id }) => id));
    return fresh;
  }

  fill(entries: readonly JobEntry[]): void {
    const sign = this.#order === 'newest' ? -1 : 1;
    // One that does not tell its time stays behind the one before it, so that it neither hides others nor is hidden.
    let key = this.#lastKey ?? entries.find(({ when }) => when !== null)?.when?.getTime() ?? sign * -Infinity;
    this.#page = entries.map((entry) => ({ entry, key: (key = entry.when?.getTime() ?? key) }));
    this.#lastKey = key;
    this.#page.sort((a, b) => (a.key === b.key ? 0 : sign * (a.key - b.key)));
    this.#at = 0;
  }
}

function best(open: readonly OpenPlace[], order: Order): OpenPlace | undefined {
  let found: OpenPlace | undefined;
  for (const place of open) {
    if (place.isOver) continue;
    if (!found || (order === 'newest' ? place.key > found.key : place.key < found.key)) found = place;
  }
  return found;
}

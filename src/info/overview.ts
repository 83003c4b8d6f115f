import {
  jobKey,
  PAUSED_KEY,
  queueKey,
  queueOfKey,
  QUEUES_KEY,
  REGISTRIES,
  registryKey,
  SUSPENDED_KEY,
  workerKey,
  workerOfKey,
  WORKERS_KEY,
  type RegistryName,
} from '../protocol/keys.js';
import { parseDate } from '../protocol/time.js';
import { readPaused } from '../queue/pause.js';
import type { Redis, RedisCommand, Reply } from '../redis/redis.js';
import { ask, errorOf, listOf, numberOf, secondsSince, type Answer } from './answer.js';
import { NOTHING_RUNS, readWorker, type WorkerInfo } from './worker.js';

/** A queue as it was counted last. */
export interface CountedQueue extends Readonly<Record<RegistryName, number>> {
  readonly name: string;
  /** What is wrong with one of its keys; it is not counted then. */
  readonly error: string | null;
  readonly queued: number;
  /** For how long the job at the head has waited; null where there is none, or it does not tell. */
  readonly oldestSeconds: number | null;
}

/** What happened between two looks. */
export interface Pulse {
  /** Jobs that ended, and of these those that failed, per second. */
  readonly ended: number;
  readonly failed: number;
  /** The longest that a job at the head of a queue has waited, seconds. */
  readonly waiting: number;
}

/** What is on the screen: read at every look. */
export interface Visible {
  readonly queues: readonly string[];
  readonly workers: readonly string[];
}

/** So many queues, and so many workers, that are not visible are read per look, in turn. */
const IN_TURN = 20;
/** Until everything has been read once: so many at once. */
const AT_FIRST = 250;
/** Pulses that are kept. */
const HISTORY = 300;

/**
 * Queues and workers as they were seen last, for a screen that is drawn again and again. After the first look, the number of
 * commands of a look does not depend on how much there is: names, what is visible, and some of the others in turn. Up to 20
 * queues and workers all are read each time; of more, sums are as old as the turn is long. Changes nothing.
 */
export class Overview {
  readonly redis: Redis;
  timeMs = 0;
  suspended = false;
  /** Sorted. */
  queues: readonly string[] = [];
  workers: readonly string[] = [];
  readonly counts = new Map<string, CountedQueue>();
  readonly seen = new Map<string, WorkerInfo>();
  readonly history: Pulse[] = [];
  problems: readonly string[] = [];
  #paused: ReadonlyMap<string, number> = new Map();
  readonly #rates = new Map<string, Rate>();
  /** Where the turn is, of queues and of workers. */
  #queueTurn = 0;
  #workerTurn = 0;

  constructor(redis: Redis) {
    this.redis = redis;
  }

  isPaused(queue: string): boolean {
    return (this.#paused.get(queue) ?? 0) > this.timeMs / 1_000;
  }

  /** The sum over all queues that could be counted. */
  total(count: 'queued' | RegistryName): number {
    let sum = 0;
    for (const queue of this.counts.values()) sum += queue[count];
    return sum;
  }

  /** Looks once. What it rejects with changes nothing that was seen before. */
  async look(visible: Visible): Promise<void> {
    await this.#readNames();
    const queues = inTurn(this.queues, this.#queueTurn);
    const workers = inTurn(this.workers, this.#workerTurn);
    await this.#read(
      new Set([...visible.queues.filter((name) => this.counts.has(name)), ...queues]),
      new Set([...visible.workers.filter((name) => this.seen.has(name)), ...workers]),
    );
    this.#queueTurn += IN_TURN;
    this.#workerTurn += IN_TURN;
    for (;;) {
      const newQueues = unread(this.queues, this.counts);
      const newWorkers = unread(this.workers, this.seen);
      if (newQueues.length + newWorkers.length === 0) break;
      await this.#read(new Set(newQueues), new Set(newWorkers));
    }
    this.#notePulse();
  }

  async #readNames(): Promise<void> {
    const [asked = []] = await ask(this.redis, [
      [
        ['SMEMBERS', QUEUES_KEY],
        ['SMEMBERS', WORKERS_KEY],
        ['PTTL', SUSPENDED_KEY],
        ['TIME'],
        ['ZRANGE', PAUSED_KEY, 0, -1, 'WITHSCORES'],
      ],
    ]);
    const [queues, workers, suspendedMs, time, paused] = asked.map(({ reply }) => reply);
    const [seconds, micros] = listOf(time).map(Number);
    this.timeMs = seconds === undefined ? Date.now() : seconds * 1_000 + (micros ?? 0) / 1_000;
    this.suspended = typeof suspendedMs === 'number' && suspendedMs !== -2;
    this.queues = namesIn(queues, queueOfKey);
    this.workers = namesIn(workers, workerOfKey);
    this.problems = asked.map(errorOf).filter((error) => error !== null);
    this.#paused = readPaused(paused);
    forget(this.counts, this.queues);
    forget(this.seen, this.workers);
    forget(this.#rates, this.workers);
  }

  async #read(queues: ReadonlySet<string>, workers: ReadonlySet<string>): Promise<void> {
    const [names, workerNames] = [[...queues], [...workers]];
    const answers = await ask(this.redis, [
      ...names.map(queueCommands),
      ...workerNames.map((name): RedisCommand[] => [['HGETALL', workerKey(name)]]),
    ]);
    const heads = names.map((_, i) => answers[i]?.[1]?.reply);
    const dates = await headDates(this.redis, heads);
    for (const [i, name] of names.entries()) {
      const oldest = secondsSince(parseDate(dates[i] ?? ''), this.timeMs);
      this.counts.set(name, readCounts(name, answers[i] ?? [], oldest));
    }
    for (const [i, name] of workerNames.entries()) {
      const worker = readWorker(name, answers[names.length + i], NOTHING_RUNS, this.timeMs);
      this.#rates.set(name, rateOf(this.seen.get(name), this.#rates.get(name), worker, this.timeMs));
      this.seen.set(name, worker);
    }
  }

  #notePulse(): void {
    let [ended, failed, waiting] = [0, 0, 0];
    for (const rate of this.#rates.values()) {
      ended += rate.ended;
      failed += rate.failed;
    }
    for (const { oldestSeconds } of this.counts.values()) waiting = Math.max(waiting, oldestSeconds ?? 0);
    this.history.push({ ended, failed, waiting });
    if (this.history.length > HISTORY) this.history.shift();
  }
}

/** Jobs per second of one worker, between the two looks at it. */
interface Rate {
  readonly atMs: number;
  readonly ended: number;
  readonly failed: number;
}

/** By the worker's own counters. */
function rateOf(before: WorkerInfo | undefined, last: Rate | undefined, now: WorkerInfo, atMs: number): Rate {
  const seconds = last === undefined ? 0 : (atMs - last.atMs) / 1_000;
  // Another worker of that name counts from 0 again.
  if (!before || seconds <= 0 || before.birthMs !== now.birthMs || now.gone) return { atMs, ended: 0, failed: 0 };
  const failed = Math.max(0, now.failed - before.failed) / seconds;
  return { atMs, failed, ended: failed + Math.max(0, now.successful - before.successful) / seconds };
}

const namesIn = (reply: Reply | Error | undefined, nameOf: (member: string) => string | null): string[] =>
  listOf(reply)
    .map(nameOf)
    .filter((name) => name !== null)
    .sort();

const unread = (names: readonly string[], known: ReadonlyMap<string, unknown>): string[] =>
  names.filter((name) => !known.has(name)).slice(0, AT_FIRST);

const inTurn = (names: readonly string[], turn: number): string[] =>
  Array.from({ length: Math.min(IN_TURN, names.length) }, (_, i) => names[(turn + i) % names.length] ?? '');

function forget(known: Map<string, unknown>, names: readonly string[]): void {
  const left = new Set(names);
  for (const name of known.keys()) if (!left.has(name)) known.delete(name);
}

const queueCommands = (name: string): RedisCommand[] => [
  ['LLEN', queueKey(name)],
  ['LINDEX', queueKey(name), 0],
  ...REGISTRIES.map((registry): RedisCommand => ['ZCARD', registryKey(registry, name)]),
];

/** When the jobs at the heads of queues were enqueued, as their hashes tell it. */
async function headDates(redis: Redis, heads: readonly (Reply | Error | undefined)[]): Promise<(string | null)[]> {
  const ids = heads.filter((head) => typeof head === 'string');
  const answers = ids.length === 0 ? [] : await redis.pipeline(ids.map((id) => ['HGET', jobKey(id), 'enqueued_at']));
  let at = 0;
  return heads.map((head) => {
    const date = typeof head === 'string' ? answers[at++] : null;
    return typeof date === 'string' ? date : null;
  });
}

function readCounts(name: string, answers: readonly Answer[], oldestSeconds: number | null): CountedQueue {
  const [queued, , ...entries] = answers.map(({ reply }) => reply);
  const error = answers.map(errorOf).find((one) => one !== null) ?? null;
  const counts = Object.fromEntries(
    REGISTRIES.map((registry, i) => [registry, error === null ? numberOf(entries[i]) : 0]),
  ) as Record<RegistryName, number>;
  return { ...counts, name, error, queued: error === null ? numberOf(queued) : 0, oldestSeconds };
}

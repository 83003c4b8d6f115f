import {
  executionKey,
  intermediateKey,
  jobKey,
  queueKey,
  queueOfKey,
  queueWorkersKey,
  QUEUES_KEY,
  REGISTRIES,
  registryKey,
  PAUSED_KEY,
  SUSPENDED_KEY,
  workerKey,
  workerOfKey,
  WORKERS_KEY,
  type RegistryName,
} from './protocol/keys.js';
import { parseDate } from './protocol/time.js';
import { readPaused } from './queue/pause.js';
import { ask, errorOf, listOf, numberOf, secondsSince, type Answer } from './info/answer.js';
import { readProgress } from './info/progress.js';
import { readExecution, readWorker, sortRunning, type WorkerInfo } from './info/worker.js';
import type { Redis, RedisCommand, Reply } from './redis/redis.js';

export type { WorkerInfo } from './info/worker.js';

/** A queue and its registries, counted at one moment. */
export interface QueueCounts {
  readonly name: string;
  readonly error: null;
  /** tsrq's workers take nothing from it; seconds until that ends by itself, null for never and where it is not paused. */
  readonly paused: boolean;
  readonly pausedForSeconds: number | null;
  readonly queued: number;
  /** Taken off the queue by a waiting worker, and about to start. */
  readonly intermediate: number;
  readonly started: number;
  /** Started by workers that are dead by now; the next maintenance of any worker fails or retries them. */
  readonly abandoned: number;
  readonly finished: number;
  readonly failed: number;
  readonly deferred: number;
  readonly scheduled: number;
  readonly canceled: number;
  /** When the job at the head was enqueued, milliseconds since the epoch; null where there is none, or it does not tell. */
  readonly oldestQueuedAtMs: number | null;
  readonly oldestAgeSeconds: number | null;
  /** Names of the live workers that listen. */
  readonly workers: readonly string[];
}

/** A queue that cannot be counted, because one of its keys is none of RQ's. */
export interface BrokenQueue {
  readonly name: string;
  readonly error: string;
}

/** A queue, as far as it can be counted. */
export type QueueInfo = QueueCounts | BrokenQueue;

/** Sums over the queues that can be counted; `queues` and `workers` count all. */
export type Totals = Readonly<Record<(typeof SUMMED)[number] | 'queues' | 'workers', number>>;

/** Everything that RQ knows of queues and workers, at one moment. */
export interface Snapshot {
  /** The Redis that was asked, without secrets. */
  readonly redis: string;
  /** Redis's clock, milliseconds since the epoch. */
  readonly timeMs: number;
  readonly suspended: boolean;
  /** Seconds until RQ resumes by itself; null for never. */
  readonly suspendedForSeconds: number | null;
  readonly queues: readonly QueueInfo[];
  readonly workers: readonly WorkerInfo[];
  readonly totals: Totals;
  /** What was found in RQ's own sets that RQ would not have written. */
  readonly problems: readonly string[];
}

/** Of a queue with more running jobs than this, only so many are asked for the worker that runs them. */
const RUNNING_PER_QUEUE = 100;

/**
 * Everything about queues and workers, in three round trips, four where jobs run, up to some 1,000 queues and workers (then in portions), and without changing anything: what RQ
 * would clean away first is left out of the counts, not out of Redis. `queues`: those, in that order, and the workers that
 * listen on them; default all, sorted. Nothing that a key holds makes it throw.
 */
export async function snapshot(redis: Redis, options: { readonly queues?: readonly string[] } = {}): Promise<Snapshot> {
  const directory = await readDirectory(redis);
  const { timeMs } = directory;
  const names = options.queues ?? directory.queues;
  const known = options.queues ? [] : directory.workers;

  const asked = await ask(redis, [...names.map(queueCommands), ...known.map(workerCommands)]);
  // Most queues have few registries, or none.
  const filled = names.filter((_, i) => asked[i]?.[EXISTING]?.reply !== 0);
  const registered = new Set(known);
  const others = [...new Set(asked.flatMap((answers) => listeners(answers)))].filter((name) => !registered.has(name));
  const heads = asked.map((answers) => answers[HEAD]?.reply).filter((id) => typeof id === 'string');
  const more = await ask(redis, [
    ...filled.map((name) => registryCommands(name, timeMs)),
    ...heads.map((id) => [['HGET', jobKey(id), 'enqueued_at'] as const]),
    ...others.map(workerCommands),
  ]);
  const entries = new Map(filled.map((name, i) => [name, more[i]]));
  const dates = new Map(heads.map((id, i) => [id, more[filled.length + i]?.[0]?.reply]));
  const rows = names.map((name, i) => readRow(name, asked[i] ?? [], entries.get(name) ?? []));
  const executions = rows.flatMap((row) => row.executions);
  const running = await readRunning(redis, executions, timeMs);
  const told = new Map([
    ...known.map((name, i) => [name, asked[names.length + i]] as const),
    ...others.map((name, i) => [name, more[filled.length + heads.length + i]] as const),
  ]);
  const workers = [...told.keys()].sort().map((name) => readWorker(name, told.get(name), running, timeMs));
  const live = new Set(workers.filter((worker) => !worker.gone && worker.error === null).map((worker) => worker.name));
  const queues = [
    ...rows.map((row) => readQueue(row, row.head === null ? null : dates.get(row.head), live, directory)),
    ...(options.queues
      ? []
      : directory.alien.map((name) => ({ name, error: `this member of ${QUEUES_KEY} is no queue` }))),
  ];
  const { suspended, suspendedForSeconds, problems } = directory;
  const totals = totalsOf(queues, workers);
  return { redis: redis.description, timeMs, suspended, suspendedForSeconds, queues, workers, totals, problems };
}

/** What runs, as its workers and the jobs themselves tell it. */
async function readRunning(redis: Redis, executions: Row['executions'], timeMs: number) {
  // Sent together: one round trip.
  const [asked, progress] = await Promise.all([
    ask(
      redis,
      executions.map(({ id, execution }) => [['HMGET', executionKey(id, execution), 'worker_name', 'created_at']]),
    ),
    readProgress(
      redis,
      executions.map(({ id }) => id),
    ),
  ]);
  return sortRunning(
    executions.map((execution, i) => readExecution(execution, asked[i], progress.get(execution.id) ?? null, timeMs)),
  );
}

async function readDirectory(redis: Redis) {
  const [asked = []] = await ask(redis, [
    [
      ['SMEMBERS', QUEUES_KEY],
      ['SMEMBERS', WORKERS_KEY],
      ['PTTL', SUSPENDED_KEY],
      ['TIME'],
      ['ZRANGE', PAUSED_KEY, 0, -1, 'WITHSCORES'],
    ],
  ]);
  const [queueMembers, workerMembers, pttl, time, paused] = asked.map(({ reply }) => reply);
  const [seconds, micros] = listOf(time).map(Number);
  const ttl = typeof pttl === 'number' ? pttl : -2;
  const alienWorkers = listOf(workerMembers).filter((member) => workerOfKey(member) === null);
  return {
    timeMs: seconds === undefined ? Date.now() : seconds * 1_000 + (micros ?? 0) / 1_000,
    suspended: ttl !== -2,
    paused: readPaused(paused),
    suspendedForSeconds: ttl >= 0 ? ttl / 1_000 : null,
    queues: listOf(queueMembers)
      .map(queueOfKey)
      .filter((name) => name !== null)
      .sort(),
    alien: listOf(queueMembers)
      .filter((member) => queueOfKey(member) === null)
      .sort(),
    workers: listOf(workerMembers)
      .map(workerOfKey)
      .filter((name) => name !== null)
      .sort(),
    problems: [
      ...asked.map(errorOf).filter((error) => error !== null),
      ...alienWorkers.sort().map((member) => `'${member}' in ${WORKERS_KEY} is no worker`),
    ],
  };
}

/** Registries whose entries RQ drops, on its next look, once their score is in the past. */
const EXPIRING = ['wip', 'finished', 'failed'] as const satisfies RegistryName[];

const queueCommands = (name: string): RedisCommand[] => [
  ['LLEN', queueKey(name)],
  ['LINDEX', queueKey(name), 0],
  ['SMEMBERS', queueWorkersKey(name)],
  ['EXISTS', intermediateKey(name), ...REGISTRIES.map((registry) => registryKey(registry, name))],
];
/** The places of the head among these, and of what tells whether `registryCommands` are worth asking. */
const [HEAD, EXISTING] = [1, 3];

const listeners = ([, , workers]: readonly Answer[]): string[] =>
  listOf(workers?.reply)
    .map(workerOfKey)
    .filter((worker) => worker !== null);

function registryCommands(name: string, timeMs: number): RedisCommand[] {
  const now = Math.floor(timeMs / 1_000);
  return [
    ['LLEN', intermediateKey(name)],
    ['ZREVRANGEBYSCORE', registryKey('wip', name), '+inf', `(${now}`, 'LIMIT', 0, RUNNING_PER_QUEUE],
    ...REGISTRIES.map((registry): RedisCommand => ['ZCARD', registryKey(registry, name)]),
    ...EXPIRING.map((registry): RedisCommand => ['ZCOUNT', registryKey(registry, name), 0, now]),
  ];
}

const workerCommands = (name: string): RedisCommand[] => [['HGETALL', workerKey(name)]];

/** What its registries tell of a queue. */
interface Registered {
  readonly intermediate: number;
  readonly executions: readonly { readonly id: string; readonly execution: string; readonly queue: string }[];
  readonly entries: Readonly<Record<RegistryName, number>>;
  readonly expired: Readonly<Record<(typeof EXPIRING)[number], number>>;
}

interface Row extends Registered {
  readonly name: string;
  readonly error: string | null;
  readonly queued: number;
  readonly head: string | null;
  readonly workers: readonly string[];
}

/** `found`: what registryCommands have told; empty where there is nothing to count. */
function readRow(name: string, answers: readonly Answer[], found: readonly Answer[]): Row {
  const head = answers[HEAD]?.reply;
  return {
    name,
    error: firstError(answers) ?? firstError(found),
    queued: numberOf(answers[0]?.reply),
    head: typeof head === 'string' ? head : null,
    workers: listeners(answers),
    ...(found.length === 0 ? NONE : readRegistries(name, found)),
  };
}

function readRegistries(name: string, found: readonly Answer[]): Registered {
  const [intermediate, members, ...counts] = found.map(({ reply }) => reply);
  const [entries, expired] = [counts.slice(0, REGISTRIES.length), counts.slice(REGISTRIES.length)];
  return {
    intermediate: numberOf(intermediate),
    executions: listOf(members).map((member) => {
      const colon = member.lastIndexOf(':');
      return { id: member.slice(0, Math.max(0, colon)), execution: member.slice(colon + 1), queue: name };
    }),
    entries: Object.fromEntries(REGISTRIES.map((registry, i) => [registry, numberOf(entries[i])])) as Row['entries'],
    expired: Object.fromEntries(EXPIRING.map((registry, i) => [registry, numberOf(expired[i])])) as Row['expired'],
  };
}

/** Of a queue without registries. */
const NONE = readRegistries('', []);

function firstError(answers: readonly Answer[]): string | null {
  for (const answer of answers) {
    const error = errorOf(answer);
    if (error !== null) return error;
  }
  return null;
}

function readQueue(
  row: Row,
  headDate: Reply | Error | undefined,
  live: ReadonlySet<string>,
  { timeMs, paused }: { readonly timeMs: number; readonly paused: ReadonlyMap<string, number> },
): QueueInfo {
  const { name, error, entries, expired } = row;
  if (error !== null) return { name, error };
  const pausedForSeconds = (paused.get(name) ?? 0) - timeMs / 1_000;
  const oldestQueuedAtMs = typeof headDate === 'string' ? parseDate(headDate) : null;
  // Redis answers a pipeline's commands one by one: between two counts another client may have changed the registry.
  const count = (registry: (typeof EXPIRING)[number]): number => Math.max(0, entries[registry] - expired[registry]);
  return {
    name,
    error,
    paused: pausedForSeconds > 0,
    pausedForSeconds: pausedForSeconds > 0 && pausedForSeconds < Infinity ? pausedForSeconds : null,
    queued: row.queued,
    intermediate: row.intermediate,
    started: count('wip'),
    abandoned: expired.wip,
    finished: count('finished'),
    failed: count('failed'),
    deferred: entries.deferred,
    scheduled: entries.scheduled,
    canceled: entries.canceled,
    oldestQueuedAtMs,
    oldestAgeSeconds: secondsSince(oldestQueuedAtMs, timeMs),
    workers: row.workers.filter((worker) => live.has(worker)).sort(),
  };
}

const SUMMED = ['queued', 'started', 'abandoned', 'finished', 'failed', 'deferred', 'scheduled', 'canceled'] as const;

function totalsOf(queues: readonly QueueInfo[], workers: readonly WorkerInfo[]): Totals {
  const sum = (count: (typeof SUMMED)[number]): number =>
    queues.reduce((total, queue) => total + (queue.error === null ? queue[count] : 0), 0);
  const sums = Object.fromEntries(SUMMED.map((count) => [count, sum(count)])) as Record<
    (typeof SUMMED)[number],
    number
  >;
  return { queues: queues.length, workers: workers.length, ...sums };
}

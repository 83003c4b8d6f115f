import {
  intermediateKey,
  jobKey,
  queueKey,
  queueOfKey,
  queueWorkersKey,
  QUEUES_KEY,
  registryKey,
  SUSPENDED_KEY,
  workerKey,
  workerOfKey,
  WORKERS_KEY,
} from './protocol/keys.js';
import { parseDate } from './protocol/time.js';
import type { Redis, RedisCommand, Reply } from './redis/redis.js';

/** A queue and its registries, counted at one moment; `error` instead of counts when one of its keys is none of RQ's. */
export interface QueueInfo {
  readonly name: string;
  readonly queued: number;
  /** Taken off the queue by a waiting worker, and about to start. */
  readonly intermediate: number;
  readonly started: number;
  readonly finished: number;
  readonly failed: number;
  readonly deferred: number;
  readonly scheduled: number;
  readonly canceled: number;
  /** Since when the job at the head waits, seconds; null for an empty queue, or where the job does not tell. */
  readonly oldestAgeSeconds: number | null;
  /** Names of the workers that listen. */
  readonly workers: readonly string[];
  readonly error: string | null;
}

export interface WorkerInfo {
  readonly name: string;
  readonly hostname: string | null;
  readonly ipAddress: string | null;
  readonly pid: string | null;
  /** `?` where the hash does not tell. */
  readonly state: string;
  readonly queues: readonly string[];
  readonly currentJob: string | null;
  readonly currentJobSeconds: number | null;
  readonly successful: number;
  readonly failed: number;
  readonly workingSeconds: number;
  readonly version: string | null;
  readonly birthAgeSeconds: number | null;
  readonly heartbeatAgeSeconds: number | null;
  /** No sign of life for longer than any live worker leaves between two. */
  readonly stale: boolean;
}

export interface Snapshot {
  /** Redis's clock, milliseconds since the epoch. */
  readonly timeMs: number;
  readonly suspended: boolean;
  /** Seconds until RQ resumes by itself; null for never. */
  readonly suspendedForSeconds: number | null;
  readonly queues: readonly QueueInfo[];
  readonly workers: readonly WorkerInfo[];
  /** Members of RQ's sets that are none of its keys. */
  readonly alien: readonly string[];
}

/** Redis answers this many commands in well under the time it takes to send them. */
const PIPELINE = 10_000;
/** RQ's idle workers give a sign of life every 405 s; their keys live 480. */
const STALE_AFTER_SECONDS = 480;

/**
 * Everything about queues and workers, in three round trips whatever their number, and without changing anything: what RQ
 * would clean away first is left out of the counts, not out of Redis. `queues`: those, in that order; default all, sorted.
 */
export async function snapshot(redis: Redis, options: { readonly queues?: readonly string[] } = {}): Promise<Snapshot> {
  const [queueKeys, workerKeys, suspendedTtl, time] = await redis.pipeline([
    ['SMEMBERS', QUEUES_KEY],
    ['SMEMBERS', WORKERS_KEY],
    ['PTTL', SUSPENDED_KEY],
    ['TIME'],
  ]);
  const queueMembers = listOf(queueKeys);
  const workerMembers = listOf(workerKeys);
  const names =
    options.queues ??
    queueMembers
      .map(queueOfKey)
      .filter((name) => name !== null)
      .sort();
  const workerNames = workerMembers
    .map(workerOfKey)
    .filter((name) => name !== null)
    .sort();
  const timeMs = Number(listOf(time)[0]) * 1_000 + Number(listOf(time)[1] ?? 0) / 1_000;
  const now = Math.floor(timeMs / 1_000);

  const commands = [...names.flatMap((name) => queueCommands(name, now)), ...workerNames.flatMap(workerCommands)];
  const replies = await inPipelines(redis, commands);
  const queueRows = names.map((name, i) => ({ name, replies: replies.slice(i * PER_QUEUE, (i + 1) * PER_QUEUE) }));
  const heads = queueRows.map((row) => row.replies[HEAD]);
  const headDates = await inPipelines(
    redis,
    heads.map((id): RedisCommand => ['HGET', jobKey(typeof id === 'string' ? id : ''), 'enqueued_at']),
  );
  const ttl = typeof suspendedTtl === 'number' ? suspendedTtl : -2;
  return {
    timeMs,
    suspended: ttl !== -2,
    suspendedForSeconds: ttl >= 0 ? ttl / 1_000 : null,
    queues: queueRows.map((row, i) => readQueue(row.name, row.replies, headDates[i], timeMs)),
    workers: workerNames.map((name, i) => readWorker(name, replies[names.length * PER_QUEUE + i], timeMs)),
    alien: [
      ...queueMembers.filter((member) => queueOfKey(member) === null),
      ...workerMembers.filter((member) => workerOfKey(member) === null),
    ].sort(),
  };
}

const HEAD = 2;
const EXPIRING = ['wip', 'finished', 'failed'] as const;
const LASTING = ['deferred', 'scheduled', 'canceled'] as const;
const PER_QUEUE = 4 + EXPIRING.length * 2 + LASTING.length;

function queueCommands(name: string, now: number): RedisCommand[] {
  return [
    ['LLEN', queueKey(name)],
    ['LLEN', intermediateKey(name)],
    ['LINDEX', queueKey(name), 0],
    ['SMEMBERS', queueWorkersKey(name)],
    ...EXPIRING.flatMap((registry): RedisCommand[] => [
      ['ZCARD', registryKey(registry, name)],
      ['ZCOUNT', registryKey(registry, name), 0, now],
    ]),
    ...LASTING.map((registry): RedisCommand => ['ZCARD', registryKey(registry, name)]),
  ];
}

const workerCommands = (name: string): RedisCommand[] => [['HGETALL', workerKey(name)]];

async function inPipelines(redis: Redis, commands: readonly RedisCommand[]): Promise<(Reply | Error)[]> {
  const replies: (Reply | Error)[] = [];
  for (let from = 0; from < commands.length; from += PIPELINE) {
    replies.push(...(await redis.pipeline(commands.slice(from, from + PIPELINE))));
  }
  return replies;
}

function readQueue(
  name: string,
  replies: readonly (Reply | Error)[],
  headDate: Reply | Error | undefined,
  timeMs: number,
): QueueInfo {
  const error = replies.find((reply) => reply instanceof Error);
  const count = (i: number): number => (typeof replies[i] === 'number' ? replies[i] : 0);
  const live = (i: number): number => Math.max(0, count(4 + i * 2) - count(5 + i * 2));
  const lasting = 4 + EXPIRING.length * 2;
  return {
    name,
    queued: count(0),
    intermediate: count(1),
    started: live(0),
    finished: live(1),
    failed: live(2),
    deferred: count(lasting),
    scheduled: count(lasting + 1),
    canceled: count(lasting + 2),
    oldestAgeSeconds: typeof replies[HEAD] === 'string' && typeof headDate === 'string' ? age(headDate, timeMs) : null,
    workers: listOf(replies[3])
      .map(workerOfKey)
      .filter((worker) => worker !== null)
      .sort(),
    error: error instanceof Error ? error.message : null,
  };
}

function readWorker(name: string, reply: Reply | Error | undefined, timeMs: number): WorkerInfo {
  const items = listOf(reply);
  const fields = new Map<string, string>();
  for (let i = 0; i + 1 < items.length; i += 2) fields.set(items[i] ?? '', items[i + 1] ?? '');
  const text = (field: string): string | null => fields.get(field) || null;
  const number = (field: string): number => {
    const value = Number(fields.get(field) ?? 0);
    return Number.isFinite(value) ? value : 0;
  };
  const heartbeatAgeSeconds = age(fields.get('last_heartbeat') ?? '', timeMs);
  return {
    name,
    hostname: text('hostname'),
    ipAddress: text('ip_address'),
    pid: text('pid'),
    state: text('state') ?? '?',
    queues: (text('queues') ?? '').split(',').filter((queue) => queue !== ''),
    currentJob: text('current_job'),
    currentJobSeconds: fields.has('current_job') ? number('current_job_working_time') : null,
    successful: number('successful_job_count'),
    failed: number('failed_job_count'),
    workingSeconds: number('total_working_time'),
    version: text('version'),
    birthAgeSeconds: age(fields.get('birth') ?? '', timeMs),
    heartbeatAgeSeconds,
    stale: fields.size === 0 || (heartbeatAgeSeconds !== null && heartbeatAgeSeconds > STALE_AFTER_SECONDS),
  };
}

function age(date: string, timeMs: number): number | null {
  const ms = parseDate(date);
  return ms === null ? null : Math.max(0, (timeMs - ms) / 1_000);
}

function listOf(reply: Reply | Error | undefined): string[] {
  return Array.isArray(reply) ? reply.filter((item) => typeof item === 'string') : [];
}

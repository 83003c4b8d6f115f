import { jobKey, resultsKey } from '../protocol/keys.js';
import { decodePayload } from '../protocol/payload.js';
import { parseResult, readError } from '../protocol/result.js';
import { parseDate } from '../protocol/time.js';
import type { BufferReply, Redis, RedisCommand } from '../redis/redis.js';
import type { JobState, Ref } from './job-places.js';

/** A job as a list shows it; what is not known is null. */
export interface JobEntry {
  readonly id: string;
  readonly queue: string;
  /** By the place in which it was found. */
  readonly state: JobState;
  /** By its own hash: another than `state` where a stale entry was found. */
  readonly status: string | null;
  /** Why nothing is known of it: it is gone (expired or deleted), or its key is no hash. */
  readonly problem: string | null;
  /** Null too where the payload is larger than 64 KiB, or cannot be read. */
  readonly functionName: string | null;
  readonly description: string | null;
  /** Queued: since when; started: since when; scheduled: until when; deferred: since when; else: when it ended. */
  readonly when: Date | null;
  readonly createdAt: Date | null;
  readonly enqueuedAt: Date | null;
  readonly startedAt: Date | null;
  readonly endedAt: Date | null;
  /** How long it ran, or runs by now. */
  readonly seconds: number | null;
  readonly workerName: string | null;
  /** Of a failed or stopped job. */
  readonly error: string | null;
}

const FIELDS = [
  ...['status', 'description', 'created_at', 'enqueued_at', 'started_at', 'ended_at', 'worker_name'],
] as const;
/** Bytes of a payload that is read for the name in it, deflated and inflated. */
const [MOST_BYTES, MOST_INFLATED] = [65_536, 1_048_576];
/** Jobs of one pipeline: their payloads are held at once. */
const AT_ONCE = 200;

/** Reads what lists show of jobs, by bounded pipelines. */
export async function readEntries(redis: Redis, refs: readonly Ref[]): Promise<JobEntry[]> {
  const entries: JobEntry[] = [];
  for (let from = 0; from < refs.length; from += AT_ONCE) {
    entries.push(...(await readSome(redis, refs.slice(from, from + AT_ONCE))));
  }
  return entries;
}

async function readSome(redis: Redis, refs: readonly Ref[]): Promise<JobEntry[]> {
  const hashes = await redis.pipelineBuffer(
    refs.flatMap(({ id }): RedisCommand[] => [
      ['HMGET', jobKey(id), ...FIELDS],
      ['HSTRLEN', jobKey(id), 'data'],
    ]),
  );
  const sizes = refs.map((_, i) => Number(hashes[i * 2 + 1]));
  const answers = await ask(
    redis,
    refs.flatMap(({ id, state }, i): RedisCommand[] => [
      (sizes[i] ?? 0) <= MOST_BYTES ? ['HGET', jobKey(id), 'data'] : NOTHING,
      state === 'failed' ? ['XREVRANGE', resultsKey(id), '+', '-', 'COUNT', 1] : NOTHING,
      state === 'failed' ? ['HGET', jobKey(id), 'exc_info'] : NOTHING,
    ]),
  );
  return refs.map((ref, i) => {
    const [data, results, legacy] = answers.slice(i * 3, i * 3 + 3);
    return readEntry(ref, hashes[i * 2], { data, results, legacy, size: sizes[i] ?? 0 });
  });
}

/** Stands for a command that is not sent. */
const NOTHING: RedisCommand = ['PING'];

async function ask(redis: Redis, commands: readonly RedisCommand[]): Promise<(BufferReply | Error)[]> {
  const sent = commands.filter((command) => command !== NOTHING);
  const replies = sent.length === 0 ? [] : await redis.pipelineBuffer(sent);
  let at = 0;
  return commands.map((command) => (command === NOTHING ? null : (replies[at++] ?? null)));
}

interface More {
  readonly data: BufferReply | Error | undefined;
  readonly results: BufferReply | Error | undefined;
  readonly legacy: BufferReply | Error | undefined;
  /** Of the payload, bytes. */
  readonly size: number;
}

function readEntry(
  { id, queue, state: place, score }: Ref,
  hash: BufferReply | Error | undefined,
  more: More,
): JobEntry {
  const values = Array.isArray(hash) ? hash : [];
  const [status = null, description = null, created, enqueued, started, ended, worker = null] = values.map((value) =>
    Buffer.isBuffer(value) && value.length > 0 ? value.toString() : null,
  );
  const isGone = status === null && created == null && more.size === 0;
  const problem = hash instanceof Error ? 'its key is no hash' : isGone ? 'the job is gone' : null;
  const state = place === 'failed' && status === 'stopped' ? 'stopped' : place;
  const times = { createdAt: asDate(created), enqueuedAt: asDate(enqueued), startedAt: asDate(started) };
  const endedAt = asDate(ended);
  const began = times.startedAt?.getTime();
  const until = state === 'started' ? Date.now() : endedAt?.getTime();
  const ran = began !== undefined && until !== undefined && state !== 'queued' && state !== 'scheduled';
  return {
    ...{ id, queue, state, status, problem, description, ...times, endedAt },
    functionName: Buffer.isBuffer(more.data) ? functionNameOf(more.data) : null,
    when: whenOf(state, { ...times, endedAt }, score),
    seconds: ran ? Math.max(0, (until - began) / 1_000) : null,
    workerName: worker,
    error: errorIn(more),
  };
}

const asDate = (text: string | null | undefined): Date | null => {
  const ms = text == null ? null : parseDate(text);
  return ms === null ? null : new Date(ms);
};

type Times = Pick<JobEntry, 'createdAt' | 'enqueuedAt' | 'startedAt' | 'endedAt'>;

function whenOf(state: JobState, times: Times, score: number | null): Date | null {
  const scored = score !== null && score > 0 && score < 1e11 ? new Date(score * 1_000) : null;
  switch (state) {
    case 'queued':
      return times.enqueuedAt ?? times.createdAt;
    case 'started':
      return times.startedAt;
    case 'scheduled':
    case 'deferred':
    case 'canceled':
      return scored;
    default:
      return times.endedAt;
  }
}

function functionNameOf(data: Buffer): string | null {
  try {
    return decodePayload(data, MOST_INFLATED).functionName;
  } catch {
    return null;
  }
}

function errorIn({ results, legacy }: More): string | null {
  const [entry] = Array.isArray(results) ? results : [];
  const [entryId, items] = Array.isArray(entry) ? entry : [];
  if (Buffer.isBuffer(entryId) && Array.isArray(items)) {
    const fields = new Map<string, Buffer>();
    for (let i = 0; i + 1 < items.length; i += 2) {
      const [name, value] = [items[i], items[i + 1]];
      if (Buffer.isBuffer(name) && Buffer.isBuffer(value)) fields.set(name.toString(), value);
    }
    return parseResult(entryId.toString(), fields).error;
  }
  return Buffer.isBuffer(legacy) ? readError(legacy) || null : null;
}

import { parseJob } from '../protocol/job.js';
import { jobKey, resultsKey } from '../protocol/keys.js';
import { deserialise } from '../protocol/payload.js';
import { parseResult, readError, resultTypeName, returnValueOf, type Result } from '../protocol/result.js';
import type { BufferReply, Redis, RedisCommand } from '../redis/redis.js';
import { asList, asText, toMap } from './claim.js';

/** A job as it is stored, with its newest result; what is missing or unreadable is null. */
export interface FetchedJob {
  readonly id: string;
  readonly status: string | null;
  readonly origin: string | null;
  readonly description: string | null;
  readonly createdAt: Date | null;
  readonly enqueuedAt: Date | null;
  readonly startedAt: Date | null;
  readonly endedAt: Date | null;
  readonly workerName: string | null;
  readonly timeoutSeconds: number | null;
  readonly retriesLeft: number | null;
  readonly repeatsLeft: number | null;
  readonly meta: unknown;
  /** The value of the newest result, if that is a success; null for None. */
  readonly result: unknown;
  /** What that is if it cannot be read, as only Python can: `a value of type app.Model`; else null. */
  readonly unreadable: string | null;
  /** The error text of the newest result, if that is a failure; else what older versions of RQ kept in the job. */
  readonly error: string | null;
  /** Why attempts failed that were retried, oldest first: the last five of tsrq's workers, each cut off at some kilobytes. */
  readonly retryErrors: readonly {
    readonly endedAt: Date;
    readonly workerName: string;
    readonly executionId: string;
    readonly error: string;
  }[];
}

/** A job with its payload, as it is stored (`decodePayload`); null if it has none. */
export interface StoredJob {
  readonly job: FetchedJob;
  readonly data: Buffer | null;
  /** Its meta, as it is stored; null for none. */
  readonly meta: Buffer | null;
}

/** Reads a job and its newest result in one round trip; null if there is no such job. */
export async function fetchJob(redis: Redis, id: string): Promise<FetchedJob | null> {
  const [stored] = await fetchJobs(redis, [id]);
  return stored?.job ?? null;
}

/** Reads jobs, with their newest results and payloads, in one round trip; null for those that do not exist. */
export async function fetchJobs(redis: Redis, ids: readonly string[]): Promise<(StoredJob | null)[]> {
  if (ids.length === 0) return [];
  const replies = await redis.pipelineBuffer(
    ids.flatMap((id): RedisCommand[] => [
      ['HGETALL', jobKey(id)],
      ['XREVRANGE', resultsKey(id), '+', '-', 'COUNT', 1],
    ]),
  );
  return ids.map((id, i) => readStored(id, replies[i * 2], replies[i * 2 + 1]));
}

type Answer = BufferReply | Error | undefined;

function readStored(id: string, hash: Answer, results: Answer): StoredJob | null {
  if (hash instanceof Error) throw hash;
  const fields = toMap(hash);
  if (fields.size === 0) return null;
  const job = parseJob(id, fields);
  const newest = results instanceof Error ? null : (readEntries(results)[0] ?? null);
  const returned = newest && returnValueOf(newest);
  const { status, origin, description, workerName, timeoutSeconds, retriesLeft, repeatsLeft } = job;
  const fetched = {
    ...{ id, status, origin, description, workerName, timeoutSeconds, retriesLeft, repeatsLeft },
    createdAt: asDate(job.createdAtMs),
    enqueuedAt: asDate(job.enqueuedAtMs),
    startedAt: asDate(job.startedAtMs),
    endedAt: asDate(job.endedAtMs),
    meta: readMeta(job.meta),
    result: returned?.value ?? null,
    unreadable: returned?.unreadable ?? null,
    error: newest?.error ?? (job.legacyError === null ? null : readError(job.legacyError) || null),
    retryErrors: job.retryErrors.map(({ endedAtMs, ...one }) => ({ endedAt: new Date(endedAtMs), ...one })),
  };
  return { job: fetched, data: job.data, meta: job.meta };
}

/** One attempt of a job that was recorded. */
export interface FetchedResult {
  /** successful, failed, retried, maxRetriesExceeded; `type 9` for a number of a newer RQ. */
  readonly type: string;
  /** By Redis's clock. */
  readonly createdAt: Date | null;
  readonly startedAt: Date | null;
  readonly endedAt: Date | null;
  /** Null where nobody is named: abandoned jobs, versions of RQ before 2.5. */
  readonly workerName: string | null;
  readonly executionId: string | null;
  /** The value of a success; null for None. */
  readonly value: unknown;
  /** What that is if it cannot be read, as only Python can; else null. */
  readonly unreadable: string | null;
  readonly error: string | null;
}

/** RQ keeps about ten; it trims by whole nodes of the stream. */
const MOST_RESULTS = 100;

/** The results that are kept of a job, newest first; none where there is no such job, or nothing is kept. */
export async function fetchResults(redis: Redis, id: string): Promise<FetchedResult[]> {
  const reply = await redis.callBuffer(['XREVRANGE', resultsKey(id), '+', '-', 'COUNT', MOST_RESULTS]);
  return readEntries(reply).map((result) => ({
    type: resultTypeName(result.type),
    createdAt: asDate(result.createdAtMs),
    startedAt: asDate(result.startedAtMs),
    endedAt: asDate(result.endedAtMs),
    workerName: result.workerName,
    executionId: result.executionId,
    ...returnValueOf(result),
    error: result.error,
  }));
}

function readEntries(reply: BufferReply | undefined): Result[] {
  return asList(reply).map((entry) => parseResult(asText(asList(entry)[0]), toMap(asList(entry)[1])));
}

const asDate = (ms: number | null): Date | null => (ms === null ? null : new Date(ms));

function readMeta(raw: Buffer | null): unknown {
  if (raw === null) return null;
  try {
    return deserialise(raw);
  } catch {
    return null;
  }
}

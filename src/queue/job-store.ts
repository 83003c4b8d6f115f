import { parseJob } from '../protocol/job.js';
import { jobKey, resultsKey } from '../protocol/keys.js';
import { deserialise } from '../protocol/payload.js';
import { parseResult, readError, returnValueOf } from '../protocol/result.js';
import type { Redis } from '../redis/redis.js';
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
  readonly meta: unknown;
  /** The value of the newest result, if that is a success; null for None. */
  readonly result: unknown;
  /** The error text of the newest result, if that is a failure; else what older versions of RQ kept in the job. */
  readonly error: string | null;
}

/** Reads a job and its newest result in one round trip; null if there is no such job. */
export async function fetchJob(redis: Redis, id: string): Promise<FetchedJob | null> {
  const [hash, results] = await redis.pipelineBuffer([
    ['HGETALL', jobKey(id)],
    ['XREVRANGE', resultsKey(id), '+', '-', 'COUNT', 1],
  ]);
  if (hash instanceof Error) throw hash;
  const fields = toMap(hash);
  if (fields.size === 0) return null;
  const job = parseJob(id, fields);
  const entry = results instanceof Error ? undefined : asList(results)[0];
  const newest = entry === undefined ? null : parseResult(asText(asList(entry)[0]), toMap(asList(entry)[1]));
  const { status, origin, description, workerName, timeoutSeconds, retriesLeft } = job;
  return {
    ...{ id, status, origin, description, workerName, timeoutSeconds, retriesLeft },
    createdAt: asDate(job.createdAtMs),
    enqueuedAt: asDate(job.enqueuedAtMs),
    startedAt: asDate(job.startedAtMs),
    endedAt: asDate(job.endedAtMs),
    meta: readMeta(job.meta),
    result: newest === null ? null : returnValueOf(newest),
    error: newest?.error ?? (job.legacyError === null ? null : readError(job.legacyError) || null),
  };
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

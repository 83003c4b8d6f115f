import { jobKey, resultsKey } from '../protocol/keys.js';
import { decodePayload } from '../protocol/payload.js';
import { parseResult, readError } from '../protocol/result.js';
import { parseDate } from '../protocol/time.js';
import type { BufferReply, Redis, RedisCommand } from '../redis/redis.js';
import { asList, asText, toMap } from './claim.js';

/** What is known of a job that failed; what is missing or unreadable is null. */
export interface FailedJob {
  readonly id: string;
  /** The name of its function; where the payload is one that only Python reads, what its description begins with. */
  readonly functionName: string | null;
  readonly description: string | null;
  /** When it ended, milliseconds since the epoch. */
  readonly endedAtMs: number | null;
  readonly error: string | null;
}

/** Which failures are meant; all that is given must hold. */
export interface FailureFilter {
  /** A text in the error, in upper or lower case. */
  readonly match?: string;
  readonly functionName?: string;
  /** When it ended, milliseconds since the epoch: from, and before. A job that does not tell is not meant. */
  readonly sinceMs?: number;
  readonly beforeMs?: number;
}

/** A payload that is larger is not unpacked for the name in it. */
const MOST_BYTES = 1_048_576;

/** Reads failed jobs, or others, in one round trip. Ids whose job is gone are there too, with nothing known. */
export async function readFailed(redis: Redis, ids: readonly string[]): Promise<FailedJob[]> {
  const replies = await redis.pipelineBuffer(
    ids.flatMap((id): RedisCommand[] => [
      ['HMGET', jobKey(id), 'ended_at', 'description', 'exc_info', 'data'],
      ['XREVRANGE', resultsKey(id), '+', '-', 'COUNT', 1],
    ]),
  );
  return ids.map((id, i) => readOne(id, replies[2 * i], replies[2 * i + 1]));
}

function readOne(
  id: string,
  hash: BufferReply | Error | undefined,
  results: BufferReply | Error | undefined,
): FailedJob {
  const [endedAt, description, legacy, data] = Array.isArray(hash) ? hash : [];
  const [entry] = Array.isArray(results) ? results : [];
  const newest = entry === undefined ? null : parseResult(asText(asList(entry)[0]), toMap(asList(entry)[1]));
  const older = Buffer.isBuffer(legacy) ? readError(legacy) || null : null;
  return {
    id,
    functionName: functionNameOf(data, asText(description)),
    description: asText(description) || null,
    endedAtMs: parseDate(asText(endedAt)),
    error: newest?.error ?? older,
  };
}

function functionNameOf(data: BufferReply | undefined, description: string): string | null {
  try {
    if (Buffer.isBuffer(data)) return decodePayload(data, MOST_BYTES).functionName;
  } catch {
    // It is not for us to read; its producer has described it.
  }
  return /^[^\s(]+/.exec(description)?.[0] ?? null;
}

export function isMeant(job: FailedJob, { match, functionName, sinceMs, beforeMs }: FailureFilter): boolean {
  if (functionName !== undefined && job.functionName !== functionName) return false;
  if (match !== undefined && job.error?.toLowerCase().includes(match.toLowerCase()) !== true) return false;
  if (sinceMs === undefined && beforeMs === undefined) return true;
  return job.endedAtMs !== null && job.endedAtMs >= (sinceMs ?? -Infinity) && job.endedAtMs < (beforeMs ?? Infinity);
}

/** Those of the ids that are meant, in their order. */
export async function chooseFailed(redis: Redis, ids: readonly string[], filter: FailureFilter): Promise<string[]> {
  if (Object.values(filter).every((value) => value === undefined)) return [...ids];
  return (await readFailed(redis, ids)).filter((job) => isMeant(job, filter)).map(({ id }) => id);
}

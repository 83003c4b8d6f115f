import { loads } from '../protocol/json.js';
import { jobKey, resultsKey } from '../protocol/keys.js';
import { inflateText } from '../protocol/payload.js';
import { parseDate } from '../protocol/time.js';
import type { BufferReply, Redis } from '../redis/redis.js';
import { asList, asText } from './claim.js';

/** A job as it is stored, read tolerantly: what is missing or unreadable is null. */
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
  readonly retriesLeft: number | null;
  readonly meta: unknown;
  /** The value of the newest result, if that is a success of the JSON serializer; null for None. */
  readonly result: unknown;
  /** The error text of the newest result, if that is a failure; else what older versions of RQ kept in the job. */
  readonly error: string | null;
}

const SUCCESSFUL = '1';

/** Reads a job and its newest result in one round trip; null if there is no such job. */
export async function fetchJob(redis: Redis, id: string): Promise<FetchedJob | null> {
  const [hash, results] = await redis.pipelineBuffer([
    ['HGETALL', jobKey(id)],
    ['XREVRANGE', resultsKey(id), '+', '-', 'COUNT', 1],
  ]);
  if (hash instanceof Error) throw hash;
  const fields = toMap(hash);
  if (fields.size === 0) return null;
  const newest = results instanceof Error ? undefined : asList(results)[0];
  const result = newest === undefined ? new Map<string, Buffer>() : toMap(asList(newest)[1]);
  const text = (field: string): string | null => fields.get(field)?.toString() || null;
  const date = (field: string): Date | null => {
    const ms = parseDate(text(field) ?? '');
    return ms === null ? null : new Date(ms);
  };
  return {
    id,
    status: text('status'),
    origin: text('origin'),
    description: text('description'),
    createdAt: date('created_at'),
    enqueuedAt: date('enqueued_at'),
    startedAt: date('started_at'),
    endedAt: date('ended_at'),
    workerName: text('worker_name'),
    retriesLeft: text('retries_left') === null ? null : Number(text('retries_left')),
    meta: readable(() => loads(text('meta') ?? 'null')),
    result: result.get('type')?.toString() === SUCCESSFUL ? readable(() => loads(fromBase64(result.get('return_value')))) : null,
    error: readable(() => inflateText(Buffer.from(asText(result.get('exc_string')), 'base64'))) ?? legacyError(fields),
  };
}

function toMap(reply: BufferReply | undefined): Map<string, Buffer> {
  const items = asList(reply);
  const map = new Map<string, Buffer>();
  for (let i = 0; i + 1 < items.length; i += 2) {
    const value = items[i + 1];
    if (Buffer.isBuffer(value)) map.set(asText(items[i]), value);
  }
  return map;
}

const fromBase64 = (value: Buffer | undefined): string =>
  value === undefined ? 'null' : Buffer.from(value.toString(), 'base64').toString();

function legacyError(fields: ReadonlyMap<string, Buffer>): string | null {
  const raw = fields.get('exc_info');
  if (raw === undefined) return null;
  return (readable(() => inflateText(raw)) ?? raw.toString()) || null;
}

function readable<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}

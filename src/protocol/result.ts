import { deserialise, inflateText } from './payload.js';

/** `type` of an entry of a result stream; 3 is defined by RQ and never written. */
export const RESULT_TYPES = { successful: 1, failed: 2, stopped: 3, retried: 4, maxRetriesExceeded: 5 } as const;

/** An entry of a result stream, read tolerantly: what is missing or unreadable is null. */
export interface Result {
  /** Milliseconds since the epoch, by Redis's clock. */
  readonly createdAtMs: number | null;
  /** One of RESULT_TYPES, or a number of a newer RQ. */
  readonly type: number | null;
  readonly workerName: string | null;
  /** As it was serialised; null for None. */
  readonly returnValue: Buffer | null;
  readonly error: string | null;
  readonly executionId: string | null;
  /** When the execution began and ended, milliseconds since the epoch. */
  readonly startedAtMs: number | null;
  readonly endedAtMs: number | null;
}

/** The name of a type of result, `type 9` for one of a newer RQ. */
export function resultTypeName(type: number | null): string {
  const known = Object.entries(RESULT_TYPES).find(([, number]) => number === type);
  return known?.[0] ?? `type ${type ?? '?'}`;
}

/** Parses an entry of `rq:results:<job>`; never throws. */
export function parseResult(entryId: string, fields: ReadonlyMap<string, Buffer>): Result {
  const text = (field: string): string | null => fields.get(field)?.toString() || null;
  const value = text('return_value');
  const error = text('exc_string');
  return {
    createdAtMs: parseWhole(entryId.split('-')[0]),
    type: parseWhole(text('type')),
    workerName: text('worker_name'),
    returnValue: value === null ? null : Buffer.from(value, 'base64'),
    error: error === null ? null : readError(Buffer.from(error, 'base64')),
    executionId: text('execution_id'),
    startedAtMs: parseSeconds(text('execution_started_at')),
    endedAtMs: parseSeconds(text('execution_ended_at')),
  };
}

const parseWhole = (text: string | null | undefined): number | null =>
  text != null && /^\d{1,15}$/.test(text) ? Number(text) : null;

/** Milliseconds of seconds as Python prints them. */
const parseSeconds = (text: string | null): number | null =>
  text !== null && /^\d{1,12}(\.\d{1,9})?$/.test(text) ? Number(text) * 1_000 : null;

/** The value of a successful result, null for None; `unreadable`: what it is if it cannot be read, as only Python can, else null. */
export function returnValueOf(result: Result): { readonly value: unknown; readonly unreadable: string | null } {
  if (result.type !== RESULT_TYPES.successful || result.returnValue === null) return { value: null, unreadable: null };
  try {
    return { value: deserialise(result.returnValue), unreadable: null };
  } catch (error) {
    return { value: null, unreadable: error instanceof Error ? error.message : String(error) };
  }
}

/** Error texts are zlib streams; older versions of RQ also left them raw. */
export function readError(raw: Buffer): string {
  try {
    return inflateText(raw);
  } catch {
    return raw.toString();
  }
}

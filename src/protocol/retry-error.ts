import { constants, inflateSync } from 'node:zlib';
import { parseDate } from './time.js';

/** Why an attempt failed that was retried. RQ forgets it; tsrq's workers keep it in fields of the job that Python ignores. */
export interface RetryError {
  readonly endedAtMs: number;
  readonly workerName: string;
  readonly executionId: string;
  /** Its beginning if it is long. */
  readonly error: string;
}

export const RETRY_ERROR_FIELDS = [1, 2, 3, 4, 5].map((number) => `retry_error_${number}`);

/** Reads the errors out of a job's hash, oldest first; never throws. */
export function readRetryErrors(fields: ReadonlyMap<string, Buffer>): RetryError[] {
  const errors: RetryError[] = [];
  for (const field of RETRY_ERROR_FIELDS) {
    const [date = '', executionId = '', error = '', ...name] = fields.get(field)?.toString().split(' ') ?? [];
    const endedAtMs = parseDate(date);
    if (endedAtMs !== null) errors.push({ endedAtMs, executionId, error: inflated(error), workerName: name.join(' ') });
  }
  return errors.sort((a, b) => a.endedAtMs - b.endedAtMs);
}

/** Most that an error text takes, see `describeError`, with room. */
const MAX_BYTES = 1_048_576;

/** Long ones were cut off before they were stored: what is there is read as far as it goes. */
function inflated(base64: string): string {
  try {
    const options = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: MAX_BYTES };
    return inflateSync(Buffer.from(base64, 'base64'), options).toString();
  } catch {
    return '';
  }
}

import { logKey } from '../protocol/keys.js';
import type { Redis } from '../redis/redis.js';
import { asList, asText } from './claim.js';
import { MOST_LINES } from './note.js';

/** A line that a job has written with `getCurrentJob().log()`. */
export interface LogLine {
  /** Where it stands in the log: for `after`. */
  readonly entryId: string;
  /** When it was stored, by Redis's clock. */
  readonly at: Date;
  /** Another one for each attempt of the job. */
  readonly executionId: string;
  readonly text: string;
}

/**
 * The last lines of a job's log, oldest first; none where there is no such job, or it has written nothing. `most`: default all
 * that are kept (1,000); `after`: only what came behind that entry.
 */
export async function fetchLog(
  redis: Redis,
  id: string,
  options: { readonly most?: number; readonly after?: string } = {},
): Promise<LogLine[]> {
  const from = options.after === undefined ? '-' : `(${options.after}`;
  const reply = await redis.callBuffer(['XREVRANGE', logKey(id), '+', from, 'COUNT', options.most ?? MOST_LINES]);
  const lines = asList(reply).map((entry) => {
    const [entryId, fields] = asList(entry);
    const [, executionId, , , , text] = asList(fields).map(asText);
    const at = new Date(Number(asText(entryId).split('-')[0]));
    return { entryId: asText(entryId), at, executionId: executionId ?? '', text: text ?? '' };
  });
  return lines.reverse();
}

import { deflateText } from '../protocol/payload.js';
import { formatDate } from '../protocol/time.js';
import type { Redis } from '../redis/redis.js';
import { script } from '../redis/scripts.js';
import { asList, asText } from './claim.js';
import { readEnding, type Ending } from './finish.js';

export interface Abandoned {
  readonly id: string;
  readonly executionId: string;
  /** 'lost' when the entry led to a job that is not started any more: it was only removed. */
  readonly ending: Ending;
  /** The worker that had it. */
  readonly workerName: string;
}

const BATCH = 100;

/**
 * Retries or fails the jobs of a queue whose lease has run out: their worker died or was cut off.
 * Two cleaners at once change nothing twice, because finding and ending are one step. `overForSeconds`: how long the lease
 * must be over.
 */
export async function endAbandoned(redis: Redis, queue: string, overForSeconds = 0): Promise<Abandoned[]> {
  const found: Abandoned[] = [];
  for (;;) {
    const date = formatDate(Date.now());
    const text = `Moved to FailedJobRegistry, due to AbandonedJobError, at ${date}`;
    const args = [date, BATCH, deflateText(text).toString('base64'), overForSeconds, queue];
    const rows = asList(await redis.evaluate(script('abandoned'), [], args)).map(readRow);
    found.push(...rows);
    if (rows.length < BATCH) return found;
  }
}

function readRow(row: Parameters<typeof asList>[0]): Abandoned {
  const [id, executionId, ending, workerName] = asList(row);
  return {
    id: asText(id),
    executionId: asText(executionId),
    ending: readEnding(asList(ending).map(asText)),
    workerName: asText(workerName),
  };
}

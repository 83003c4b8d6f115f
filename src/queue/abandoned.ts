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

/** Seconds in which every worker that lives has reached a Redis that was started, and has prolonged its leases. */
export const SETTLE_SECONDS = 20;

/** How long ago Redis was started, in seconds; null for who may not ask, who does without. */
export async function uptimeSeconds(redis: Redis): Promise<number | null> {
  const server = await redis.call(['INFO', 'server']).catch(() => '');
  const uptime = /^uptime_in_seconds:(\d+)/m.exec(String(server))?.[1];
  return uptime === undefined ? null : Number(uptime);
}

/** False while leases may be over because Redis was away, and not because workers died (decision 0005). */
export async function isSettled(redis: Redis): Promise<boolean> {
  return ((await uptimeSeconds(redis)) ?? SETTLE_SECONDS) >= SETTLE_SECONDS;
}

/**
 * Retries or fails the jobs of a queue whose lease has run out: their worker died or was cut off.
 * Two cleaners at once change nothing twice, because finding and ending are one step. `overForSeconds`: how long the lease
 * must be over. `signal` ends it between two batches.
 */
export async function endAbandoned(
  redis: Redis,
  queue: string,
  overForSeconds = 0,
  signal?: AbortSignal,
): Promise<Abandoned[]> {
  const found: Abandoned[] = [];
  while (signal?.aborted !== true) {
    const date = formatDate(Date.now());
    const text = `Moved to FailedJobRegistry, due to AbandonedJobError, at ${date}`;
    const args = [date, BATCH, deflateText(text).toString('base64'), overForSeconds, queue];
    const rows = asList(await redis.evaluate(script('abandoned'), [], args)).map(readRow);
    found.push(...rows);
    if (rows.length < BATCH) break;
  }
  return found;
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

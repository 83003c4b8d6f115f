import { dumps } from './json.js';
import { formatDate } from './time.js';
export interface NewJobOptions { payload: Buffer; origin: string; description: string; createdAt: number; enqueuedAt: number; status: string; timeoutSeconds: number; resultTtlSeconds?: number; failureTtlSeconds?: number; ttlSeconds?: number; meta?: Readonly<Record<string, unknown>>; retry?: { max: number; intervals: number[] } }
export function newJobFields(o: NewJobOptions): [string, string | Buffer][] {
  const f: [string, string | Buffer][] = [['status', o.status], ['created_at', formatDate(o.createdAt)], ['data', o.payload], ['success_callback_name', ''], ['failure_callback_name', ''], ['stopped_callback_name', ''], ['started_at', ''], ['ended_at', ''], ['last_heartbeat', ''], ['worker_name', ''], ['group_id', ''], ['origin', o.origin], ['description', o.description], ['enqueued_at', formatDate(o.enqueuedAt)], ['timeout', String(o.timeoutSeconds)]];
  if (o.resultTtlSeconds !== undefined) f.push(['result_ttl', String(o.resultTtlSeconds)]);
  if (o.failureTtlSeconds !== undefined) f.push(['failure_ttl', String(o.failureTtlSeconds)]);
  if (o.ttlSeconds !== undefined) f.push(['ttl', String(o.ttlSeconds)]);
  if (o.meta && Object.keys(o.meta).length) f.push(['meta', dumps(o.meta)]);
  if (o.retry) f.push(['retries_left', String(o.retry.max)], ['retry_intervals', dumps(o.retry.intervals)]);
  return f;
}

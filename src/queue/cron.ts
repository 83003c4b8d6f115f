import { clock } from '../clock.js';
import { CRON_SCHEDULERS_KEY, cronSchedulerKey } from '../protocol/keys.js';
import type { Redis, RedisArg } from '../redis/redis.js';
import { script } from '../redis/scripts.js';
import { asList, asText } from './claim.js';
import type { NewJob } from './new-job.js';
import { prepare } from './prepare.js';
import { fieldsOf, tellEnqueued } from './store.js';

/** A cron entry as Redis knows it. */
export interface KnownEntry {
  readonly key: string;
  /** What the key stands for. */
  readonly what: string;
}

/** Makes an entry known. `done`: up to when its occurrences have been dealt with, whole seconds; `nowMs`: Redis's clock. */
export async function beginCronEntry(
  redis: Redis,
  { key, what }: KnownEntry,
  intervalSeconds: number | null,
): Promise<{ readonly done: number; readonly nowMs: number }> {
  const args = [key, what, intervalSeconds ?? ''];
  const [done, now] = asList(await redis.evaluate(script('cron_entry'), [], args)).map(asText);
  return { done: Number(done), nowMs: Number(now) * 1_000 };
}

/** An entry's moment, whole seconds since the epoch, and the name under which RQ notes the job. */
export interface Occurrence extends KnownEntry {
  readonly moment: number;
  readonly name: string;
}

export type CronOutcome =
  | { readonly state: 'queued'; readonly id: string }
  /** Somebody was there before; `done`: up to when. */
  | { readonly state: 'taken'; readonly done: number }
  /** By Redis's clock it has not come yet. */
  | { readonly state: 'early'; readonly nowMs: number }
  /** The name stands for something else since another file was loaded. */
  | { readonly state: 'replaced'; readonly what: string };

/** Enqueues the job of an occurrence exactly once, however many try. Throws Redis's error if the queue cannot take it. */
export async function enqueueOccurrence(redis: Redis, occurrence: Occurrence, job: NewJob): Promise<CronOutcome> {
  const { key, what, moment, name } = occurrence;
  const prepared = prepare(job, clock());
  const { id, head } = prepared;
  const args: RedisArg[] = [key, what, moment, name, id, ...head, ...fieldsOf(prepared)];
  const [state, detail = ''] = asList(await redis.evaluate(script('cron'), [], args)).map(asText);
  if (state === 'taken') return { state, done: Number(detail) };
  if (state === 'early') return { state, nowMs: Number(detail) * 1_000 };
  if (state === 'replaced') return { state, what: detail };
  tellEnqueued(redis, prepared, 'queued');
  return { state: 'queued', id };
}

/** Registers a cron scheduler as RQ does, or gives a sign of life; returns Redis's clock in milliseconds. */
export async function beatCron(
  redis: Redis,
  name: string,
  fields: readonly (readonly [string, string])[],
): Promise<number> {
  const now = await redis.evaluate(script('cron_beat'), [], [name, ...fields.flat()]);
  return Number(asText(now)) * 1_000;
}

/** Takes a cron scheduler out of the registry. */
export async function endCron(redis: Redis, name: string): Promise<void> {
  await redis.pipeline([
    ['ZREM', CRON_SCHEDULERS_KEY, name],
    ['DEL', cronSchedulerKey(name)],
  ]);
}

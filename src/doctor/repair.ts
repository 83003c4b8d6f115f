import { setTimeout as sleep } from 'node:timers/promises';
import { queueOfKey, QUEUES_KEY, workerOfKey, WORKERS_KEY } from '../protocol/keys.js';
import { endAbandoned, SETTLE_SECONDS, uptimeSeconds } from '../queue/abandoned.js';
import { cleanGone, JOB_REGISTRIES } from '../queue/clean-gone.js';
import { clean } from '../queue/clean.js';
import { compactQueue } from '../queue/compact.js';
import { forgetWorker } from '../queue/forget-worker.js';
import { dropLeftovers } from '../queue/leftovers.js';
import { queueNames } from '../queue/registry.js';
import { releaseForgotten } from '../queue/release.js';
import { rescueStranded, STRANDED_AFTER_SECONDS } from '../queue/stranded.js';
import type { Redis } from '../redis/redis.js';
import type { Fix } from './finding.js';
import { Inquiry } from './inquiry.js';
import { leftoverPages, MARK_SECONDS } from './leftovers.js';

/** What a fix will do, as a question without its mark. */
export function fixText(fix: Fix): string {
  switch (fix.kind) {
    case 'rescue':
      return 'put the ids that were stranded for 30 s back at the head of their queues';
    case 'compact':
      return 'take the ids without a job off their queues';
    case 'drop-entries':
      return 'drop the entries without a job from the registries';
    case 'drop-expired':
      return 'drop the entries whose time is over';
    case 'drop-leftovers':
      return 'remove the records of jobs that are gone';
    case 'release':
      return 'enqueue the deferred jobs that wait for nothing any more';
    case 'end-abandoned':
      return 'retry or fail the jobs of dead workers';
    case 'forget-workers':
      return 'forget the workers that are gone';
    case 'remove-members':
      return 'take the members that are none out of the sets';
  }
}

/**
 * Applies a fix, and tells what was done. Each step is one that workers make too, or looks again at what it is about to change:
 * it is safe beside them, may be repeated, and finds nothing to do where somebody was faster. `graceSeconds`: how long an id that
 * nobody has seen before must lie between queue and start.
 */
export async function repair(redis: Redis, fix: Fix, graceSeconds = STRANDED_AFTER_SECONDS): Promise<string> {
  switch (fix.kind) {
    case 'rescue':
      return rescue(redis, fix.queues, graceSeconds);
    case 'compact':
      return `${await sum(fix.queues, (queue) => compactQueue(redis, queue))} ids without a job were taken off their queues`;
    case 'drop-entries':
      return `${await sum(fix.queues, (queue) => sum(JOB_REGISTRIES, (name) => cleanGone(redis, name, queue)))} entries without a job were dropped`;
    case 'drop-expired':
      return `${await sum(fix.queues, async (queue) => (await clean(redis, queue))?.entries ?? 0)} entries were dropped`;
    case 'drop-leftovers':
      return `${await dropAllLeftovers(redis)} records of jobs that are gone were removed`;
    case 'release':
      return `${await sum(fix.queues, async (queue) => (await releaseForgotten(redis, queue)).length)} deferred jobs were enqueued`;
    case 'end-abandoned':
      return endDead(redis, fix.queues);
    case 'forget-workers': {
      const { names } = await queueNames(redis);
      const queues = [...new Set([...names, ...fix.queues])];
      return `${await sum(fix.workers, async (name) => ((await forgetWorker(redis, name, queues)) ? 1 : 0))} workers were forgotten`;
    }
    case 'remove-members':
      return `${await sum(fix.members, (member) => removeMember(redis, member))} members were removed`;
  }
}

async function sum<T>(items: readonly T[], work: (item: T) => Promise<number>): Promise<number> {
  let total = 0;
  for (const item of items) total += await work(item);
  return total;
}

/** An id that nobody has seen there before gets a mark first, as by a worker, and the time that it would have from one. */
async function rescue(redis: Redis, queues: readonly string[], graceSeconds: number): Promise<string> {
  let [back, dropped] = [0, 0];
  const rescueAll = async (): Promise<void> => {
    for (const queue of queues) {
      const found = await rescueStranded(redis, queue, graceSeconds);
      back += found.back.length;
      dropped += found.dropped.length;
    }
  };
  await rescueAll();
  if (back + dropped === 0) {
    await sleep(graceSeconds * 1_000);
    await rescueAll();
  }
  return `${back} ids were put back on their queues, ${dropped} without a job that waits were dropped`;
}

async function endDead(redis: Redis, queues: readonly string[]): Promise<string> {
  const uptime = (await uptimeSeconds(redis)) ?? SETTLE_SECONDS;
  if (uptime < SETTLE_SECONDS) {
    return `nothing was done: Redis was started ${uptime} s ago, and workers that live get ${SETTLE_SECONDS} s to say so; try again then`;
  }
  const counts = { enqueued: 0, failed: 0, other: 0 };
  for (const queue of queues) {
    for (const { ending } of await endAbandoned(redis, queue)) {
      if (ending.state === 'failed') counts.failed += 1;
      else if (ending.state === 'lost') counts.other += 1;
      else counts.enqueued += 1;
    }
  }
  return `${counts.enqueued} jobs of dead workers were retried or put back, ${counts.failed} failed, ${counts.other} entries of jobs that do not run were removed`;
}

/** Looks through all keys again: what was found are examples. */
async function dropAllLeftovers(redis: Redis): Promise<number> {
  const [now] = (await redis.call(['TIME'])) as [string, string];
  let removed = 0;
  for await (const { leftovers } of leftoverPages(new Inquiry(redis), Number(now) * 1_000))
    removed += await dropLeftovers(redis, leftovers, MARK_SECONDS);
  return removed;
}

/** Only one that is none by its name still. */
async function removeMember(
  redis: Redis,
  { member, key }: { readonly member: string; readonly key: string },
): Promise<number> {
  const isOne =
    key === QUEUES_KEY ? queueOfKey(member) !== null : key === WORKERS_KEY ? workerOfKey(member) !== null : true;
  return isOne ? 0 : Number(await redis.call(['SREM', key, member]));
}

import { GROUPS_KEY, groupKey, jobKey } from '../protocol/keys.js';
import type { Redis, Reply } from '../redis/redis.js';
import { script } from '../redis/scripts.js';
import { SET_PAGE, setPages } from './registry.js';

/** A member of a group. */
export interface GroupMember {
  readonly id: string;
  /** Null: its job is gone. Workers drop such members from time to time, as RQ does. */
  readonly status: string | null;
}

/** What has become of a group. */
export interface GroupStatus {
  readonly name: string;
  /** How many members have a job. */
  readonly jobs: number;
  /** How many have none any more: their results have expired, or they were deleted. */
  readonly gone: number;
  /** How many jobs have each status; a status that none has is not there. */
  readonly counts: Readonly<Record<string, number>>;
  /** None of the jobs has yet to end. */
  readonly done: boolean;
}

const ENDED = new Set(['finished', 'failed', 'stopped', 'canceled']);

/** The names of all groups, sorted; also of such as have just lost their last member. */
export async function groupNames(redis: Redis): Promise<string[]> {
  const names = new Set<string>();
  for await (const page of setPages(redis, GROUPS_KEY)) for (const name of page) names.add(name);
  return [...names].sort();
}

/** The members of a group, a page at a time, in no order; none if there is no such group. Changes nothing. */
export async function* groupMembers(redis: Redis, group: string): AsyncGenerator<GroupMember[]> {
  for await (const ids of setPages(redis, groupKey(group))) {
    const statuses = await redis.pipeline(ids.map((id) => ['HMGET', jobKey(id), 'status', 'data'] as const));
    yield ids.map((id, i) => ({ id, status: statusOf(statuses[i]) }));
  }
}

/**
 * What has become of the jobs of a group; null if there is no such group. Reads the group page by page and changes nothing;
 * of a group that changes meanwhile the numbers may be off by what changed.
 */
export async function groupStatus(redis: Redis, group: string): Promise<GroupStatus | null> {
  const counts = new Map<string, number>();
  let gone = 0;
  let jobs = 0;
  for await (const members of groupMembers(redis, group)) {
    for (const { status } of members) {
      if (status === null) gone += 1;
      else {
        jobs += 1;
        counts.set(status, (counts.get(status) ?? 0) + 1);
      }
    }
  }
  if (jobs + gone === 0) return null;
  const done = [...counts.keys()].every((status) => ENDED.has(status));
  return { name: group, jobs, gone, counts: Object.fromEntries([...counts].sort()), done };
}

/** Takes all jobs out of a group, which is gone then, in bounded steps; the jobs stay. Returns how many there were. */
export async function deleteGroup(redis: Redis, group: string): Promise<number> {
  let total = 0;
  for (;;) {
    const taken = Number(await redis.evaluate(script('delete_group'), [], [group, SET_PAGE]));
    total += taken;
    if (taken < SET_PAGE) return total;
  }
}

/**
 * Drops members whose jobs are gone, of every group, and the names of groups without members (RQ's maintenance). Returns how
 * many members. `signal` ends it between two groups.
 */
export async function cleanGroups(redis: Redis, signal?: AbortSignal): Promise<number> {
  let dropped = 0;
  for (const group of await groupNames(redis)) {
    if (signal?.aborted === true) break;
    for await (const ids of setPages(redis, groupKey(group))) {
      dropped += Number(await redis.evaluate(script('clean_group'), [], [group, ...ids]));
    }
    // Also where there was no page: the group is gone and its name is not.
    await redis.evaluate(script('clean_group'), [], [group]);
  }
  return dropped;
}

/** Null for a job that is gone; RQ takes a hash without a status for `created`. */
function statusOf(reply: Reply | Error | undefined): string | null {
  if (!Array.isArray(reply)) return null;
  const [status, data] = reply;
  if (typeof status === 'string') return status;
  return typeof data === 'string' ? 'created' : null;
}

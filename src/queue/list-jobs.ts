import { queueKey, registryKey, type RegistryName } from '../protocol/keys.js';
import type { Redis } from '../redis/redis.js';

/** How many jobs wait in the queue. */
export async function queueLength(redis: Redis, queue: string): Promise<number> {
  return (await redis.call(['LLEN', queueKey(queue)])) as number;
}

/** How many entries a registry of the queue has. */
export async function registrySize(redis: Redis, registry: RegistryName, queue: string): Promise<number> {
  return (await redis.call(['ZCARD', registryKey(registry, queue)])) as number;
}

const PAGE = 1_000;

/** Ids that wait in the queue, next one first: at most `count` (default all) from `offset` on, read a thousand at a time. */
export async function queuedIds(
  redis: Redis,
  queue: string,
  { offset = 0, count = Infinity }: { readonly offset?: number; readonly count?: number } = {},
): Promise<string[]> {
  const ids: string[] = [];
  while (ids.length < count) {
    const from = offset + ids.length;
    const size = Math.min(PAGE, count - ids.length);
    const page = (await redis.call(['LRANGE', queueKey(queue), from, from + size - 1])) as string[];
    ids.push(...page);
    if (page.length < size) break;
  }
  return ids;
}

/** Large enough for few round trips, small enough that their jobs fit into one. */
export const WALK_PAGE = 100;

/**
 * The ids of a registry, lowest score first, a page at a time. What is there from the beginning to the end comes, also when
 * entries are taken out meanwhile (as by requeueing what comes); what is added meanwhile may come. Nothing comes twice, unless
 * a whole page was taken out and others have its very score.
 */
export async function* walkRegistry(
  redis: Redis,
  registry: RegistryName,
  queue: string,
  pageSize = WALK_PAGE,
): AsyncGenerator<string[]> {
  const key = registryKey(registry, queue);
  let from = 0;
  let last: readonly Entry[] = [];
  for (;;) {
    const reply = (await redis.call(['ZRANGE', key, from, from + pageSize - 1, 'WITHSCORES'])) as string[];
    const page = reply.flatMap((member, i): Entry[] => (i % 2 === 0 ? [{ member, score: reply[i + 1] ?? '0' }] : []));
    const fresh = page.filter(({ member }) => !last.some((seen) => seen.member === member));
    if (fresh.length > 0) yield fresh.map(({ member }) => jobIdOf(registry, member));
    if (page.length < pageSize) return;
    last = page;
    from = await behind(redis, key, page);
  }
}

interface Entry {
  readonly member: string;
  readonly score: string;
}

/** The rank from which on entries have not been seen: behind the last of the page that is there still, wherever it is now. */
async function behind(redis: Redis, key: string, page: readonly Entry[]): Promise<number> {
  const ranks = await redis.pipeline(page.map(({ member }) => ['ZRANK', key, member] as const));
  const bad = ranks.find((rank) => rank instanceof Error);
  if (bad) throw bad;
  const known = ranks.filter((rank) => typeof rank === 'number');
  if (known.length > 0) return Math.max(...known) + 1;
  // None is there: behind all of lower scores. Of equal scores the caller knows those it has seen.
  return (await redis.call(['ZCOUNT', key, '-inf', `(${page[0]?.score ?? '0'}`])) as number;
}

/** Entries of started jobs are `id:execution`. */
const jobIdOf = (registry: RegistryName, member: string): string =>
  registry === 'wip' ? (member.split(':')[0] ?? member) : member;

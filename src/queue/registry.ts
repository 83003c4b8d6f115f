import { queueOfKey, QUEUES_KEY, registryKey, type RegistryName } from '../protocol/keys.js';
import type { Redis } from '../redis/redis.js';

/** The queues RQ knows, sorted by name, and members of `rq:queues` that are no queue. */
export async function queueNames(redis: Redis): Promise<{ names: string[]; alien: string[] }> {
  const members = (await redis.call(['SMEMBERS', QUEUES_KEY])) as string[];
  const names = members.map(queueOfKey).filter((name) => name !== null);
  return { names: names.sort(), alien: members.filter((member) => queueOfKey(member) === null).sort() };
}

const PAGE = 5_000;

/** All ids of a registry, lowest score first, as they stand now; read in pages, so that Redis is never held for long. */
export async function registryIds(redis: Redis, registry: RegistryName, queue: string): Promise<string[]> {
  const ids = new Set<string>();
  for (let from = 0; ; from += PAGE) {
    const page = (await redis.call(['ZRANGE', registryKey(registry, queue), from, from + PAGE - 1])) as string[];
    for (const id of page) ids.add(id);
    if (page.length < PAGE) return [...ids];
  }
}

import { queueOfKey, QUEUES_KEY, registryKey, type RegistryName } from '../protocol/keys.js';
import type { Redis } from '../redis/redis.js';

/** The queues RQ knows, sorted by name, and members of `rq:queues` that are no queue. */
export async function queueNames(redis: Redis): Promise<{ names: string[]; alien: string[] }> {
  const members = (await redis.call(['SMEMBERS', QUEUES_KEY])) as string[];
  const names = members.map(queueOfKey).filter((name) => name !== null);
  return { names: names.sort(), alien: members.filter((member) => queueOfKey(member) === null).sort() };
}

/** Ids of a registry from a rank on, lowest score first; at most `count`. */
export async function registryPage(
  redis: Redis,
  registry: RegistryName,
  queue: string,
  { from, count }: { readonly from: number; readonly count: number },
): Promise<string[]> {
  return (await redis.call(['ZRANGE', registryKey(registry, queue), from, from + count - 1])) as string[];
}

/**
 * How many entries each queue's registry has. A key that is none counts as empty; `onProblem` is told of it, without it that is
 * thrown.
 */
export async function registrySizes(
  redis: Redis,
  registry: RegistryName,
  queues: readonly string[],
  onProblem?: (queue: string, error: Error) => void,
): Promise<number[]> {
  const sizes = await redis.pipeline(queues.map((queue) => ['ZCARD', registryKey(registry, queue)] as const));
  return queues.map((queue, i) => {
    const size = sizes[i];
    if (!(size instanceof Error)) return Number(size);
    if (!onProblem) throw size;
    onProblem(queue, size);
    return 0;
  });
}

/** Members of a set that are asked for at once, so that no call holds Redis for long. */
export const SET_PAGE = 500;

/** The members of a set in pages that are not empty; a small set comes in one answer whatever its page, so that is cut. */
export async function* setPages(redis: Redis, key: string): AsyncGenerator<string[]> {
  let cursor = '0';
  do {
    const [next, members] = (await redis.call(['SSCAN', key, cursor, 'COUNT', SET_PAGE])) as [string, string[]];
    for (let from = 0; from < members.length; from += SET_PAGE) yield members.slice(from, from + SET_PAGE);
    cursor = next;
  } while (cursor !== '0');
}

import type { Redis } from '../../../redis/redis.js';
import { chosenConnections } from '../../connections.js';
import type { Cli } from '../../context.js';

/** What `work` yields on the first connection of the configuration where it is not null; null if there is none. */
export async function anywhere<T>(
  cli: Cli,
  work: (redis: Redis) => Promise<T | null>,
): Promise<{ readonly redis: Redis; readonly value: T } | null> {
  for (const { target } of chosenConnections(await cli.settings())) {
    const redis = await cli.connect(target);
    const value = await work(redis);
    if (value !== null) return { redis, value };
  }
  return null;
}

import type { Redis } from '../../../redis/redis.js';
import { chosenConnections, workOnEach } from '../../connections.js';
import type { Cli } from '../../context.js';

/** What `work` yields on the first connection of the configuration where it is not null; null if there is none. */
export async function anywhere<T>(
  cli: Cli,
  work: (redis: Redis) => Promise<T | null>,
): Promise<{ readonly redis: Redis; readonly value: T } | null> {
  let found: { readonly redis: Redis; readonly value: T } | null = null;
  const outage = await workOnEach(chosenConnections(await cli.settings()), async ({ target }) => {
    if (found) return;
    const redis = await cli.connect(target);
    const value = await work(redis);
    if (value !== null) found = { redis, value };
  });
  // It may be where we cannot look.
  if (!found && outage) throw outage;
  return found;
}

import type { Redis as IoRedis } from 'ioredis';

/** How many commands Redis has run by now, those in scripts too; this question left out. */
export async function commandsRun(client: IoRedis): Promise<number> {
  const stats = await client.info('commandstats');
  return [...stats.matchAll(/^cmdstat_(?!info|config)[^:]+:calls=(\d+)/gm)].reduce((sum, [, n]) => sum + Number(n), 0);
}

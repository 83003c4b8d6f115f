import { queueKey, registryKey, REGISTRIES, workerOfKey, WORKERS_KEY, type RegistryName } from '../../protocol/keys.js';
import { connect } from '../../redis/connect.js';
import { queueNames } from '../../queue/registry.js';
import type { Redis, RedisCommand } from '../../redis/redis.js';
import type { Cli } from '../context.js';
import { chosenConnections } from '../connections.js';
import type { Kind } from './complete.js';

/** Whoever presses a key waits no longer. */
const DEADLINE_MS = 700;
const MOST = 200;
/** Job ids come from so many queues, so many of each list and registry. */
const QUEUES = 20;
const IDS = 50;

/** What Redis has of that kind and begins so, at most 200; nothing when it does not answer at once. */
export async function lookUp(cli: Cli, kind: Exclude<Kind, 'files'>, beginning: string): Promise<string[]> {
  const settings = await cli.settings();
  if (kind === 'connections') return Object.keys(settings.connections).filter((name) => name.startsWith(beginning));
  const lists = await Promise.all(
    chosenConnections(settings).map(async ({ target }) => {
      const redis = connect(target, { role: 'producer', name: 'tsrq', deadlineMs: DEADLINE_MS });
      return ask(redis, kind).finally(() => {
        redis.close();
      });
    }),
  );
  // What does not stand in a line cannot be shown.
  const fit = lists.flat().filter((name) => name.startsWith(beginning) && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(name));
  return [...new Set(fit)].slice(0, MOST);
}

async function ask(redis: Redis, kind: Exclude<Kind, 'files' | 'connections'>): Promise<string[]> {
  if (kind === 'workers') {
    const members = (await redis.call(['SMEMBERS', WORKERS_KEY])) as string[];
    return members
      .map(workerOfKey)
      .filter((name) => name !== null)
      .sort();
  }
  const { names } = await queueNames(redis);
  return kind === 'queues' ? names : jobIds(redis, names.slice(0, QUEUES), kind === 'failed jobs' ? ['failed'] : null);
}

async function jobIds(
  redis: Redis,
  queues: readonly string[],
  only: readonly RegistryName[] | null,
): Promise<string[]> {
  const commands = queues.flatMap((queue): RedisCommand[] => [
    ...(only ? [] : [['LRANGE', queueKey(queue), 0, IDS - 1] as const]),
    ...(only ?? REGISTRIES).map((registry): RedisCommand => {
      return ['ZREVRANGEBYSCORE', registryKey(registry, queue), '+inf', '-inf', 'LIMIT', 0, IDS];
    }),
  ]);
  const replies = await redis.pipeline(commands);
  // Members of the registry of started jobs name the execution as well.
  return replies.flatMap((reply) => (Array.isArray(reply) ? reply : [])).map((id) => String(id).split(':')[0] ?? '');
}

import { dial } from './dial.js';
import type { OpenOptions, OpenSocket } from './socket.js';
import type { RedisTarget } from './target.js';

/**
 * Opens a connection, logs in, selects the database, names the connection, and waits for the answer to a `PING`; or rejects, with the error
 * reply if that is what went wrong. ioredis finds the master that Sentinels know, and is loaded for that alone (docs/decisions/0020).
 */
export async function openSocket(target: RedisTarget, options: OpenOptions): Promise<OpenSocket> {
  if (target.kind !== 'sentinel') return dial(target, options);
  const { openMaster } = await import('./sentinels.js');
  return openMaster(target, options);
}

import { TsrqError } from '../errors.js';
import type { Redis } from './redis.js';
import type { RedisTarget } from './target.js';

/** Under this a connection tells where it leads; by a symbol, as a process may have loaded several copies of this module. */
export const PLACE = Symbol.for('tsrq.place');

/** A connection that knows. */
export interface Placed {
  /** Where another connection to the same Redis leads, with its login. */
  [PLACE](): RedisTarget | Promise<RedisTarget>;
}

/** Where a connection leads. Throws USAGE for one that is not of tsrq's making. */
export async function placeOf(redis: Redis): Promise<RedisTarget> {
  if (PLACE in redis) return (redis as Redis & Placed)[PLACE]();
  throw new TsrqError('USAGE', `it is not known where the connection to ${redis.description} leads`, {
    hint: 'give a Tsrq, a client of ioredis, or what connect() returns',
  });
}

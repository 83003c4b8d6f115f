import type { Redis as IoRedis } from 'ioredis';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { Redis } from '../../src/redis/redis.js';
import { startRedis, type TestRedis } from './redis.js';
import { producerTo } from './rq.js';

export interface FreshRedis {
  readonly server: TestRedis;
  /** For looking at keys. */
  readonly client: IoRedis;
  /** A producer connection of tsrq's. */
  readonly redis: Redis;
}

/** Gives a test file a Redis of its own, which is empty before each test. `use` is called once, before the first. */
export function freshRedis(use: (fresh: FreshRedis) => void): void {
  let fresh: FreshRedis;
  beforeAll(async () => {
    const server = await startRedis();
    fresh = { server, client: server.client(), redis: producerTo(server.port) };
    use(fresh);
  });
  afterAll(async () => {
    fresh.redis.close();
    await fresh.server.stop();
  });
  beforeEach(async () => {
    await fresh.client.flushall();
  });
}

import type { Redis as IoRedis } from 'ioredis';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { Redis } from '../../src/redis/redis.js';
import { startRq, type Rq, type RqEnvironment } from './python.js';
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

export interface FreshRq extends FreshRedis {
  /** A Python that speaks to the same Redis. */
  readonly rq: Rq;
}

/** The same with a Python beside it; where there is none nothing is started, and the tests are skipped by whoever asks. */
export function freshRq(environment: RqEnvironment | null, use: (fresh: FreshRq) => void): void {
  if (environment === null) return;
  let rq: Rq;
  freshRedis((fresh) => {
    rq = startRq(environment, fresh.server.url);
    use({ ...fresh, rq });
  });
  afterAll(() => rq.stop());
}

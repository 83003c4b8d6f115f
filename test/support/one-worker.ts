import type { Redis as IoRedis } from 'ioredis';
import { claim, type ClaimedJob, type Wish, type WorkerStamp } from '../../src/queue/claim.js';
import { finish, type Ended, type Ending } from '../../src/queue/finish.js';
import type { Redis } from '../../src/redis/redis.js';

/** A worker by hand: what it claims and how that ends is up to the test. */
export interface OneWorker {
  readonly stamp: WorkerStamp;
  /** Registers it. */
  register(client: IoRedis): Promise<void>;
  /** Claims the next job of the queue `q`; throws if there is none. */
  take(redis: Redis): Promise<ClaimedJob>;
  /** Records ends, and returns what became of them. */
  end(redis: Redis, ...runs: readonly Ended[]): Promise<readonly Ending[]>;
  /** How the execution of a claimed job ended: it failed, unless `more` says otherwise. */
  ended(job: ClaimedJob, more?: Partial<Ended>): Ended;
}

export function oneWorker(): OneWorker {
  const stamp: WorkerStamp = {
    name: 'w',
    birth: '2026-01-01T00:00:00.000000Z',
    monitoringIntervalSeconds: 30,
    idleTtlSeconds: 480,
    defaultTimeoutSeconds: 180,
  };
  const wish = (count: number): Wish => {
    const queues = [{ name: 'q', weight: 1 }];
    return { count, strategy: 'ordered', seed: 1, queues, processPrefix: 'feedfacefeedface' };
  };
  let moment = 1e12;
  return {
    stamp,
    register: async (client) => {
      await client.hset('rq:worker:w', 'birth', stamp.birth);
    },
    take: async (redis) => {
      const result = await claim(redis, stamp, wish(1), '');
      const [job] = result.state === 'ok' ? result.jobs : [];
      if (!job) throw new Error(`nothing was claimed: ${JSON.stringify(result)}`);
      return job;
    },
    end: async (redis, ...runs) => {
      const { endings } = await finish(redis, stamp, runs, wish(0), '');
      return endings.map((ending) => (ending.state === 'refused' ? { state: 'lost', status: 'refused' } : ending));
    },
    ended: ({ id, executionId, queue, plainSince }, more = {}) => {
      moment += 10;
      const times = { startedAtMs: moment, endedAtMs: moment + 5, plainEndRedisMs: plainSince?.redisMs ?? null };
      return { id, executionId, queue, kind: 'failed', ...times, resultTtlSeconds: 500, value: null, ...more };
    },
  };
}

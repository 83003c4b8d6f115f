import type { Redis, RedisCommand, Reply } from '../../src/redis/redis.js';

/** A Redis whose single commands go through `call`; null from it leaves them to the other. */
export const interposed = (redis: Redis, call: (command: RedisCommand) => Promise<Reply> | null): Redis => ({
  description: redis.description,
  call: (command) => call(command) ?? redis.call(command),
  callBuffer: (command) => redis.callBuffer(command),
  pipeline: (commands) => redis.pipeline(commands),
  pipelineBuffer: (commands) => redis.pipelineBuffer(commands),
  evaluate: (...how) => redis.evaluate(...how),
  evaluateDurably: (...how) => redis.evaluateDurably(...how),
  close: () => {
    redis.close();
  },
});

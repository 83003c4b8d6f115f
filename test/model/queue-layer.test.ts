import fc from 'fast-check';
import type { Redis as IoRedis } from 'ioredis';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { register } from '../../src/worker/registration.js';
import type { Redis } from '../../src/redis/redis.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { producerTo } from '../support/rq.js';
import { commands } from './commands.js';
import { birthOf } from './staff.js';
import { World, reached, type Real } from './step.js';

/** About four seconds. */
const SHORT = 150;
/** TSRQ_MODEL_RUNS raises the number of runs, TSRQ_MODEL_SEED repeats those of a failure. */
const RUNS = Number(process.env['TSRQ_MODEL_RUNS'] ?? '') || SHORT;
const SEED = Number(process.env['TSRQ_MODEL_SEED'] ?? '') || Math.floor(Math.random() * 2 ** 31);
/** A third of them has nothing to happen to: about 40 are left of the longest. */
const MAX_COMMANDS = 60;

let server: TestRedis;
let client: IoRedis;
let redis: Redis;
let other: Redis;

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
  redis = producerTo(server.port);
  other = producerTo(server.port);
});
afterAll(async () => {
  redis.close();
  other.close();
  await server.stop();
});

async function begin(): Promise<{ model: World; real: Real }> {
  await client.flushall();
  const world = new World();
  for (const worker of world.staff.workers) await register(redis, birthOf(worker));
  return { model: world, real: { redis, other, client } };
}

describe(`the queue layer (seed ${SEED})`, { timeout: 3_600_000 }, () => {
  it('does what a model in memory does, whatever happens in whatever order', async () => {
    const property = fc.asyncProperty(commands(MAX_COMMANDS), (steps) => fc.asyncModelRun(begin, steps));
    await fc.assert(property, { seed: SEED, numRuns: RUNS });
    if (RUNS > SHORT) console.log(`model: ${JSON.stringify(Object.fromEntries([...reached].sort()))}`);
  });
});

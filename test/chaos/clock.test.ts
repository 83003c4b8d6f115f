import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTsrq } from '../support/cli.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { producerTo } from '../support/rq.js';
import { chanceOf, faultSeconds, SEED } from './plan.js';
import { JOBS, play, QUEUES } from './scenario.js';
import { Staff } from './workers.js';

let server: TestRedis;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(async () => {
  await server.stop();
});

const SKEW = fileURLToPath(new URL('clock-skew.js', import.meta.url));

it(
  `a worker whose clock jumps by an hour neither takes jobs from others nor loses its own (seed ${SEED})`,
  { timeout: 3_600_000 },
  async () => {
    const chance = chanceOf('clock');
    const redis = producerTo(server.port);
    // Its horses inherit the clock: what the ledger says of times is not used here, nobody is killed.
    const jumping = { NODE_OPTIONS: `--import=${SKEW}`, TSRQ_CHAOS_JUMP_MS: '2000' };
    const args = ['-C', '2', '--with-scheduler', '--maintenance-interval', '3', '--path', JOBS, ...QUEUES];
    const staff = new Staff({
      count: 2,
      launch: (name, n, env) =>
        startTsrq(['worker', '--name', name, ...args], {
          url: server.url,
          env: { ...env, ...(n % 2 === 0 ? jumping : {}) },
        }),
    });
    const outcome = await play({
      ...{ name: 'clock', chance, staff, redis, client: () => server.client() },
      // Jobs of several seconds: what runs while another worker looks for the abandoned must be left alone.
      ...{ seconds: faultSeconds(0.08, 18), jobsPerSecond: 3, maxJobMs: 6_000 },
      everyMs: 500,
      fault: () => 'half a second under a wrong clock',
    });
    redis.close();
    expect(outcome.violations.join('\n')).toBe('');
  },
);

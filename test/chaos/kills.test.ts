import { afterAll, beforeAll, expect, it } from 'vitest';
import { startRedis, type TestRedis } from '../support/redis.js';
import { producerTo } from '../support/rq.js';
import { chanceOf, faultSeconds, SEED } from './plan.js';
import { JOBS, play, QUEUES } from './scenario.js';
import { Staff, tsrqWorker } from './workers.js';

let server: TestRedis;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(async () => {
  await server.stop();
});

it(`SIGKILLs of workers and horses lose no job and double none (seed ${SEED})`, { timeout: 3_600_000 }, async () => {
  const chance = chanceOf('kills');
  const redis = producerTo(server.port);
  const args = ['-C', '2', '--with-scheduler', '--path', JOBS, ...QUEUES];
  const staff = new Staff({ count: 4, launch: tsrqWorker(server.url, args) });
  const outcome = await play({
    ...{ name: 'kills', chance, staff, redis, client: () => server.client() },
    ...{ seconds: faultSeconds(0.2, 12), jobsPerSecond: 33, maxJobMs: 300 },
    everyMs: 200,
    fault: () => (staff.killSomeone(chance).startsWith('horse') ? 'horse killed' : 'worker killed'),
  });
  redis.close();
  expect(outcome.violations.join('\n')).toBe('');
});

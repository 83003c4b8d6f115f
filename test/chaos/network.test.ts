import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startProxy, type Proxy } from '../support/proxy.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { producerTo } from '../support/rq.js';
import { chanceOf, faultSeconds, LONG, SEED } from './plan.js';
import { JOBS, play, QUEUES } from './scenario.js';
import { Staff, tsrqWorker } from './workers.js';

let server: TestRedis;
let proxy: Proxy;

beforeAll(async () => {
  server = await startRedis();
  proxy = await startProxy(server.port);
});
afterAll(async () => {
  await proxy.stop();
  await server.stop();
});

const ARGS = ['-C', '3', '--with-scheduler', '--path', JOBS, ...QUEUES];
const WEATHER = ['reply lost', 'cut', 'black hole', 'slow', 'narrow'] as const;

describe(`a network in trouble (seed ${SEED})`, { timeout: 3_600_000 }, () => {
  it('loses no job and doubles none, neither for its producer nor for its workers', async () => {
    const chance = chanceOf('network');
    // Through the same network: an enqueue whose reply is lost is sent again.
    const redis = producerTo(proxy.port);
    const staff = new Staff({ count: 2, launch: tsrqWorker(proxy.url, ARGS) });
    const outcome = await play({
      ...{ name: 'network', chance, staff, redis, client: () => server.client() },
      ...{ seconds: faultSeconds(0.12, 14), jobsPerSecond: 40, maxJobMs: 200 },
      everyMs: 150,
      fault: async () => {
        const kind = chance.pick(WEATHER);
        await storm(kind, chance.below(1_500));
        return kind;
      },
    });
    redis.close();
    expect(outcome.violations.join('\n')).toBe('');
  });

  it('that is away for a second, for ten, for a minute, is waited for by idle and by busy workers', async () => {
    const chance = chanceOf('outages');
    const redis = producerTo(server.port);
    const staff = new Staff({ count: 2, launch: tsrqWorker(proxy.url, ARGS) });
    const outages = LONG ? [1, 10, 60, 1, 10, 60] : [1, 6];
    const total = outages.reduce((sum, seconds) => sum + seconds + 4, 0);
    const outcome = await play({
      ...{ name: 'outages', chance, staff, redis, client: () => server.client() },
      ...{ seconds: total, jobsPerSecond: 10, maxJobMs: 3_000 },
      everyMs: 3_500,
      fault: async () => {
        const seconds = outages.shift();
        if (seconds === undefined) return 'none';
        await proxy.refuse();
        await sleep(seconds * 1_000);
        await proxy.accept();
        return `${seconds} s`;
      },
    });
    redis.close();
    expect(outcome.violations.join('\n')).toBe('');
  });
});

async function storm(kind: (typeof WEATHER)[number], ms: number): Promise<void> {
  switch (kind) {
    case 'reply lost':
      // Of any command of any connection: a claim, a finish, a heartbeat, an enqueue, a wait.
      await Promise.race([proxy.dropReply(), sleep(2_000)]);
      return;
    case 'cut':
      proxy.cut();
      return;
    case 'black hole':
      proxy.blackhole();
      await sleep(ms);
      proxy.heal();
      return;
    case 'slow':
      proxy.delay(ms / 10);
      await sleep(ms);
      proxy.delay(0);
      return;
    case 'narrow':
      proxy.throttle(20_000);
      await sleep(ms);
      proxy.throttle(null);
  }
}

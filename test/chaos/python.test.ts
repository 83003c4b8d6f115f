import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cleanEnv, watchProcess } from '../support/cli.js';
import { rqEnvironment, type RqEnvironment } from '../support/python.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { producerTo } from '../support/rq.js';
import { chanceOf, faultSeconds, SEED } from './plan.js';
import { JOBS, play, QUEUES } from './scenario.js';
import { Staff, tsrqWorker, type Launch } from './workers.js';

const environment = await rqEnvironment('2.10.0');
const PYTHON_JOBS = fileURLToPath(new URL('../support/python', import.meta.url));

let server: TestRedis;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(async () => {
  await server.stop();
});

describe.skipIf(environment === null)('beside Python RQ', { timeout: 3_600_000 }, () => {
  it(`SIGKILLs of workers and horses of both lose no job and double none (seed ${SEED})`, async () => {
    const chance = chanceOf('python');
    const redis = producerTo(server.port);
    const args = ['-C', '2', '--with-scheduler', '--path', JOBS, ...QUEUES];
    const staff = new Staff({ count: 2, launch: tsrqWorker(server.url, args) });
    // One queue each: with several of them RQ itself loses ids (BLPOP).
    const pythons = new Staff({
      count: QUEUES.length,
      prefix: 'py',
      killsHorses: true,
      launch: rqWorker(environment, server.url),
    });
    await pythons.ready();
    const outcome = await play({
      ...{ name: 'python', chance, staff, others: [pythons], redis, client: () => server.client() },
      ...{ seconds: faultSeconds(0.12, 15), jobsPerSecond: 20, maxJobMs: 300 },
      everyMs: 400,
      blows: { copies: (worker) => worker.startsWith('py') },
      fault: () => {
        const team = chance.next() < 0.5 ? staff : pythons;
        const what = team.killSomeone(chance).startsWith('horse') ? 'horse' : 'worker';
        return `${what} of ${team === staff ? 'tsrq' : 'RQ'} killed`;
      },
    });
    redis.close();
    expect(outcome.violations.join('\n')).toBe('');
  });
});

function rqWorker(rq: RqEnvironment | null, url: string): Launch {
  return (name, n, env) => {
    const queue = QUEUES[n % QUEUES.length] ?? 'default';
    const args = ['worker', '--name', name, '--url', url, '-S', 'rq.serializers.JSONSerializer', queue];
    return watchProcess(
      spawn(join(rq?.bin ?? '', 'rq'), args, {
        env: { ...cleanEnv(), ...env, PYTHONPATH: PYTHON_JOBS, PYTHONDONTWRITEBYTECODE: '1', NO_COLOR: '1' },
        cwd: PYTHON_JOBS,
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    );
  };
}

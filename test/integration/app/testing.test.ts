import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Redis as IoRedis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Job, job, popConnection, pushConnection, Queue, Tsrq } from '../../../src/index.js';
import { inline, runJobs, startTestRedis, waitForJob, type TestRedis } from '../../../src/app/testing.js';
import { until } from '../../support/rq.js';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startTestRedis();
});
afterAll(() => redis.stop());
beforeEach(() => redis.empty());

const order: string[] = [];
const child = job('kit.child', { queue: 'children' }, (name: string) => order.push(name));
const parent = job('kit.parent', async () => {
  order.push('parent begins');
  const made = await child.enqueue('child');
  order.push(`child is ${(await Job.fetch(made.id))?.status ?? 'gone'}`);
});

describe('jobs run inline', () => {
  it('have ended when enqueue returns, those that they enqueue too', async () => {
    order.length = 0;
    const made = await inline(() => parent.enqueue());
    expect(order).toEqual(['parent begins', 'child', 'child is finished']);
    expect((await waitForJob(made)).status).toBe('finished');
  });

  it('are run on the connection of their queue', async () => {
    const other = await startTestRedis();
    try {
      const made = await inline(() => new Queue('q', { connection: redis.app }).enqueue('x', [2]), {
        handlers: { x: (n: number) => n * 2 },
      });
      expect(await made.result()).toBe(4);
      expect(await other.app.redisOf().call(['DBSIZE'])).toBe(0);
    } finally {
      await other.stop();
    }
  });

  it('that fail do not make enqueue fail; outside nothing is run', async () => {
    const failed = await inline(() => new Queue('q').enqueue('kit.nobody'));
    expect((await waitForJob(failed.id)).error).toContain("no handler for 'kit.nobody'");
    expect((await child.enqueue('later')).status).toBe('queued');
    expect(await new Queue('children').length()).toBe(1);
  });
});

it('a Redis that is ended takes only itself from the connections of the process', async () => {
  const [first, second] = [await startTestRedis(), await startTestRedis()];
  await first.stop();
  const made = await new Queue('q').enqueue('kit.nobody');
  expect(await second.app.redisOf().call(['EXISTS', `rq:job:${made.id}`])).toBe(1);
  await second.stop();
  expect(await new Queue('q').length()).toBe(0);
});

it.each(['SIGTERM', 'SIGKILL', 'an error'] as const)('a Redis ends with its process, also by %s', async (how) => {
  const built = fileURLToPath(new URL('../../../dist/app/testing.js', import.meta.url));
  const work = how === 'an error' ? "throw new Error('bad')" : 'setInterval(() => {}, 1_000)';
  const program = `
    import { startTestRedis } from ${JSON.stringify(built)};
    console.log((await startTestRedis()).url);
    setTimeout(() => { ${work} }, 100);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const gone = once(child, 'exit');
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(new URL(line.toString().trim()).port);
  if (how !== 'an error') child.kill(how);
  await gone;
  const answers = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = createConnection(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      }).once('error', () => {
        resolve(false);
      });
    });
  await until('the server has ended', async () => !(await answers()));
});

it('runs jobs on the connection of a client that was pushed', async () => {
  const { hostname, port, password } = new URL(redis.url);
  const client = new IoRedis({ host: hostname, port: Number(port), password });
  pushConnection(client);
  try {
    order.length = 0;
    const made = await inline(() => child.enqueue('inline'));
    expect(await made.result()).toBe(1);
    await child.enqueue('run');
    expect((await runJobs()).map(({ ending }) => ending.state)).toEqual(['finished']);
    expect(order).toEqual(['inline', 'run']);
    const app = new Tsrq({ client });
    expect((await runJobs('children', { connection: app })).length).toBe(0);
  } finally {
    popConnection();
    client.disconnect();
  }
});

describe('runJobs', () => {
  it('runs all queues until nothing is left, and tells how each job ended', async () => {
    await parent.enqueue();
    await new Queue('other').enqueue('kit.nobody');
    const ended = await runJobs();
    expect(ended.map(({ queue }) => queue).sort()).toEqual(['children', 'default', 'other']);
    expect(ended.filter(({ error }) => error !== null).map(({ queue }) => queue)).toEqual(['other']);
    expect(await runJobs()).toEqual([]);
  });

  it('leaves other queues alone when it is given names', async () => {
    await parent.enqueue();
    expect(await runJobs('default', { connection: redis.app })).toHaveLength(1);
    expect(await new Queue('children').length()).toBe(1);
  });
});

describe('waitForJob', () => {
  it('tells of a job that is gone or has not ended in time', async () => {
    await expect(waitForJob('none')).rejects.toMatchObject({ status: 'gone' });
    const made = await child.enqueue('x');
    await expect(waitForJob(made, { timeout: 0.05 })).rejects.toMatchObject({ code: 'TIMED_OUT' });
  });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis as IoRedis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Redis } from '../../src/redis/redis.js';
import { runTsrq, startTsrq, type CliProcess } from '../support/cli.js';
import { startReceiver } from '../support/notify.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { producerTo, put, until } from '../support/rq.js';

let server: TestRedis;
let client: IoRedis;
let redis: Redis;
const started: CliProcess[] = [];

beforeEach(async () => {
  server = await startRedis({ conf: { appendonly: 'yes', appendfsync: 'always' } });
  client = server.client();
  redis = producerTo(server.port);
});
afterEach(async () => {
  for (const scheduler of started.splice(0)) {
    scheduler.kill('SIGKILL');
    await scheduler.exited;
  }
  redis.close();
  await server.stop();
});

async function start(args: readonly string[] = [], env: Record<string, string> = {}): Promise<CliProcess> {
  const scheduler = startTsrq(['scheduler', ...args], { url: server.url, env });
  started.push(scheduler);
  await scheduler.waitFor('looking after');
  return scheduler;
}
const later = (queue: string): Promise<string> => put(redis, 'f', [], { queue, scheduleInSeconds: 1 });
const isQueued = async (queue: string, id: string): Promise<boolean> =>
  (await client.lrange(`rq:queue:${queue}`, 0, -1)).includes(id);

describe('tsrq scheduler', () => {
  it('moves what is due, without any worker, on every queue there is and on those that come', async () => {
    const first = await later('first');
    const scheduler = await start();
    await until('the first is queued', () => isQueued('first', first));
    const second = await later('second');
    await until('the second is queued', () => isQueued('second', second));
    expect(scheduler.stderr()).toContain('1 job that was due moved');
  });

  it('looks after the named queues and no other', async () => {
    const [named, other] = [await later('named'), await later('other')];
    await start(['named']);
    await until('the named one is queued', () => isQueued('named', named));
    expect(await isQueued('other', other)).toBe(false);
    expect(await client.exists('rq:scheduler-lock:other')).toBe(0);
  });

  it("leaves a queue to the scheduler that has RQ's lock, and takes over when the lock is given up", async () => {
    await later('q');
    await client.set('rq:scheduler-lock:q', 'of-python');
    const scheduler = await start();
    const other = await later('other');
    await until('another queue is looked after', () => isQueued('other', other));
    expect(await client.llen('rq:queue:q')).toBe(0);
    expect(await client.get('rq:scheduler-lock:q')).toBe('of-python');
    await client.del('rq:scheduler-lock:q');
    await until('the queue is looked after', async () => (await client.llen('rq:queue:q')) === 1);
    scheduler.kill('SIGTERM');
    expect((await scheduler.exited).code).toBe(0);
    expect(await client.keys('rq:scheduler*')).toEqual([]);
  });

  it('goes on when Redis is back, saying once each that it was lost and regained', async () => {
    const id = await later('q');
    const scheduler = await start();
    await until('the first is queued', () => isQueued('q', id));
    await server.kill('SIGKILL');
    await scheduler.waitFor('cannot reach Redis');
    await server.restart();
    const next = await later('q');
    await until('the next is queued', () => isQueued('q', next));
    expect(scheduler.stderr().match(/cannot reach Redis/g)).toHaveLength(1);
    expect(scheduler.stderr().match(/Redis is back after/g)).toHaveLength(1);
  });

  it('stops also while Redis is away', async () => {
    const scheduler = await start();
    await server.kill('SIGKILL');
    await scheduler.waitFor('cannot reach Redis');
    scheduler.kill('SIGTERM');
    expect((await scheduler.exited).code).toBe(0);
  });

  it('is asked for, once, by a worker that sees due jobs and no scheduler', async () => {
    const [due, moved] = [await later('q'), await later('looked-after')];
    await put(redis, 'f', [], { queue: 'later', scheduleInSeconds: 3_600 });
    await client.zadd('rq:scheduled:q', 1, due);
    await client.zadd('rq:scheduled:looked-after', 1, moved);
    await client.set('rq:scheduler-lock:looked-after', 'of-python');
    const worker = startTsrq(['worker', 'q', 'looked-after', 'later'], { url: server.url });
    started.push(worker);
    await worker.waitFor('queue q: 1 scheduled job is due and no scheduler moves it');
    await worker.waitFor('listening on');
    // It has looked again when its notice of another queue is there.
    await client.del('rq:scheduler-lock:looked-after');
    await worker.waitFor('queue looked-after: 1 scheduled job is due');
    expect(worker.stderr().match(/scheduled job/g)).toHaveLength(2);
    worker.kill('SIGTERM');
    expect((await worker.exited).code).toBe(0);
  });

  it('is not stopped by bad data on one queue', async () => {
    await later('a');
    const [bad, good] = [await later('bad'), await later('good')];
    await client.rename('rq:scheduled:bad', 'kept');
    await client.set('rq:scheduled:bad', 'no sorted set');
    const scheduler = await start();
    await until('the good one is queued', () => isQueued('good', good));
    await scheduler.waitFor('due jobs may stay where they are');
    await client.rename('kept', 'rq:scheduled:bad');
    await until('the other is queued, once that is mended', () => isQueued('bad', bad));
  });

  it('exits 69 where there is no Redis', async () => {
    const { code, stderr } = await runTsrq(['scheduler', '-u', 'redis://127.0.0.1:1', '--connect-timeout', '0.5']);
    expect([code, stderr]).toEqual([69, expect.stringContaining('cannot reach Redis')]);
  });

  it('tells systemd that it is ready, what it does, that it lives, and that it stops', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'tsrq-test-scheduler-'));
    const receiver = await startReceiver(join(dir, 'socket'));
    await later('q');
    await client.set('rq:scheduler-lock:q', 'of-python');
    const other = await later('other');
    const scheduler = await start([], { ...receiver.env, WATCHDOG_USEC: '8000000' });
    await receiver.waitFor(
      'READY=1',
      ({ READY, STATUS = '' }) => READY === '1' && STATUS.startsWith('looking after 1'),
    );
    await until('a job is moved', () => isQueued('other', other));
    const now = 'looking after 1 queue, 1 by another scheduler; 1 moved';
    await receiver.waitFor(now, ({ STATUS }) => STATUS === now);
    await receiver.waitFor('WATCHDOG=1', (message) => message['WATCHDOG'] === '1');
    await server.kill('SIGKILL');
    const told = receiver.messages().length;
    await receiver.waitFor('WATCHDOG=1 in an outage', (message) => message['WATCHDOG'] === '1', told + 1);
    scheduler.kill('SIGTERM');
    await receiver.waitFor('STOPPING=1', (message) => message['STOPPING'] === '1');
    expect((await scheduler.exited).code).toBe(0);
    receiver.stop();
    rmSync(dir, { recursive: true, force: true });
  });
});

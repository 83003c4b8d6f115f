import type { Redis as IoRedis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Redis } from '../../src/redis/redis.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { latestResult, producerTo, put, statusOf, until } from '../support/rq.js';
import { bootSystemd, INSIDE, whyNoSystemd, type Machine } from '../support/systemd.js';

/*
 * The packaged units under a real systemd. Where that cannot be had these tests are skipped, and say why in their name:
 * `not applicable: …` where no package would help (no Linux, no root, a container without the rights to namespaces, mounts
 * and control groups), which CI accepts; any other reason, as a package that could be installed, it does not.
 */
const why = whyNoSystemd();

const WORKER = 'tsrq-worker@.service';
const SCHEDULER = 'tsrq-scheduler.service';

let machine: Machine;
let server: TestRedis;
let client: IoRedis;
let redis: Redis;

beforeAll(async () => {
  if (why !== null) return;
  server = await startRedis({ conf: { appendonly: 'yes', appendfsync: 'always' } });
  client = server.client();
  redis = producerTo(server.port);
  machine = await bootSystemd();
  await machine.run('ln', '-sf', INSIDE.node, '/usr/local/bin/node');
  await machine.run('ln', '-sf', `${INSIDE.repository}/bin/tsrq.js`, '/usr/local/bin/tsrq');
  await machine.run('mkdir', '-p', '/srv/tsrq');
  const path = [`${INSIDE.repository}/test/support/jobs`, '/srv/tsrq'];
  await machine.write('/etc/tsrq/tsrq.config.json', JSON.stringify({ redis: { port: server.port }, worker: { path } }));
  for (const unit of [WORKER, SCHEDULER, 'tsrq.target']) {
    await machine.run('cp', `${INSIDE.repository}/systemd/${unit}`, '/etc/systemd/system/');
  }
  await machine.run('systemctl', 'daemon-reload');
});
afterAll(async () => {
  if (why !== null) return;
  await machine.halt();
  redis.close();
  await server.stop();
});

/** The unit of an instance that takes jobs of the queue of its name; `service`: lines that change its unit. */
async function prepare(instance: string, { service = '', env = '' } = {}): Promise<string> {
  await machine.write(`/etc/tsrq/worker-${instance}.env`, `TSRQ_QUEUES=${instance}\n${env}`);
  const unit = `tsrq-worker@${instance}.service`;
  await machine.write(`/etc/systemd/system/${unit}.d/test.conf`, `[Service]\n${service}\n`);
  await machine.run('systemctl', 'daemon-reload');
  return unit;
}
async function start(instance: string, change: { service?: string; env?: string } = {}): Promise<string> {
  const unit = await prepare(instance, change);
  await machine.run('systemctl', 'start', unit);
  return unit;
}
const property = async (unit: string, name: string): Promise<string> =>
  (await machine.properties(unit, name))[name] ?? '';
const isDone = async (id: string): Promise<boolean> => (await statusOf(client, id)) === 'finished';

describe.skipIf(why !== null)(`under systemd${why === null ? '' : ` (${why})`}`, () => {
  it('the units are right and hardened', async () => {
    const units = [WORKER, SCHEDULER, 'tsrq.target'].map((unit) => `/etc/systemd/system/${unit}`);
    const verified = await machine.exec('systemd-analyze', 'verify', ...units);
    expect([verified.code, verified.stdout, verified.stderr]).toEqual([0, '', '']);
    for (const unit of units.slice(0, 2)) {
      const judged = await machine.run('systemd-analyze', 'security', '--offline=yes', unit);
      const exposure = Number(/Overall exposure level for .*: ([\d.]+)/.exec(judged)?.[1]);
      expect(exposure).toBeLessThanOrEqual(1.1);
    }
  });

  it('what `tsrq unit` writes is right, and starts a worker with the arguments given', async () => {
    await machine.run(
      ...[
        'sh',
        '-c',
        'cd /srv/tsrq && tsrq unit --output "/etc/systemd/system/own@.service" worker -- own "od d" -C 2',
      ],
    );
    await machine.run('sh', '-c', 'cd / && tsrq unit scheduler > /etc/systemd/system/own-scheduler.service');
    await machine.run('systemctl', 'daemon-reload');
    const verified = await machine.exec('systemd-analyze', 'verify', 'own@1.service', 'own-scheduler.service');
    expect([verified.code, verified.stderr]).toEqual([0, '']);
    await machine.run('systemctl', 'start', 'own@1', 'own-scheduler');
    expect(await property('own@1', 'StatusText')).toBe('waiting for jobs on own, od d; 0 done');
    const id = await put(redis, 'count.words', ['a b'], { queue: 'own', scheduleInSeconds: 1 });
    await until('the job is moved and done', () => isDone(id));
    await machine.run('systemctl', 'stop', 'own@1', 'own-scheduler');
    expect(await machine.properties('own-scheduler', 'Result', 'ActiveState')).toEqual({
      Result: 'success',
      ActiveState: 'inactive',
    });
  });

  it('started means registered and able to work; the journal has the priorities', async () => {
    const unit = await start('plain');
    const names = await client.smembers('rq:workers:plain');
    expect(names).toEqual([expect.stringMatching(/\.plain$/)]);
    expect(await property(unit, 'StatusText')).toBe('waiting for jobs on plain; 0 done');
    const good = await put(redis, 'count.words', ['a b'], { queue: 'plain' });
    const bad = await put(redis, 'count.boom', ['no luck'], { queue: 'plain' });
    await until('both are done', async () => (await isDone(good)) && (await statusOf(client, bad)) === 'failed');
    await machine.run('systemctl', 'stop', unit);
    expect(await property(unit, 'Result')).toBe('success');
    const lines = (await machine.journal(unit)).filter(({ identifier }) => identifier === 'tsrq-worker-plain');
    const priorityOf = (text: string): number | undefined =>
      lines.find(({ message }) => message.includes(text))?.priority;
    expect([priorityOf('listening on plain'), priorityOf(`(${good}) finished`), priorityOf(`(${bad}) failed`)]).toEqual(
      [6, 6, 3],
    );
  });

  it('instances, the scheduler and their target start, restart and stop together', async () => {
    for (const instance of ['a', 'b']) await prepare(instance);
    const units = ['tsrq-worker@a.service', 'tsrq-worker@b.service', SCHEDULER];
    await machine.run('systemctl', 'enable', 'tsrq.target', ...units);
    await machine.run('systemctl', 'start', 'tsrq.target');
    const all = async (name: string): Promise<string[]> => Promise.all(units.map((unit) => property(unit, name)));
    const are = async (state: string): Promise<boolean> =>
      (await all('ActiveState')).every((actual) => actual === state);
    await until('all are there', () => are('active'));
    const before = await all('MainPID');
    // What is done to the target is done to them, but only the target is waited for.
    await machine.run('systemctl', 'restart', 'tsrq.target');
    await until(
      'others are there',
      async () => (await are('active')) && (await all('MainPID')).every((pid) => !before.includes(pid)),
    );
    await machine.run('systemctl', 'stop', 'tsrq.target');
    await until('all have stopped', () => are('inactive'));
    expect(await all('Result')).toEqual(['success', 'success', 'success']);
    await machine.run('systemctl', 'disable', 'tsrq.target', ...units);
  });

  it('a reload brings fresh code to new jobs, and interrupts none', async () => {
    await machine.write('/srv/tsrq/changing.js', "export const now = () => 'old';");
    const unit = await start('reload', { env: 'TSRQ_CONCURRENCY=2' });
    const pid = await property(unit, 'MainPID');
    const old = await put(redis, 'changing.now', [], { queue: 'reload' });
    const long = await put(redis, 'count.sleep', [4_000], { queue: 'reload' });
    await until('the old code has run', () => isDone(old));
    await machine.write('/srv/tsrq/changing.js', "export const now = () => 'new';");
    await machine.run('systemctl', 'reload', unit);
    await until('it is reloaded', async () =>
      (await machine.journal(unit)).some(({ message }) => message.includes('Reloaded')),
    );
    const fresh = await put(redis, 'changing.now', [], { queue: 'reload' });
    await until('both are done', async () => (await isDone(fresh)) && (await isDone(long)));
    expect((await latestResult(client, fresh))?.value).toBe('new');
    expect(await property(unit, 'MainPID')).toBe(pid);
    expect(await property(unit, 'ActiveState')).toBe('active');
    await machine.run('systemctl', 'stop', unit);
  });

  it('a stop waits for a job by its own timeout, longer than TimeoutStopSec', async () => {
    const unit = await start('stop', { service: 'TimeoutStopSec=5' });
    const id = await put(redis, 'count.sleep', [12_000], { queue: 'stop', timeoutSeconds: 60 });
    await until('the job runs', async () => (await statusOf(client, id)) === 'started');
    await machine.run('systemctl', 'stop', unit);
    expect(await isDone(id)).toBe(true);
    expect(await machine.properties(unit, 'Result', 'ExecMainStatus')).toEqual({
      Result: 'success',
      ExecMainStatus: '0',
    });
  });

  it('the watchdog restarts a worker that hangs, and the next one works', async () => {
    const unit = await start('hang', { service: 'WatchdogSec=6\nRestartSec=100ms', env: 'TSRQ_ISOLATION=none' });
    const hanging = await put(redis, 'count.busy', [3_600_000], { queue: 'hang' });
    await until('the worker was restarted', async () => Number(await property(unit, 'NRestarts')) > 0, 40_000);
    expect((await machine.journal(unit)).some(({ message }) => message.includes('Watchdog timeout'))).toBe(true);
    const id = await put(redis, 'count.words', ['a b'], { queue: 'hang' });
    await until('the next one works', () => isDone(id));
    expect(await statusOf(client, hanging)).not.toBe('finished');
    await machine.run('systemctl', 'stop', unit);
  });

  it('an outage of Redis is no reason for a restart', async () => {
    const unit = await start('outage', { service: 'WatchdogSec=6' });
    const pid = await property(unit, 'MainPID');
    await server.kill('SIGKILL');
    await until('it says so', async () => (await property(unit, 'StatusText')).startsWith('Redis is away since'));
    const seen = new Set<string>();
    await until(
      'it gives signs of life for longer than the watchdog waits',
      async () => {
        seen.add(await property(unit, 'WatchdogTimestampMonotonic'));
        return seen.size > 6;
      },
      30_000,
    );
    await server.restart();
    const id = await put(redis, 'count.words', ['a b'], { queue: 'outage' });
    await until('it works again', () => isDone(id));
    expect(await machine.properties(unit, 'MainPID', 'NRestarts')).toEqual({ MainPID: pid, NRestarts: '0' });
    await machine.run('systemctl', 'stop', unit);
  });

  it('a worker without a Redis at its start is started again until there is one', async () => {
    const unit = await prepare('late', { service: 'RestartSec=100ms', env: 'TSRQ_CONNECT_TIMEOUT=0.5' });
    await server.kill('SIGKILL');
    expect((await machine.exec('systemctl', 'start', unit)).code).not.toBe(0);
    await until('it was tried often', async () => Number(await property(unit, 'NRestarts')) >= 2);
    await server.restart();
    await until('it is there', async () => (await property(unit, 'ActiveState')) === 'active');
    await machine.run('systemctl', 'stop', unit);
  });

  it('a wrong configuration is not tried again', async () => {
    const unit = await prepare('wrong', { service: 'RestartSec=100ms', env: 'TSRQ_CONCURRENCY=none' });
    expect((await machine.exec('systemctl', 'start', unit)).code).not.toBe(0);
    expect(await machine.properties(unit, 'ActiveState', 'NRestarts', 'ExecMainStatus')).toEqual({
      ActiveState: 'failed',
      NRestarts: '0',
      ExecMainStatus: '6',
    });
    const complaint = (await machine.journal(unit)).find(({ message }) => message.includes('TSRQ_CONCURRENCY'));
    expect(complaint?.priority).toBe(3);
  });

  it('the password comes as a credential', async () => {
    const secured = await startRedis({ conf: { requirepass: 'a-secret' } });
    const redisConfig = { port: secured.port, passwordFile: 'tsrq-redis-password' };
    await machine.write('/etc/tsrq/secured.json', JSON.stringify({ redis: redisConfig }));
    await machine.write('/etc/credstore/tsrq-redis-password', 'a-secret\n');
    await machine.run('chmod', '600', '/etc/credstore/tsrq-redis-password');
    const unit = await start('secured', { env: 'TSRQ_CONFIG=/etc/tsrq/secured.json' });
    expect(await property(unit, 'StatusText')).toBe('waiting for jobs on secured; 0 done');
    await machine.run('systemctl', 'stop', unit);
    await secured.stop();
  });
});

import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FlowProducer, Queue as BullQueue } from 'bullmq';
import { afterEach, describe, expect, it } from 'vitest';
import { fetchJob } from '../../src/queue/job-store.js';
import { queuedIds } from '../../src/queue/list-jobs.js';
import type { Redis } from '../../src/redis/redis.js';
import { cleanEnv, runTsrq, type CliResult } from '../support/cli.js';
import { freshRedis } from '../support/fresh-redis.js';
import type { TestRedis } from '../support/redis.js';

const SCRIPT = fileURLToPath(new URL('../../examples/move-from-bullmq.js', import.meta.url));
const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));

let server: TestRedis;
let redis: Redis;
freshRedis((fresh) => ({ server, redis } = fresh));

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});

function bullQueue(name: string): BullQueue {
  const queue = new BullQueue(name, { connection: { url: server.url } });
  open.push(queue);
  return queue;
}

function move(map: Readonly<Record<string, string>>, ...args: string[]): Promise<Pick<CliResult, 'code' | 'stdout'>> {
  const file = join(server.dir, 'map.json');
  writeFileSync(file, JSON.stringify(map));
  return new Promise((resolve) => {
    const env = { ...cleanEnv(), REDIS_URL: server.url };
    const child = execFile(process.execPath, [SCRIPT, ...args, '--map', file], { env }, (_, stdout, stderr) => {
      resolve({ code: child.exitCode, stdout: stdout + stderr });
    });
  });
}

describe('examples/move-from-bullmq.js', () => {
  it('moves what waits in the order of BullMQ, with ids, attempts and times, and tsrq runs it', async () => {
    const mail = bullQueue('mail');
    await mail.add('hello', { to: 'ann' });
    await mail.add('hello', { to: 'late' }, { priority: 5 });
    await mail.add('hello', { to: 'first' }, { priority: 1 });
    await mail.add(
      'hello',
      { to: 'bob' },
      { jobId: 'for.bob', attempts: 4, backoff: { type: 'exponential', delay: 1_500 } },
    );
    const before = Date.now();
    await mail.add('hello', { to: 'eve' }, { jobId: 'eve', delay: 3_600_000 });

    const dry = await move({ hello: 'pyjobs.echo' }, 'mail', '--dry-run');
    expect(dry).toEqual({
      code: 0,
      stdout: 'would move 5 jobs of mail to mail (2 waiting, 2 prioritized, 1 delayed)\n',
    });
    expect(await mail.isPaused()).toBe(false);
    expect(await queuedIds(redis, 'mail')).toEqual([]);

    const { code, stdout } = await move({ hello: 'pyjobs.echo' }, 'mail');
    expect(stdout).toContain('moved 5 jobs of mail to mail (2 waiting, 2 prioritized, 1 delayed)\n');
    expect(code).toBe(0);
    expect(await mail.count()).toBe(0);
    expect(await queuedIds(redis, 'mail')).toEqual(['mail-1', 'for_2ebob', 'mail-3', 'mail-2']);
    expect((await fetchJob(redis, 'for_2ebob'))?.retriesLeft).toBe(3);
    expect(await redis.call(['HGET', 'rq:job:for_2ebob', 'retry_intervals'])).toBe('[2, 3, 6]');
    const due = Number(await redis.call(['ZSCORE', 'rq:scheduled:mail', 'eve']));
    expect(due).toBeGreaterThanOrEqual(Math.floor(before / 1_000) + 3_600);
    expect(due).toBeLessThanOrEqual(Math.floor(Date.now() / 1_000) + 3_600);

    await runTsrq(['worker', '--burst', '--path', JOBS, 'mail'], { url: server.url });
    expect((await fetchJob(redis, 'mail-1'))?.result).toEqual([[], { to: 'ann' }]);
  });

  it('run again after it died in between it stores nothing twice', async () => {
    const mail = bullQueue('mail');
    const options = { jobId: 'once', timestamp: 1_700_000_000_000 };
    await mail.add('hello', {}, options);
    await move({ '*': 'pyjobs.echo' }, 'mail', '--to', 'letters');
    // As it was when the script had stored the job, and not removed it yet.
    await mail.add('hello', {}, options);
    expect(await move({ '*': 'pyjobs.echo' }, 'mail', '--to', 'letters')).toMatchObject({ code: 0 });
    expect(await mail.count()).toBe(0);
    expect(await queuedIds(redis, 'letters')).toEqual(['once']);
  });

  it("jobs of two queues that have the same number do not get into each other's way, and nobody's id is taken", async () => {
    await bullQueue('a').add('hello', {});
    const other = bullQueue('b');
    await other.add('hello', {});
    await other.add('hello', { other: true }, { jobId: 'a-1' });
    await move({ '*': 'pyjobs.echo' }, 'a');
    const { code, stdout } = await move({ '*': 'pyjobs.echo' }, 'b');
    expect(stdout).toContain("1 stays, as a-1: another job has the id 'a-1'");
    expect(code).toBe(1);
    expect((await other.getWaiting()).map(({ id }) => id)).toEqual(['a-1']);
    expect(await queuedIds(redis, 'b')).toEqual(['b-1']);
  });

  it.each([
    [['mail', '--from', 'redis://127.0.0.1:1'], 1, 'ECONNREFUSED'],
    [['mail', '--dry'], 2, "Unknown option '--dry'"],
    [[], 2, 'usage: node move-from-bullmq.js QUEUE'],
  ] as const)('%j is refused in one sentence', async (args, code, text) => {
    const result = await move({}, ...args);
    expect(result.stdout).toMatch(/^move-from-bullmq: .*\n$/);
    expect(result).toEqual({ code, stdout: expect.stringContaining(text) as string });
  });

  it('what has no function, belongs to a flow or a scheduler stays in BullMQ, with the reason', async () => {
    const mail = bullQueue('mail');
    await mail.add('hello', {}, { jobId: 'goes' });
    await mail.add('unknown', {}, { jobId: 'stays' });
    await mail.upsertJobScheduler('nightly', { pattern: '0 3 * * *' }, { name: 'hello' });
    const flows = new FlowProducer({ connection: { url: server.url } });
    open.push(flows);
    const child = { name: 'hello', queueName: 'mail', opts: { jobId: 'child' } };
    await flows.add({ name: 'hello', queueName: 'mail', opts: { jobId: 'parent' }, children: [child] });

    const { code, stdout } = await move({ hello: 'pyjobs.echo' }, 'mail');
    expect(code).toBe(1);
    expect(stdout).toContain('moved 1 jobs of mail');
    expect(stdout).toContain("1 stays, as stays: the map has no function for 'unknown'");
    expect(stdout).toContain('1 stays, as child: part of a flow');
    expect(stdout).toMatch(/1 stays, as repeat:nightly:\d+: made by a job scheduler/);
    expect(stdout).toContain('0 run and 1 wait for children in BullMQ');
    expect(await queuedIds(redis, 'mail')).toEqual(['goes']);
    expect(await mail.getJobCounts('waiting', 'delayed', 'waiting-children')).toEqual({
      waiting: 2,
      delayed: 1,
      'waiting-children': 1,
    });
  });
});

import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { cancelJob, deleteJob } from '../../src/queue/end-job.js';
import { enqueue } from '../../src/queue/enqueue.js';
import { enqueueMany } from '../../src/queue/enqueue-many.js';
import { cleanRateLimits } from '../../src/queue/rate-limit.js';
import { Scheduler } from '../../src/worker/scheduler.js';
import { runTsrq, startTsrq, type CliProcess } from '../support/cli.js';
import { freshRq, type FreshRq } from '../support/fresh-redis.js';
import { rqAlone } from '../support/python.js';
import { put, statusOf, until } from '../support/rq.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));
const environment = await rqAlone('3.0.0');

describe.skipIf(environment === null)('what only RQ 3 writes', () => {
  let { server, client, redis, rq } = {} as FreshRq;
  freshRq(environment, (fresh) => ({ server, client, redis, rq } = fresh));
  let worker: CliProcess | null = null;

  afterEach(async () => {
    worker?.kill('SIGKILL');
    await worker?.exited;
    worker = null;
  });

  const tsrq = (...args: string[]) => runTsrq(args, { url: server.url });
  const burst = () => tsrq('worker', '--burst', '--path', JOBS, 'q');
  /** Enqueues jobs of one rate limit. */
  const limited = (calls: string, concurrency = 1) =>
    rq.eval(`from rq import RateLimit
limit = RateLimit('api', ${concurrency})
for id, function, options in ${calls}:
    q('q').enqueue(function, job_id=id, rate_limit=limit, **options)`);
  const slots = async (): Promise<unknown> => ({
    allowed: await client.zrange('rq:rl:api:allowed', '0', '-1'),
    waiting: await client.zrange('rq:rl:api:rate_limited', '0', '-1'),
    queue: await client.lrange('rq:queue:q', 0, -1),
  });

  it('jobs of a rate limit follow each other when tsrq runs them, whatever becomes of them', async () => {
    await limited(`[('a', 'count.add', {'args': (1,)}), ('b', 'count.boom', {'args': ('x',)}),
  ('c', 'count.boom', {'args': ('x',), 'retry': Retry(1)}), ('d', 'count.add', {'args': (1,), 'result_ttl': 0}), ('e', 'count.add', {'args': (1,)})]`);
    expect(await slots()).toEqual({ allowed: ['a'], waiting: ['b', 'c', 'd', 'e'], queue: ['a'] });
    expect((await burst()).code).toBe(0);
    expect(await slots()).toEqual({ allowed: [], waiting: [], queue: [] });
    const statuses = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((id) => statusOf(client, id)));
    expect(statuses).toEqual(['finished', 'failed', 'failed', null, 'finished']);
    await cleanRateLimits(redis);
    expect(await client.keys('rq:rl*')).toEqual([]);
  });

  it('a retry that comes later leaves its slot to the next', async () => {
    await limited(
      `[('a', 'count.boom', {'args': ('x',), 'retry': Retry(1, interval=600)}), ('b', 'count.add', {'args': (1,)})]`,
    );
    await burst();
    expect([await statusOf(client, 'a'), await statusOf(client, 'b')]).toEqual(['scheduled', 'finished']);
  });

  it('a job that is canceled or deleted leaves its slot, or its place among those that wait', async () => {
    await limited(`[(id, 'count.add', {}) for id in 'abcd']`);
    await cancelJob(redis, 'a');
    expect(await slots()).toEqual({ allowed: ['b'], waiting: ['c', 'd'], queue: ['b'] });
    await deleteJob(redis, 'c');
    await deleteJob(redis, 'b');
    expect(await slots()).toEqual({ allowed: ['d'], waiting: [], queue: ['d'] });
  });

  it('a job that is canceled while it runs keeps its slot until it is given up', async () => {
    worker = startTsrq(['worker', '--path', JOBS, '--job-monitoring-interval', '1', 'q'], { url: server.url });
    await worker.waitFor('listening on');
    await limited(`[('a', 'count.sleep', {'args': (60000,)}), ('b', 'count.add', {'args': (1,)})]`);
    await until('it runs', async () => (await statusOf(client, 'a')) === 'started');
    await cancelJob(redis, 'a');
    expect(await statusOf(client, 'b')).toBe('rate_limited');
    await until('the next has run', async () => (await statusOf(client, 'b')) === 'finished');
    expect(await statusOf(client, 'a')).toBe('canceled');
  });

  it('the id of a job that waits for a slot is in use', async () => {
    await limited(`[('a', 'count.add', {}), ('b', 'count.add', {})]`);
    await expect(put(redis, 'count.add', [], { id: 'b', queue: 'q' })).rejects.toThrow('it is rate_limited');
  });

  it('a limit that tsrq sets is the one that RQ 3 sets: the others wait, and follow each other in either language', async () => {
    const limit = { rateLimit: { key: 'api', concurrency: 1 }, queue: 'q' };
    const fields = async (id: string) => {
      const hash = await client.hgetall(`rq:job:${id}`);
      return [hash['status'], hash['rate_limit_key'], hash['rate_limit_concurrency'], hash['enqueued_at'] !== ''];
    };
    await limited(`[(id, 'pyjobs.echo', {'args': (1, 2)}) for id in 'ab']`);
    const theirs = [await fields('a'), await fields('b'), await client.hgetall('rq:rl:api'), await slots()];
    await client.flushall();
    const states = [];
    for (const id of ['a', 'b'])
      states.push((await enqueue(redis, { functionName: 'pyjobs.echo', args: [1, 2], id, ...limit })).status);
    expect(states).toEqual(['queued', 'rate_limited']);
    expect([await fields('a'), await fields('b'), await client.hgetall('rq:rl:api'), await slots()]).toEqual(theirs);
    expect(await client.smembers('rq:rl-keys')).toEqual(['api']);
    const more = await enqueueMany(redis, [
      { functionName: 'pyjobs.echo', args: [1, 2], id: 'c', ...limit },
      { functionName: 'pyjobs.echo', args: [1, 2], id: 'd', ...limit },
    ]);
    expect(more.map(({ state }) => state)).toEqual(['rate_limited', 'rate_limited']);
    expect(
      (await rq.cli(['worker', '--burst', '-u', server.url, '-S', 'rq.serializers.JSONSerializer', 'q'])).code,
    ).toBe(0);
    expect(await Promise.all(['a', 'b', 'c', 'd'].map((id) => statusOf(client, id)))).toEqual(
      Array(4).fill('finished'),
    );
    const held = await tsrq('enqueue', '--rate-limit', 'x=1', '-q', 'q', 'pyjobs.echo', ':1', ':2');
    const last = await tsrq('enqueue', '--rate-limit', 'x=1', '-q', 'q', 'pyjobs.echo', ':2', ':2');
    expect([held.stdout, last.stdout]).toEqual([
      expect.stringMatching(/^Enqueued /),
      expect.stringMatching(/^Held back /),
    ]);
    expect((await tsrq('enqueue', '--rate-limit', 'x', 'pyjobs.echo')).code).toBe(2);
    expect((await burst()).code).toBe(0);
    expect(await client.zcard('rq:finished:q')).toBe(6);
  });

  it('whoever comes back waits for a slot: requeued, due, released', async () => {
    const limit = { rateLimit: { key: 'api', concurrency: 1 }, queue: 'q' };
    await enqueue(redis, { functionName: 'count.boom', args: ['x'], id: 'failed', ...limit });
    await burst();
    await enqueue(redis, { functionName: 'count.add', args: [1], id: 'first', ...limit });
    await enqueue(redis, { functionName: 'count.add', args: [1], id: 'due', ...limit, scheduleInSeconds: 0 });
    await enqueue(redis, { functionName: 'count.add', args: [1], id: 'parent', queue: 'p' });
    await enqueue(redis, { functionName: 'count.add', args: [1], id: 'child', ...limit, dependsOn: 'parent' });
    expect((await tsrq('requeue', 'failed')).code).toBe(0);
    await tsrq('worker', '--burst', '--path', JOBS, 'p');
    const scheduler = new Scheduler(redis, ['q']);
    await until('the scheduled job is moved', async () => {
      await scheduler.runOnce();
      return scheduler.moved === 1;
    });
    const waiting = ['failed', 'child', 'due'];
    expect(await Promise.all(waiting.map((id) => statusOf(client, id)))).toEqual(waiting.map(() => 'rate_limited'));
    expect((await client.zrange('rq:rl:api:rate_limited', '0', '-1')).sort()).toEqual(waiting.sort());
    expect(await client.lrange('rq:queue:q', 0, -1)).toEqual(['first']);
    await burst();
    expect(await client.zcard('rq:finished:q')).toBe(3);
    expect(await statusOf(client, 'failed')).toBe('failed');
    expect(await client.zcard('rq:rl:api:allowed')).toBe(0);
  });

  it('a slot whose job has vanished is freed by maintenance', async () => {
    await limited(`[('a', 'count.add', {}), ('b', 'count.add', {})]`);
    await client.del('rq:job:a', 'rq:queue:q');
    await cleanRateLimits(redis);
    expect(await slots()).toEqual({ allowed: ['b'], waiting: [], queue: ['b'] });
    await cleanRateLimits(redis);
    expect(await slots()).toEqual({ allowed: ['b'], waiting: [], queue: ['b'] });
  });

  it('info, doctor, job show, requeue and empty bear jobs that are limited or ready', async () => {
    await limited(`[('a', 'count.boom', {'args': ('x',)}), ('b', 'count.add', {})]`);
    await rq.eval(`q('q').enqueue('count.add', job_id='ready')
from rq.registry import ReadyJobRegistry
r.lrem('rq:queue:q', 1, 'ready')
with r.pipeline() as pipe:
    ReadyJobRegistry('q', connection=r).register_jobs([job('ready')], pipe)
    pipe.execute()`);
    await tsrq('worker', '--burst', '--max-jobs', '1', '--path', JOBS, 'q');
    expect(await statusOf(client, 'a')).toBe('failed');
    await client.hset('rq:job:b', 'status', 'rate_limited');
    await client.del('rq:queue:q', 'rq:rl:api:allowed');

    const info = JSON.parse((await tsrq('info', '--json')).stdout) as { queues: unknown[] };
    expect(info.queues).toMatchObject([{ name: 'q', queued: 0, failed: 1 }]);
    const doctor = await tsrq('doctor', '--deep', '--json');
    const { findings } = JSON.parse(doctor.stdout) as { findings: { id: string; level: string }[] };
    expect(findings.filter(({ level }) => level === 'problem')).toEqual([]);
    expect((await tsrq('job', 'show', 'b')).stdout).toMatch(/^status +rate_limited$/m);
    expect((await tsrq('job', 'show', 'ready')).stdout).toMatch(/^status +ready_to_enqueue$/m);
    expect((await tsrq('requeue', '--all')).stdout).toContain('Requeued 1 of 1 jobs');
    expect((await tsrq('empty', 'q')).stdout).toContain('1 jobs removed');
    expect((await tsrq('job', 'delete', 'ready')).code).toBe(0);
    expect(await client.exists('rq:ready:q')).toBe(0);
  });

  it('each sees what the other’s worker runs', async () => {
    worker = startTsrq(['worker', '--path', JOBS, '--name', 'ours', 'q'], { url: server.url });
    await worker.waitFor('listening on');
    const id = await put(redis, 'count.sleep', [60_000], { queue: 'q' });
    const seen = `result = [e.job_id for w in Worker.all(connection=r) for e in w.get_current_executions()]`;
    await until('RQ sees it', async () => JSON.stringify(await rq.eval(seen)) === JSON.stringify([id]));
    await rq.eval(`from rq.command import send_stop_execution_command
(execution,) = job('${id}').get_executions()
send_stop_execution_command(r, '${id}', execution.id)`);
    await until('it is stopped', async () => (await statusOf(client, id)) === 'stopped');
    expect(await rq.eval(seen)).toEqual([]);

    rq.startWorker(['-u', server.url, '-n', 'theirs', '-S', 'rq.serializers.JSONSerializer', 'for-python']);
    const theirs = await put(redis, 'pyjobs.slow', [60], { queue: 'for-python' });
    await until('tsrq sees it', async () => {
      const { workers } = JSON.parse((await tsrq('info', '--json')).stdout) as {
        workers: { name: string; running: { id: string }[] }[];
      };
      return workers.find(({ name }) => name === 'theirs')?.running[0]?.id === theirs;
    });
    expect((await tsrq('job', 'stop', theirs)).stdout).toContain('was told to stop');
    await until('it is stopped', async () => (await statusOf(client, theirs)) === 'stopped');
  });
});

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { fetchJob } from '../../src/queue/job-store.js';
import { runTsrq, startTsrq, type CliProcess } from '../support/cli.js';
import { freshRq, type FreshRq } from '../support/fresh-redis.js';
import { RQ_VERSIONS, rqEnvironment } from '../support/python.js';
import { put, statusOf, until } from '../support/rq.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));
const JSON_SERIALIZER = ['-S', 'rq.serializers.JSONSerializer'];

interface Seen {
  status: string;
  value: unknown;
  error: string | null;
  origin: string;
  worker: string;
  meta: unknown;
  started: string | null;
  ended: string | null;
  retries_left: number | null;
  timeout: number;
  description: string;
  args: unknown[];
  kwargs: unknown;
  executions: string[];
}

for (const version of RQ_VERSIONS) {
  const environment = await rqEnvironment(version);

  describe.skipIf(environment === null)(`Python RQ ${version}`, () => {
    let { server, client, redis, rq } = {} as FreshRq;
    freshRq(environment, (fresh) => ({ server, client, redis, rq } = fresh));
    let dir: string;
    let worker: CliProcess | null = null;

    beforeAll(async () => {
      dir = mkdtempSync(join(tmpdir(), 'tsrq-test-interop-'));
    });
    afterAll(async () => {
      rmSync(dir, { recursive: true, force: true });
    });
    afterEach(async () => {
      worker?.kill('SIGKILL');
      await worker?.exited;
      worker = null;
    });

    const tsrq = (...args: string[]) => runTsrq(args, { url: server.url, cwd: JOBS });
    const start = async (...args: string[]): Promise<CliProcess> => {
      worker = startTsrq(['worker', ...args], { url: server.url, cwd: JOBS });
      await worker.waitFor('listening on');
      return worker;
    };
    const seen = async (id: string): Promise<Seen> => (await rq.eval(`result = seen('${id}')`)) as Seen;
    const pythonBurst = (...queues: string[]) =>
      rq.cli(['worker', '--burst', '-u', server.url, ...JSON_SERIALIZER, ...queues]);

    it('enqueues, tsrq runs, Python reads value, failure, times and meta', async () => {
      const [ok, none, bad, odd] = (await rq.eval(
        `h = q('high')
result = [h.enqueue('count.add', 1, 2, c=4, meta={'é': [1, None]}).id, h.enqueue('count.nothing').id, h.enqueue('count.boom', 'böm').id, h.enqueue('count.circular').id]`,
      )) as [string, string, string, string];
      expect((await tsrq('worker', '-b', '-n', 'tsrq-1', 'high', 'low')).code).toBe(0);
      const job = await seen(ok);
      expect(job).toMatchObject({
        status: 'finished',
        value: 7,
        worker: 'tsrq-1',
        meta: { é: [1, null] },
        executions: [],
      });
      expect(Date.parse(job.ended ?? '')).toBeGreaterThanOrEqual(Date.parse(job.started ?? ''));
      expect(await seen(none)).toMatchObject({ status: 'finished', value: null });
      const failed = await seen(bad);
      expect(failed).toMatchObject({ status: 'failed', value: null, worker: 'tsrq-1' });
      expect(failed.error).toMatch(/^TypeError: böm\n/);
      expect(await seen(odd)).toMatchObject({ status: 'finished', value: 'Unserializable return value' });
      expect(
        await rq.eval(
          "result = [FailedJobRegistry('high', connection=r, serializer=JSONSerializer).get_job_ids(), FinishedJobRegistry('high', connection=r).count]",
        ),
      ).toEqual([[bad], 3]);
    });

    it('reads what tsrq enqueued, runs it, and tsrq reads the result', async () => {
      const args = ['text', ':[1, 2.5, null, true, "é𝄞"]', 'key=v', 'n:=7'];
      expect(
        (
          await tsrq(
            'enqueue',
            '-q',
            'py',
            '--job-id',
            'echo',
            '--meta',
            '{"m": 1}',
            '--timeout',
            '1h',
            'pyjobs.echo',
            ...args,
          )
        ).code,
      ).toBe(0);
      await tsrq('enqueue', '-q', 'py', '--job-id', 'bad', 'pyjobs.bad', 'no');
      const queued = await seen('echo');
      expect(queued).toMatchObject({
        status: 'queued',
        origin: 'py',
        meta: { m: 1 },
        timeout: 3_600,
        args: ['text', [1, 2.5, null, true, 'é𝄞']],
        kwargs: { key: 'v', n: 7 },
      });
      expect(queued.description).toBe("pyjobs.echo('text', [1, 2.5, None, True, 'é𝄞'], key='v', n=7)");
      expect((await pythonBurst('py')).code).toBe(0);
      const job = await fetchJob(redis, 'echo');
      expect(job).toMatchObject({
        status: 'finished',
        result: [['text', [1, 2.5, null, true, 'é𝄞']], { key: 'v', n: 7 }],
      });
      expect((await fetchJob(redis, 'bad'))?.error).toContain('ValueError: no');
    });

    it('callbacks and retries of either side are kept to by the other', async () => {
      const file = join(dir, 'follow-ups');
      const failing = ['--retry-max', '1', '--retry-backoff', '900', '--on-failure', 'pyjobs.on_failure'];
      await tsrq('enqueue', '-q', 'py', '--job-id', 'bad', ...failing, 'pyjobs.note_badly', file);
      await tsrq(
        'enqueue',
        '-q',
        'py',
        '--job-id',
        'ok',
        '--on-success',
        'pyjobs.on_success',
        'pyjobs.note',
        file,
        'x',
      );
      expect((await pythonBurst('py')).code).toBe(0);
      expect(await seen('bad')).toMatchObject({ status: 'scheduled', retries_left: 0 });
      await rq.eval(
        `import rq
q('ts').enqueue('pyjobs.note', '${file}', 'y', job_id='back', on_success=rq.Callback('pyjobs.on_success'))
q('ts').enqueue('pyjobs.note_badly', '${file}', job_id='later', retry=Retry(1, 900), on_failure=rq.Callback('pyjobs.on_failure'))`,
      );
      expect((await tsrq('worker', '--burst', 'ts')).code).toBe(0);
      expect(await seen('later')).toMatchObject({ status: 'scheduled', retries_left: 0, error: null });
      expect(readFileSync(file, 'utf8').trim().split('\n')).toEqual([
        ...['failure bad no True', 'x', 'success ok x'],
        ...['y', 'success back y', 'failure later no true'],
      ]);
    });

    it('rq info and Worker.all see tsrq idle, busy and suspended', async () => {
      await start('-n', 'w1', 'high', 'low');
      const look = async (): Promise<string> => (await rq.cli(['info', '--raw', '-u', server.url])).stdout;
      expect(await look()).toMatch(
        /worker w1 \(\S+ 127\.0\.0\.1:\d+ \d+\) idle high, low\. jobs: 0 finished, 0 failed/,
      );
      const id = await put(redis, 'count.sleep', [60_000], { queue: 'high' });
      await until('the job runs', async () => (await statusOf(client, id)) === 'started');
      await until('its execution is written', async () => (await client.exists(`rq:executions:${id}`)) === 1);
      expect(await look()).toMatch(/queue high 0, 1 executing, 0 finished, 0 failed/);
      expect(await look()).toMatch(/worker w1 .* busy high, low/);
      const worker_ = await rq.eval(
        "w = Worker.all(connection=r)[0]\nresult = [w.name, w.get_state().value if hasattr(w.get_state(), 'value') else w.get_state(), w.get_current_job_id(), w.queue_names(), w.pid]",
      );
      expect(worker_).toEqual(['w1', 'busy', id, ['high', 'low'], worker?.pid]);
      expect(await seen(id)).toMatchObject({
        status: 'started',
        worker: 'w1',
        executions: [expect.stringMatching(/^[0-9a-f]{32}$/)],
      });
      await rq.eval(`send_stop_job_command(r, '${id}')`);
      await until('the job is stopped', async () => (await statusOf(client, id)) === 'stopped');
      await rq.eval('suspend(r)');
      await until('tsrq is suspended', async () => (await look()).includes('suspended high, low'));
    });

    it("tsrq's info --raw prints what rq info --raw prints", async () => {
      for (const queue of ['b', 'a', 'c']) await put(redis, 'count.add', [1], { queue });
      await put(redis, 'count.boom', ['x'], { queue: 'b' });
      await tsrq('worker', '-b', 'a', 'b');
      const python = rq.startWorker(['-u', server.url, '-n', 'py', ...JSON_SERIALIZER, 'a', 'other']);
      await start('-n', 'ts', 'nothing-here');
      await until(
        'both are there',
        async () => (await client.scard('rq:workers')) === 2 && (await client.hget('rq:worker:py', 'state')) === 'idle',
      );
      const lines = (text: string): string[] => text.trim().split('\n').sort();
      const theirs = (await rq.cli(['info', '--raw', '-u', server.url])).stdout;
      const ours = (await tsrq('info', '--raw')).stdout;
      python.kill('SIGKILL');
      expect(lines(ours)).toEqual(lines(theirs));
      expect(lines(ours)).toHaveLength(4);
    });

    it('commands are obeyed: stop-job, kill-horse, shutdown', async () => {
      const running = await start('-n', 'w2', 'q');
      const stopped = await put(redis, 'count.busy', [60_000], { queue: 'q', retry: { max: 3 } });
      await until('the job runs', async () => (await statusOf(client, stopped)) === 'started');
      await rq.eval(`send_stop_job_command(r, '${stopped}')`);
      await until('the job is stopped', async () => (await statusOf(client, stopped)) === 'stopped');
      expect((await seen(stopped)).error).toContain('Job stopped by user, work-horse terminated.');
      const killed = await put(redis, 'count.busy', [60_000], { queue: 'q' });
      await until('the job runs', async () => (await statusOf(client, killed)) === 'started');
      await rq.eval("send_kill_horse_command(r, 'w2')");
      await until('the job is failed', async () => (await statusOf(client, killed)) === 'failed');
      expect((await seen(killed)).error).toContain('Work-horse terminated unexpectedly');
      await rq.eval("send_shutdown_command(r, 'w2')");
      expect((await running.exited).code).toBe(0);
    });

    it("requeues tsrq's failures, and tsrq requeues Python's", async () => {
      const ours = await put(redis, 'count.boom', ['x'], { queue: 'q', meta: { keep: 1 } });
      await tsrq('worker', '-b', 'q');
      expect((await rq.cli(['requeue', '--queue', 'q', '--all', '-u', server.url, ...JSON_SERIALIZER])).code).toBe(0);
      expect(await seen(ours)).toMatchObject({ status: 'queued', meta: { keep: 1 } });
      const theirs = (await rq.eval(
        "result = q('py').enqueue('pyjobs.bad', 'no', meta={'keep': 2}, failure_ttl=77).id",
      )) as string;
      await pythonBurst('py');
      expect(await client.ttl(`rq:job:${theirs}`)).toBeGreaterThan(0);
      const { code, stdout } = await tsrq('requeue', theirs);
      expect([code, stdout]).toEqual([0, `requeued ${theirs} on py\nRequeued 1 of 1 jobs\n`]);
      expect(await seen(theirs)).toMatchObject({ status: 'queued', meta: { keep: 2 }, started: null, ended: null });
      expect(await client.ttl(`rq:job:${theirs}`)).toBe(-1);
      await pythonBurst('py');
      expect((await seen(theirs)).status).toBe('failed');
    });

    it('rq suspend holds tsrq, rq resume lets it go on', async () => {
      await start('q');
      expect((await rq.cli(['suspend', '-u', server.url])).code).toBe(0);
      const id = (await rq.eval("result = q('q').enqueue('count.add', 1, 2).id")) as string;
      await worker?.waitFor('RQ is suspended');
      expect(await statusOf(client, id)).toBe('queued');
      await rq.cli(['resume', '-u', server.url]);
      await until('the job is done', async () => (await statusOf(client, id)) === 'finished');
    });

    it('retries of Python producers are counted and kept', async () => {
      const id = (await rq.eval(
        "result = q('q').enqueue('count.boom', 'x', retry=Retry(max=2, interval=[0, 30])).id",
      )) as string;
      await tsrq('worker', '-b', 'q');
      expect(await seen(id)).toMatchObject({ status: 'scheduled', retries_left: 0 });
      expect(await client.zscore('rq:scheduled:q', id)).not.toBeNull();
    });

    it('a dependent of Python is released by tsrq', async () => {
      const [parent, child] = (await rq.eval(
        "p = q('q').enqueue('count.add', 1, 2)\nresult = [p.id, q('q').enqueue('count.add', 3, 4, depends_on=p).id]",
      )) as [string, string];
      expect((await seen(child)).status).toBe('deferred');
      await tsrq('worker', '-b', 'q');
      expect([(await seen(parent)).value, (await seen(child)).value]).toEqual([3, 7]);
      expect(await client.zcard('rq:deferred:q')).toBe(0);
    });

    it('a mixed fleet on one queue loses nothing and runs nothing twice', async () => {
      const file = join(dir, `fleet-${version}`);
      // Both languages know this function under this name.
      await start('-n', 'ts-1', '-C', '2', 'fleet');
      const python = rq.startWorker(['-u', server.url, ...JSON_SERIALIZER, 'fleet']);
      const count = 60;
      const ids: string[] = [];
      for (let i = 0; i < count; i += 1) ids.push(await put(redis, 'pyjobs.note', [file, `${i}`], { queue: 'fleet' }));
      await until('all are finished', async () => (await client.zcard('rq:finished:fleet')) === count, 60_000);
      python.kill('SIGTERM');
      const ran = readFileSync(file, 'utf8').trim().split('\n').map(Number);
      expect(ran.sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
      const workers = new Set(await Promise.all(ids.map((id) => client.hget(`rq:job:${id}`, 'worker_name'))));
      expect(workers).toContain('ts-1');
      expect(await client.llen('rq:queue:fleet')).toBe(0);
      expect(await client.zcard('rq:wip:fleet')).toBe(0);
    });
  });
}

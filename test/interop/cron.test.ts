import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ChildProcess } from 'node:child_process';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startTsrq, type CliProcess } from '../support/cli.js';
import { freshRq, type FreshRq } from '../support/fresh-redis.js';
import { rqEnvironment } from '../support/python.js';
import { put, statusOf, until } from '../support/rq.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));
/** As RQ registers cron schedulers since 2.6, and shows their jobs since 2.8. */
const VERSIONS = ['2.8.0', '2.10.0', '2.12.0'] as const;

const SEEN = `
from rq.cron import CronScheduler
result = [{
    'name': s.name, 'pid': s.pid, 'file': s.config_file, 'beat': s.last_heartbeat is not None,
    'jobs': [{
        'func': j.func_name, 'queue': j.queue_name, 'args': j.args, 'kwargs': j.kwargs, 'cron': j.cron, 'interval': j.interval,
        'latest': j.latest_enqueue_time is not None, 'next': j.next_enqueue_time is not None, 'options': j.job_options,
    } for j in s.get_jobs()],
} for s in CronScheduler.all(r)]
`;

for (const version of VERSIONS) {
  const environment = await rqEnvironment(version);

  describe.skipIf(environment === null)(`beside Python RQ ${version}`, () => {
    let { server, client, redis, rq } = {} as FreshRq;
    freshRq(environment, (fresh) => ({ server, client, redis, rq } = fresh));
    let dir: string;
    let tsrq: CliProcess | null = null;
    let python: ChildProcess | null = null;

    beforeAll(async () => {
      dir = mkdtempSync(join(tmpdir(), 'tsrq-test-cron-'));
    });
    afterAll(async () => {
      rmSync(dir, { recursive: true, force: true });
    });
    afterEach(async () => {
      tsrq?.kill('SIGKILL');
      await tsrq?.exited;
      await gone(python);
      tsrq = python = null;
    });

    it("a cron scheduler is seen as RQ's, its jobs run in Python, and it is gone when it has ended", async () => {
      const entries = [
        {
          name: 'n',
          function: 'pyjobs.echo',
          queue: 'q',
          interval: 3_600,
          args: [1, 'ä'],
          kwargs: { k: [2] },
          meta: { m: 1 },
        },
        {
          function: 'pyjobs.add',
          queue: 'q',
          cron: '0 3 * * mon#1',
          timeout: '5m',
          resultTtl: 7,
          failureTtl: 8,
          ttl: 9,
        },
      ];
      writeFileSync(
        join(dir, 'cron.json'),
        JSON.stringify(entries.map((entry) => ({ ...entry, serializer: 'pickle' }))),
      );
      tsrq = startTsrq(['cron', 'cron.json'], { url: server.url, cwd: dir });
      await tsrq.waitFor('enqueued');
      interface Seen {
        readonly jobs: readonly { readonly latest: boolean; readonly next: boolean }[];
      }
      let seen: Seen[] = [];
      await until('it shows what it has enqueued', async () => {
        seen = (await rq.eval(SEEN)) as Seen[];
        return seen[0]?.jobs[0]?.latest === true;
      });
      expect(seen).toMatchObject([
        {
          ...{ pid: tsrq.pid, file: 'cron.json', beat: true },
          jobs: [
            {
              func: 'pyjobs.echo',
              queue: 'q',
              args: [1, 'ä'],
              kwargs: { k: [2] },
              cron: null,
              interval: 3_600,
              next: true,
              options: { meta: { m: 1 } },
            },
            {
              ...{ func: 'pyjobs.add', cron: '0 3 * * mon#1', interval: null, latest: false, next: true },
              options: { job_timeout: 300, result_ttl: 7, failure_ttl: 8, ttl: 9 },
            },
          ],
        },
      ]);
      const [id = ''] = await client.lrange('rq:queue:q', 0, -1);
      await rq.cli(['worker', '--burst', '-u', server.url, 'q']);
      expect(await rq.eval(`from rq.job import Job\nresult = Job.fetch('${id}', connection=r).return_value()`)).toEqual(
        [[1, 'ä'], { k: [2] }],
      );
      tsrq.kill('SIGTERM');
      expect((await tsrq.exited).code).toBe(0);
      expect(await rq.eval(SEEN)).toEqual([]);
    });

    const startPython = async (): Promise<void> => {
      python = rq.startWorker(['--with-scheduler', '-u', server.url, '-S', 'rq.serializers.JSONSerializer', 'q']);
      await until('Python listens', async () => (await client.scard('rq:workers')) > 0);
    };
    const startOurs = async (): Promise<void> => {
      tsrq = startTsrq(['worker', '--with-scheduler', '-n', 'ours', '--path', JOBS, 'q', 'free'], { url: server.url });
      await tsrq.waitFor('listening on');
    };
    const lock = (queue: string): Promise<string | null> => client.get(`rq:scheduler-lock:${queue}`);

    it("Python's scheduler holds the lock: a worker of tsrq leaves the queue to it, and takes it when it is free", async () => {
      await startPython();
      await until('Python has the lock', async () => (await lock('q')) !== null);
      const theirs = await lock('q');
      await startOurs();
      await until('tsrq has the other lock', async () => (await lock('free')) !== null);
      expect(await lock('q')).toBe(theirs);
      await gone(python);
      await until('tsrq has it', async () => (await lock('q')) !== null && (await lock('q')) === (await lock('free')));
      const id = await put(redis, 'count.words', ['a b'], { queue: 'q', scheduleInSeconds: 1 });
      await until('the job is done', async () => (await statusOf(client, id)) === 'finished');
    });

    it('a scheduler of tsrq holds the lock: Python does not schedule', async () => {
      await startOurs();
      await until('tsrq has the lock', async () => (await lock('q')) !== null);
      const ours = await lock('q');
      await startPython();
      const ids = [];
      for (let i = 0; i < 30; i += 1) {
        ids.push(await put(redis, 'pyjobs.echo', [i], { queue: 'q', scheduleInSeconds: 1 + (i % 3) }));
      }
      await until('all have run', async () => (await client.zcard('rq:finished:q')) === ids.length);
      expect(await lock('q')).toBe(ours);
      // Each has run once: one result, nothing left on the queue.
      expect(await Promise.all(ids.map((id) => client.xlen(`rq:results:${id}`)))).toEqual(ids.map(() => 1));
      expect(await client.llen('rq:queue:q')).toBe(0);
      tsrq?.kill('SIGTERM');
      expect((await tsrq?.exited)?.code).toBe(0);
      expect(await lock('q')).toBeNull();
    });
  });
}

async function gone(child: ChildProcess | null): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  // Warm: its scheduler, a process of its own, ends with it.
  child.kill('SIGTERM');
  await exited;
}

import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { JobListing } from '../../src/info/job-list.js';
import { fetchLog } from '../../src/queue/job-log.js';
import { fetchResults } from '../../src/queue/job-store.js';
import { waitForJob } from '../../src/queue/wait-for-job.js';
import { runTsrq } from '../support/cli.js';
import { freshRq, type FreshRq } from '../support/fresh-redis.js';
import { RQ_VERSIONS, rqEnvironment } from '../support/python.js';
import { put, statusOf } from '../support/rq.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));
const JSON_SERIALIZER = ['-S', 'rq.serializers.JSONSerializer'];

for (const version of RQ_VERSIONS) {
  const environment = await rqEnvironment(version);

  describe.skipIf(environment === null)(`Python RQ ${version}`, () => {
    let { server, client, redis, rq } = {} as FreshRq;
    freshRq(environment, (fresh) => ({ server, client, redis, rq } = fresh));

    const tsrq = (...args: string[]) => runTsrq(args, { url: server.url, cwd: JOBS });
    const burst = (...args: string[]) => rq.cli(['worker', '--burst', '-u', server.url, ...args]);

    it.each(['json', 'pickle'])('its results are listed, waited for and shown (%s)', async (serializer) => {
      const own = serializer === 'json' ? JSON_SERIALIZER : [];
      const queue = serializer === 'json' ? "q('py')" : "Queue('py', connection=r)";
      await rq.eval(`p = ${queue}
p.enqueue('pyjobs.add', 1, 2, job_id='good')
p.enqueue('pyjobs.bad', 'no luck', job_id='bad')`);
      expect((await burst(...own, 'py')).code).toBe(0);
      expect((await tsrq('job', 'requeue', 'bad')).code).toBe(0);
      expect((await burst(...own, 'py')).code).toBe(0);
      expect(await waitForJob(redis, 'good')).toMatchObject({ status: 'finished', result: 3 });
      expect(await fetchResults(redis, 'good')).toMatchObject([{ type: 'successful', value: 3, error: null }]);
      const failures = await fetchResults(redis, 'bad');
      expect(failures).toHaveLength(2);
      expect(failures[0]?.error).toContain('ValueError: no luck');
      const listed = [];
      for await (const entry of new JobListing(redis).entries()) listed.push(entry);
      expect(listed.map(({ id, state, functionName, problem }) => [id, state, functionName, problem]).sort()).toEqual([
        ['bad', 'failed', 'pyjobs.bad', null],
        ['good', 'finished', 'pyjobs.add', null],
      ]);
      // What is printed of a traceback is the line that says what went wrong.
      expect((await tsrq('job', 'show', 'bad')).stdout).toMatch(/^ {2}\S+Z failed.*: ValueError: no luck$/m);
    });

    it('reads the progress of a job that tsrq ran, and is not disturbed by its log', async () => {
      await put(redis, 'count.telling', [1], { id: 'tells', queue: 'q', meta: { before: 1 } });
      await put(redis, 'count.telling', [1], { id: 'pickled', queue: 'q', serializer: 'pickle' });
      expect((await tsrq('worker', '--burst', 'q')).code).toBe(0);
      expect(await rq.eval("result = job('tells').meta")).toEqual({ before: 1, own: true, progress: 100 });
      expect(await rq.eval("result = Job.fetch('pickled', connection=r).meta")).toEqual({ own: true, progress: 100 });
      await rq.eval("j = job('tells')\nj.meta['python'] = 1\nj.save()\nj.save_meta()");
      expect((await tsrq('job', 'show', 'tells')).stdout).toMatch(/^progress +100%$/m);
      expect((await fetchLog(redis, 'tells')).map(({ text }) => text)).toEqual(['line 1', 'the end', 'indeed']);
      await rq.eval("job('tells').delete()");
      expect(await client.exists('rq:job:tells')).toBe(0);
    });

    it('runs a job again that has a log: the log stays, and does not stay for ever', async () => {
      await put(redis, 'count.telling', [1], { id: 'tells', queue: 'q', timeoutSeconds: 60 });
      expect((await tsrq('worker', '--burst', 'q')).code).toBe(0);
      await rq.eval("q('q').enqueue_job(job('tells'))");
      await burst(...JSON_SERIALIZER, 'q');
      expect(await statusOf(client, 'tells')).toBe('failed');
      expect(await fetchLog(redis, 'tells')).toHaveLength(3);
      expect(await client.ttl('rq:tsrq:log:tells')).toBeGreaterThan(0);
    });

    it('each side refuses a unique id that the other side holds, also after its end', async () => {
      const knows = await rq.eval("import inspect\nfrom rq import queue as m\nresult = hasattr(m, 'save_unique_job')");
      const unique = async (id: string): Promise<unknown> =>
        rq.eval(`try:
    q('q').enqueue('pyjobs.add', 1, 2, job_id='${id}', unique=True)
    result = 'enqueued'
except Exception as e:
    result = type(e).__name__`);
      const enqueue = (id: string) => tsrq('enqueue', '-q', 'q', '--unique', '--job-id', id, 'pyjobs.add', ':1', ':2');
      await rq.eval("q('q').enqueue('pyjobs.add', 1, 2, job_id='theirs')");
      expect((await enqueue('theirs')).code).toBe(1);
      expect((await enqueue('ours')).code).toBe(0);
      if (knows === true) expect(await unique('ours')).toBe('DuplicateJobError');
      expect((await burst(...JSON_SERIALIZER, 'q')).code).toBe(0);
      expect(await Promise.all(['ours', 'theirs'].map((id) => statusOf(client, id)))).toEqual(['finished', 'finished']);
      expect((await enqueue('theirs')).code).toBe(1);
      if (knows === true) {
        expect(await unique('ours')).toBe('DuplicateJobError');
        expect((await tsrq('job', 'delete', 'ours')).code).toBe(0);
        expect(await unique('ours')).toBe('enqueued');
      }
      await rq.eval("job('theirs').delete()");
      expect((await enqueue('theirs')).code).toBe(0);
      expect(await client.lrange('rq:queue:q', '0', '-1')).toContain('theirs');
    });
  });
}

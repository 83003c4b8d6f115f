import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { releaseForgotten } from '../../src/queue/release.js';
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

    it('enqueues a job and 150 that wait for it: tsrq runs all of them, those of two parents after both', async () => {
      await rq.eval(`p = q('q').enqueue('count.add', 1, 2, job_id='p')
p2 = q('q').enqueue('count.add', 1, 2, job_id='p2')
result = [q('q').enqueue('count.add', i, 1, depends_on=[p, p2] if i % 2 else p, job_id='c%d' % i).id for i in range(150)]`);
      expect(await client.zcard('rq:deferred:q')).toBe(150);
      expect((await tsrq('worker', '--burst', '--isolation', 'none', 'q')).code).toBe(0);
      expect(await client.zcard('rq:deferred:q')).toBe(0);
      expect(await client.zcard('rq:finished:q')).toBe(152);
    });

    it('forgets those that wait for a job that it deletes; tsrq releases them', async () => {
      await rq.eval(`p = q('q').enqueue('count.add', 1, 2, job_id='p')
q('q').enqueue('count.add', 1, 2, depends_on=p, job_id='c')
p.delete()
result = None`);
      expect(await statusOf(client, 'c')).toBe('deferred');
      expect(await releaseForgotten(redis, 'q', -1)).toEqual(['c']);
      expect(await client.lrange('rq:queue:q', '0', '-1')).toEqual(['c']);
    });

    it('runs what tsrq has moved, on the queue it was moved to, and counts it there', async () => {
      await put(redis, 'pyjobs.echo', ['a'], { id: 'moved', queue: 'from' });
      await tsrq('queue', 'move', 'from', 'to');
      expect((await rq.cli(['worker', '--burst', '-u', server.url, ...JSON_SERIALIZER, 'to'])).code).toBe(0);
      expect(await statusOf(client, 'moved')).toBe('finished');
      expect(await client.zrange('rq:finished:to', '0', '-1')).toEqual(['moved']);
    });

    it('finds what tsrq has moved from registry to registry, and requeues it where it was moved to', async () => {
      await rq.eval(`q('from').enqueue('nowhere.at_all', job_id='bad')
p = q('from').enqueue('pyjobs.echo', 'a', job_id='p')
q('from').enqueue('pyjobs.echo', 'b', depends_on=p, job_id='child')
result = None`);
      await rq.cli(['worker', '--burst', '--max-jobs', '1', '-u', server.url, ...JSON_SERIALIZER, 'from']);
      expect((await tsrq('move', 'from', 'to', '--queued', '--failed', '--deferred')).stdout).toBe(
        '1 jobs moved from from to to\n1 deferred jobs moved from from to to\n1 failed jobs moved from from to to\n',
      );
      const seen = `f = FailedJobRegistry(queue=q('to'))
result = [f.get_job_ids(), job('bad').origin, q('from').count, FailedJobRegistry(queue=q('from')).get_job_ids()]`;
      expect(await rq.eval(seen)).toEqual([['bad'], 'to', 0, []]);
      await rq.eval(`FailedJobRegistry(queue=q('to')).requeue('bad')
result = None`);
      expect(await client.lrange('rq:queue:to', '0', '-1')).toEqual(['p', 'bad']);
      await rq.cli(['worker', '--burst', '-u', server.url, ...JSON_SERIALIZER, 'to']);
      expect((await client.zrange('rq:finished:to', '0', '-1')).sort()).toEqual(['child', 'p']);
      expect(await client.exists('rq:queue:from', 'rq:deferred:from', 'rq:failed:from')).toBe(0);
    });

    it('counts no entry any more whose job is gone once tsrq has cleaned, and every other one', async () => {
      await rq.eval(`for id in ['gone', 'stays']:
    q('q').enqueue('nowhere.at_all', job_id=id)
result = None`);
      await rq.cli(['worker', '--burst', '-u', server.url, ...JSON_SERIALIZER, 'q']);
      const failed = "result = sorted(FailedJobRegistry(queue=q('q')).get_job_ids())";
      await rq.eval("result = r.delete('rq:job:gone')");
      expect(await rq.eval(failed)).toEqual(['gone', 'stays']);
      expect((await tsrq('clean', 'q')).stdout).toContain('1 entries without a job dropped');
      expect(await rq.eval(failed)).toEqual(['stays']);
      expect(await rq.eval("result = job('stays').get_status().value")).toBe('failed');
    });

    it('takes from a queue that is paused: it knows nothing of that', async () => {
      await put(redis, 'pyjobs.echo', ['a'], { id: 'j', queue: 'q' });
      await tsrq('queue', 'pause', 'q');
      await rq.cli(['worker', '--burst', '-u', server.url, ...JSON_SERIALIZER, 'q']);
      expect(await statusOf(client, 'j')).toBe('finished');
    });
  });
}

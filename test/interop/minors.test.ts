import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { enqueueGroup } from '../../src/queue/enqueue-group.js';
import { groupStatus } from '../../src/queue/group.js';
import { runTsrq } from '../support/cli.js';
import { freshRq, type FreshRq } from '../support/fresh-redis.js';
import { OTHER_MINORS, rqAlone } from '../support/python.js';
import { statusOf } from '../support/rq.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));

for (const version of OTHER_MINORS) {
  const environment = await rqAlone(version);

  describe.skipIf(environment === null)(`Python RQ ${version}`, () => {
    let { server, client, redis, rq } = {} as FreshRq;
    freshRq(environment, (fresh) => ({ server, client, redis, rq } = fresh));

    const tsrq = (...args: string[]) => runTsrq(args, { url: server.url });
    const value = (id: string): Promise<unknown> => rq.eval(`result = job('${id}').return_value()`);

    it('is that version', async () => {
      expect(await rq.eval('import rq; result = rq.VERSION')).toBe(version);
    });

    it('and tsrq run each other’s jobs, in one group, and see each other’s queues', async () => {
      // The group alone: before 2.2 a queue is not listed by it.
      await rq.eval(`from rq.group import Group
q('for-tsrq').enqueue('count.boom', 'x', job_id='bad')
Group.create(connection=r, name='g').enqueue_many(q('for-tsrq'), [Queue.prepare_data('count.add', [1, 2], job_id='theirs')])`);
      await enqueueGroup(redis, [{ functionName: 'pyjobs.add', args: [5], queue: 'for-python', id: 'ours' }], {
        group: 'g',
      });
      expect(await rq.eval(`result = [len(q('for-tsrq')), len(q('for-python'))]`)).toEqual([2, 1]);
      expect((await rq.cli(['info', '-u', server.url, '--raw'])).stdout).toMatch(/^queue for-python 1\b/m);
      expect((await tsrq('info', '--raw')).stdout).toMatch(/^queue for-tsrq 2\b/m);

      expect((await tsrq('worker', '--burst', '--path', JOBS, 'for-tsrq')).code).toBe(0);
      const options = ['--burst', '-u', server.url, '-S', 'rq.serializers.JSONSerializer'];
      expect((await rq.cli(['worker', ...options, 'for-python'])).code).toBe(0);

      expect([await value('theirs'), await value('ours')]).toEqual([3, 7]);
      expect(await groupStatus(redis, 'g')).toMatchObject({ counts: { finished: 2 }, done: true });
      expect((await tsrq('job', 'show', 'ours')).stdout).toMatch(/^result +7$/m);
      expect((await tsrq('requeue', '--all')).stdout).toContain('Requeued 1 of 1 jobs');
      expect(await rq.eval(`result = job('bad').get_status().value`)).toBe('queued');
      expect(await statusOf(client, 'bad')).toBe('queued');
    });
  });
}

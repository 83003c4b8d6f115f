import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { enqueueGroup } from '../../src/queue/enqueue-group.js';
import { cleanGroups, groupStatus } from '../../src/queue/group.js';
import { runTsrq } from '../support/cli.js';
import { freshRq, type FreshRq } from '../support/fresh-redis.js';
import { RQ_VERSIONS, rqEnvironment } from '../support/python.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));

for (const version of RQ_VERSIONS) {
  const environment = await rqEnvironment(version);

  describe.skipIf(environment === null)(`groups and Python RQ ${version}`, () => {
    let { server, client, redis, rq } = {} as FreshRq;
    freshRq(environment, (fresh) => ({ server, client, redis, rq } = fresh));

    it('Python’s group is run and told by tsrq', async () => {
      await rq.eval(`from rq.group import Group
data = [Queue.prepare_data('count.add', [1, 2]), Queue.prepare_data('count.boom', ['x'])]
Group.create(connection=r, name='g').enqueue_many(q('high'), data)`);
      expect(await groupStatus(redis, 'g')).toMatchObject({ jobs: 2, counts: { queued: 2 }, done: false });
      await runTsrq(['worker', '--burst', '--path', JOBS, 'high'], { url: server.url });
      expect(await groupStatus(redis, 'g')).toMatchObject({ counts: { finished: 1, failed: 1 }, done: true });
    });

    it('Python runs the jobs of tsrq’s group and reads, cleans and leaves it', async () => {
      const jobs = ['one', 'two', 'away'].map((id) => ({ functionName: 'pyjobs.add', args: [1], queue: 'high', id }));
      await enqueueGroup(redis, jobs, { group: 'g' });
      await client.del('rq:job:away');
      await rq.cli(['worker', '--burst', '-u', server.url, '-S', 'rq.serializers.JSONSerializer', 'high']);
      const seen = await rq.eval(`from rq.group import Group
g = Group.fetch('g', connection=r)
result = [[x.name for x in Group.all(connection=r)], sorted(j.id for j in g.get_jobs()), job('one').group_id]
job('one').delete()`);
      expect(seen).toEqual([['g'], ['one', 'two'], 'g']);
      expect(await client.smembers('rq:group:g')).toEqual(['two']);
      await client.del('rq:job:two');
      expect(await cleanGroups(redis)).toBe(1);
      expect(await client.exists('rq:groups', 'rq:group:g')).toBe(0);
    });
  });
}

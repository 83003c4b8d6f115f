import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Tsrq, type Queue } from '../../src/index.js';
import { RQ_VERSIONS, rqEnvironment, startRq, type Rq } from '../support/python.js';
import { startRedis, type TestRedis } from '../support/redis.js';

const SERIALIZER = ['-S', 'rq.serializers.JSONSerializer'];

interface PyJobs {
  'pyjobs.echo': (...args: unknown[]) => [unknown[], Record<string, unknown>];
  'pyjobs.bad': (text: string) => never;
}

for (const version of RQ_VERSIONS) {
  const environment = await rqEnvironment(version);

  describe.skipIf(environment === null)(`the library beside Python RQ ${version}`, () => {
    let server: TestRedis;
    let app: Tsrq;
    let rq: Rq;
    let queue: Queue<PyJobs>;

    beforeAll(async () => {
      server = await startRedis();
      app = new Tsrq({ url: server.url });
      queue = app.queue<PyJobs>('py');
      if (environment) rq = startRq(environment, server.url);
    });
    afterAll(async () => {
      await rq.stop();
      await app.close();
      await server.stop();
    });
    beforeEach(async () => {
      await server.client().flushall();
    });

    it('enqueues, Python runs, and whoever waits has the result or the error', async () => {
      const echo = await queue.enqueue('pyjobs.echo', ['é', 1], { kwargs: { key: [true] }, timeout: '1h' });
      const bad = await queue.enqueue('pyjobs.bad', ['no']);
      const waiting = echo.waitForResult({ timeout: '5m' });
      await rq.cli(['worker', '--burst', '-u', server.url, ...SERIALIZER, 'py']);
      expect(await waiting).toEqual([['é', 1], { key: [true] }]);
      await expect(bad.waitForResult({ timeout: '5m' })).rejects.toMatchObject({
        status: 'failed',
        error: expect.stringContaining('ValueError: no'),
      });
      const failed: string[] = [];
      for await (const job of queue.registry('failed')) failed.push(`${job.functionName} ${String(job.args)}`);
      expect(failed).toEqual(['pyjobs.bad no']);
    });

    it("reads Python's jobs with their arguments; Python reads the meta that is saved", async () => {
      const id = (await rq.eval("result = q('py').enqueue('pyjobs.echo', 1, b='x', meta={'n': 1}).id")) as string;
      const [job] = await queue.jobs();
      expect(job).toMatchObject({ id, functionName: 'pyjobs.echo', args: [1], kwargs: { b: 'x' }, meta: { n: 1 } });
      if (job) {
        job.meta['n'] = 2;
        expect(await job.saveMeta()).toBe(true);
      }
      expect(await rq.eval(`result = job('${id}').meta`)).toEqual({ n: 2 });
    });
  });
}

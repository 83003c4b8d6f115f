import type { Redis as IoRedis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runTsrq, watchProcess } from '../support/cli.js';
import { RQ_VERSIONS, rqEnvironment, startRq, type Rq } from '../support/python.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { statusOf, until } from '../support/rq.js';

for (const version of RQ_VERSIONS) {
  const environment = await rqEnvironment(version);

  describe.skipIf(environment === null)(`Python RQ ${version}`, () => {
    let server: TestRedis;
    let client: IoRedis;
    let rq: Rq;

    beforeAll(async () => {
      server = await startRedis();
      client = server.client();
      if (environment) rq = startRq(environment, server.url);
    });
    afterAll(async () => {
      await rq.stop();
      await server.stop();
    });

    const workers = (...args: string[]) => runTsrq(['workers', ...args], { url: server.url });

    it('its worker passes over words of tsrq, ends its job and stops by tsrq workers', async () => {
      const worker = watchProcess(
        rq.startWorker(['-u', server.url, '-n', 'py', '-S', 'rq.serializers.JSONSerializer', 'q']),
      );
      await until('it is idle', async () => (await client.hget('rq:worker:py', 'state')) === 'idle');
      await until('it listens', async () => Number((await client.pubsub('NUMSUB', 'rq:pubsub:py'))[1]) === 1);
      expect((await workers('quiet', 'py')).stderr).toContain('does not know this: it is a worker of Python RQ');
      for (const command of ['tsrq:quiet', 'tsrq:resume', 'tsrq:scale']) {
        expect(await client.publish('rq:pubsub:py', JSON.stringify({ command, concurrency: 2 }))).toBe(1);
      }
      const id = (await rq.eval("result = q('q').enqueue('time.sleep', 60).id")) as string;
      await until('it runs', async () => (await statusOf(client, id)) === 'started');
      await until('it is seen', async () => (await client.hget('rq:worker:py', 'current_job')) === id);
      expect((await workers('kill-job', 'py')).stdout).toBe('py has ended what it ran\n');
      await until('it is failed', async () => (await statusOf(client, id)) === 'failed');
      const { code, stdout } = await workers('stop', 'py');
      expect([code, stdout]).toEqual([0, 'py takes no new jobs and ends when its jobs have ended\n']);
      expect((await worker.exited).code).toBe(0);
    });
  });
}

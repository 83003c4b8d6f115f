import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Webhook } from '../../src/protocol/webhooks.js';
import type { NewJob } from '../../src/queue/enqueue.js';
import { runTsrq, startTsrq, type CliProcess } from '../support/cli.js';
import { freshRedis, type FreshRedis } from '../support/fresh-redis.js';
import { freePort } from '../support/redis.js';
import { put, statusOf, until } from '../support/rq.js';
import { startWebServer, type WebServer } from '../support/web-server.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));

let fresh: FreshRedis;
freshRedis((given) => {
  fresh = given;
});
let web: WebServer;
let worker: CliProcess | null = null;
beforeAll(async () => {
  web = await startWebServer();
});
afterAll(() => web.stop());
beforeEach(() => {
  web.requests.length = 0;
});
afterEach(async () => {
  worker?.kill('SIGKILL');
  await worker?.exited;
  worker = null;
});

const hook = (path: string, jobStatus: Webhook['jobStatus'], more: Partial<Webhook> = {}): Webhook => {
  return { url: `${web.url}/${path}`, jobStatus, ...more };
};
const add = (id: string, functionName: string, args: unknown[], more: Partial<NewJob>): Promise<string> =>
  put(fresh.redis, functionName, args, { queue: 'q', id, ...more });
const burst = async (): Promise<string> => {
  const { code, stderr } = await runTsrq(['worker', '--burst', 'q'], { url: fresh.server.url, cwd: JOBS });
  expect(code).toBe(0);
  return stderr;
};
const asked = (): string[] => web.requests.map(({ method, path }) => `${method} ${path}`).sort();

it('a webhook is sent for its status only, and a burst worker waits until it is', async () => {
  const both = { webhooks: [hook('finished', 'finished'), hook('failed', 'failed', { method: 'POST' })] };
  await add('good', 'count.echo', [1], both);
  await add('bad', 'count.boom', ['böm'], both);
  await burst();
  expect(asked()).toEqual(['GET /finished', 'POST /failed']);
  const post = web.requests.find(({ method }) => method === 'POST');
  expect(post?.headers).toMatchObject({ 'content-type': 'application/json' });
  expect(post?.headers['user-agent']).toMatch(/^tsrq\//);
  const date = /^\d{4}-\d\d-\d\dT[\d:]{8}(\.\d{6})?\+00:00$/;
  expect(JSON.parse(post?.body ?? '')).toEqual({
    job_id: 'bad',
    func_name: 'count.boom',
    status: 'failed',
    enqueued_at: expect.stringMatching(date) as string,
    ended_at: expect.stringMatching(date) as string,
    exc_info: expect.stringMatching(/^TypeError: böm\n/) as string,
  });
});

it('a job that is retried sends it after its last attempt', async () => {
  await add('retried', 'count.boom', ['x'], { retry: { max: 2 }, webhooks: [hook('failed', 'failed')] });
  await add('asks', 'pyjobs.again', [1, 0], { webhooks: [hook('asked', 'failed', { method: 'POST' })] });
  await burst();
  expect(asked()).toEqual(['GET /failed', 'POST /asked']);
  expect(JSON.parse(web.requests.find(({ path }) => path === '/asked')?.body ?? '')).toMatchObject({ exc_info: '' });
});

it('headers are sent, and go before our own', async () => {
  const headers = { Authorization: 'Bearer x', 'Content-Type': 'text/plain' };
  await add('headers', 'count.nothing', [], { webhooks: [hook('h', 'finished', { method: 'POST', headers })] });
  await burst();
  expect(web.requests[0]?.headers).toMatchObject({ authorization: 'Bearer x', 'content-type': 'text/plain' });
});

it('one that is refused, hangs or leads nowhere is told of without its secrets, and the job is finished', async () => {
  const nowhere = { url: `http://127.0.0.1:${await freePort()}/nowhere?token=secret`, jobStatus: 'finished' } as const;
  const hangs = hook('hang?token=secret', 'finished', { timeoutSeconds: 1 });
  await add('job', 'count.nothing', [], { webhooks: [hook('error', 'finished'), hangs, nowhere] });
  await add('broken', 'count.nothing', [], { webhooks: [hook('never', 'finished')] });
  await fresh.client.hset('rq:job:broken', 'webhooks', '[{"url": "file:///etc/passwd", "job_status": "finished"}]');
  const log = await burst();
  expect(await statusOf(fresh.client, 'job')).toBe('finished');
  expect(asked()).toEqual(['GET /error', 'GET /hang?token=secret']);
  expect(log).toContain(`to ${web.url}/error was not delivered: it answered 500`);
  expect(log).toContain(`to ${web.url}/hang was not delivered: `);
  expect(log).toContain('/nowhere was not delivered: ');
  expect(log).toContain('the webhooks of job broken are not as RQ writes them');
  expect(log).not.toContain('secret');
});

it('while too many requests wait no job is begun, and what has ended is recorded all the same', async () => {
  const hangs = Array.from({ length: 1_100 }, () => hook('hang', 'finished', { timeoutSeconds: 600 }));
  await add('runs', 'count.sleep', [1_000], {});
  await add('asks', 'count.nothing', [], { webhooks: hangs });
  worker = startTsrq(['worker', '-C', '2', 'q'], { url: fresh.server.url, cwd: JOBS });
  await until('the requests are under way', () => web.requests.length >= 32);
  await add('waits', 'count.nothing', [], {});
  await until('the other has ended', async () => (await statusOf(fresh.client, 'runs')) === 'finished');
  expect(await statusOf(fresh.client, 'waits')).toBe('queued');
  expect(await fresh.client.zcard('rq:wip:q')).toBe(0);
});

it('a stopped job sends none, and a cold shutdown does not wait for an answer', async () => {
  worker = startTsrq(['worker', '-C', '2', 'q'], { url: fresh.server.url, cwd: JOBS });
  await worker.waitFor('listening on');
  await add('stopped', 'count.sleep', [60_000], { webhooks: [hook('stopped', 'failed'), hook('stopped', 'finished')] });
  await until('it runs', async () => (await statusOf(fresh.client, 'stopped')) === 'started');
  await runTsrq(['job', 'stop', 'stopped'], { url: fresh.server.url });
  await until('it is stopped', async () => (await statusOf(fresh.client, 'stopped')) === 'stopped');
  await add('done', 'count.nothing', [], { webhooks: [hook('hang', 'finished', { timeoutSeconds: 600 })] });
  await until('the webhook is sent', () => web.requests.length > 0);
  expect(asked()).toEqual(['GET /hang']);
  worker.kill('SIGTERM');
  await worker.waitFor('Stopping');
  let isOver = false;
  void worker.exited.then(() => (isOver = true));
  await until('the worker has ended', () => {
    worker?.kill('SIGTERM');
    return isOver;
  });
  expect((await worker.exited).stderr).toContain('/hang was not delivered: the worker was told to stop at once');
});

it('enqueue has them as options', async () => {
  const args = ['--webhook-finished', `${web.url}/a`, '--webhook-failed', `${web.url}/b`, '--webhook-method', 'POST'];
  const { code } = await runTsrq(['enqueue', '-q', 'q', ...args, 'count.echo', 'x'], { url: fresh.server.url });
  expect(code).toBe(0);
  await burst();
  expect(asked()).toEqual(['POST /a']);
  const refused = await runTsrq(['enqueue', '--webhook-failed', 'ftp://x', 'a.b'], { url: fresh.server.url });
  expect([refused.code, refused.stderr]).toEqual([
    2,
    expect.stringContaining("'ftp://x' is no http:// or https:// URL"),
  ]);
});

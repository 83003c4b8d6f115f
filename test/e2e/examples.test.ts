import { execFile, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildServer } from '../../examples/fastify.js';
import { reportDeaths, reportErrors } from '../../examples/sentry.js';
import { cleanEnv, runTsrq, watchProcess } from '../support/cli.js';
import { startRedis, type TestRedis } from '../support/redis.js';
// The library as it was built: the examples import it, too.
import { popConnection, pushConnection, Retry, Tsrq } from 'tsrq';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

async function run(...args: string[]): Promise<string> {
  const env = { ...process.env, TSRQ_REDIS_URL: server.url };
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT, env });
  return stdout;
}

describe('the examples', () => {
  it('in TypeScript enqueue, work, and show results', async () => {
    expect(await run('node_modules/jiti/lib/jiti-cli.mjs', 'examples/app.ts')).toBe(
      "sent to 42\nsent to 7\n{ month: '2026-11', lines: 42 }\n",
    );
  });

  it('in plain JavaScript do so by name', async () => {
    const output = await run('examples/plain.js');
    expect(output).toContain('first: 2\nsecond: 1\n');
    expect(output).toContain("words.count [ 'three' ]");
  });

  it('in CommonJS require the library', async () => {
    expect(await run('examples/common.cjs')).toBe('queued 1\n');
  });

  it('of tests with node:test pass', async () => {
    expect(await run('--test', '--test-reporter=tap', 'examples/testing.node.js')).toContain('# pass 3\n# fail 0');
  });

  it('with Fastify enqueue for a worker and tell of the result, of what is not there, and of a Redis that is away', async () => {
    const program = ['node_modules/jiti/lib/jiti-cli.mjs', 'examples/fastify.ts'];
    const env = { ...cleanEnv(), TSRQ_REDIS_URL: server.url, PORT: '0' };
    const web = watchProcess(spawn(process.execPath, program, { cwd: ROOT, env }));
    await web.waitFor(/listening on http:\S+/);
    const url = /listening on (http:\S+)/.exec(web.stdout())?.[1] ?? '';
    const headers = { 'content-type': 'application/json' };
    const post = (body: string) => fetch(`${url}/reports`, { method: 'POST', headers, body });
    expect((await post('{}')).status).toBe(400);
    const made = await post('{"month": "2026-11"}');
    expect(made.status).toBe(202);
    const place = `${url}${made.headers.get('location') ?? ''}`;
    expect(await (await fetch(place)).json()).toEqual({ status: 'queued', progress: null, result: null });
    const waiting = fetch(`${place}?wait=30`);
    const work = ['worker', '--burst', '--jobs', 'examples/jobs.ts', 'reports', 'email'];
    expect(await runTsrq(work, { url: server.url, cwd: ROOT })).toMatchObject({ code: 0 });
    const result = { month: '2026-11', lines: 42 };
    expect(await (await waiting).json()).toEqual({ status: 'finished', progress: null, result });
    expect((await fetch(`${url}/reports/none`)).status).toBe(404);
    web.kill('SIGTERM');
    expect((await web.exited).code).toBe(0);
    const away = buildServer();
    pushConnection(new Tsrq({ url: 'redis://127.0.0.1:1', deadlineMs: 100 }));
    const payload = { month: '2026-11' };
    expect(await away.inject({ method: 'POST', url: '/reports', payload })).toMatchObject({ statusCode: 503 });
    popConnection();
    await away.close();
  });

  it('for Sentry reports what jobs throw, but no Retry, and jobs whose time was over', async () => {
    const reports: unknown[] = [];
    const end = reportErrors({
      captureException: (error, { tags }) => reports.push([String(error), tags]),
      captureMessage: () => undefined,
    });
    await using app = new Tsrq({ url: server.url });
    const queue = app.queue('sentry');
    await queue.enqueue('bad', []);
    await queue.enqueue('again', []);
    const slow = await queue.enqueue('slow', [], { timeout: 1 });
    const worker = app.worker('sentry', {
      handlers: {
        bad: () => Promise.reject(new RangeError('no')),
        again: () => Promise.reject(new Retry({ max: 1 })),
        slow: () => new Promise(() => undefined),
      },
    });
    reportDeaths(worker, {
      captureException: () => undefined,
      captureMessage: (message) => reports.push(message),
    });
    await worker.work();
    end();
    expect(reports).toEqual([
      ['RangeError: no', { job: 'bad', queue: 'sentry' }],
      `job ${slow.id}: JobTimeoutException: Task exceeded maximum timeout value (1 seconds)`,
    ]);
  });
});

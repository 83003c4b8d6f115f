import { execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { cleanEnv, runTsrq, watchProcess } from '../support/cli.js';
import { freshRq, type FreshRq } from '../support/fresh-redis.js';
import { flaskEnvironment } from '../support/python.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const environment = await flaskEnvironment();

describe.skipIf(environment === null)('the examples with Python', () => {
  let { server, rq } = {} as FreshRq;
  freshRq(environment && { bin: environment.bin }, (fresh) => ({ server, rq } = fresh));

  const envOf = (more: Record<string, string> = {}) => ({ ...cleanEnv(), TSRQ_REDIS_URL: server.url, ...more });

  it('a Flask application enqueues, a worker of tsrq runs, Flask shows the result', async () => {
    const args = ['-m', 'flask', '--app', 'examples/python/web', 'run', '--port', '0'];
    const env = envOf({ PYTHONPATH: environment?.path ?? '', PYTHONDONTWRITEBYTECODE: '1', PYTHONUNBUFFERED: '1' });
    const web = watchProcess(spawn(join(environment?.bin ?? '', 'python'), args, { cwd: ROOT, env }));
    await web.waitFor(/Running on http:\S+/, 60_000);
    const url = /Running on (http:\S+)/.exec(web.stdout() + web.stderr())?.[1] ?? '';
    const headers = { 'content-type': 'application/json' };
    const made = await fetch(`${url}/reports`, { method: 'POST', headers, body: '{"month": "2026-11"}' });
    expect(made.status).toBe(202);
    const place = `${url}${made.headers.get('location') ?? ''}`;
    const show = async (): Promise<unknown> => (await fetch(place)).json();
    expect(await show()).toEqual({ status: 'queued', result: null });
    const work = ['worker', '--burst', '--jobs', join(ROOT, 'examples/jobs.ts'), 'reports', 'email'];
    expect(await runTsrq(work, { url: server.url })).toMatchObject({ code: 0 });
    expect(await show()).toEqual({ status: 'finished', result: { month: '2026-11', lines: 42 } });
    expect((await fetch(`${url}/reports/none`)).status).toBe(404);
    web.kill('SIGTERM');
    await web.exited;
  });

  it('a producer in TypeScript enqueues, a worker of Python RQ runs, the producer has the results', async () => {
    const where = ['-u', server.url, '--path', join(ROOT, 'examples/python')];
    rq.startWorker([...where, '-S', 'rq.serializers.JSONSerializer', 'words']);
    const producer = ['node_modules/jiti/lib/jiti-cli.mjs', 'examples/to-python.ts'];
    const { stdout } = await promisify(execFile)(process.execPath, producer, { cwd: ROOT, env: envOf() });
    expect(stdout).toBe('6 2\n');
  });
});

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reportDeaths, reportErrors } from '../../examples/sentry.js';
import { startRedis, type TestRedis } from '../support/redis.js';
// The library as it was built: the examples import it, too.
import { Retry, Tsrq } from 'tsrq';

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

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { cleanEnv, startTsrq, watchProcess, type CliProcess } from '../support/cli.js';
import { docBlocks, docProject, printedLines, type DocBlock } from '../support/doc-blocks.js';
import { expectLines } from '../support/doc-run.js';
import { rqEnvironment } from '../support/python.js';
import { startRedis, type TestRedis } from '../support/redis.js';

const environment = await rqEnvironment('2.10.0');
const blocks = docBlocks(readFileSync(new URL('../../docs/jobs.md', import.meta.url), 'utf8'));
const programs = (language: string): [name: string, block: DocBlock][] =>
  blocks
    .filter((block) => block.language === language && block.file === null)
    .map((block) => [`${block.section} (line ${block.line})`, block]);

const project = docProject(blocks, environment?.bin ?? null);
let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(async () => {
  await server.stop();
});

const TIMEOUT = { timeout: 120_000 };
const run = async (block: DocBlock): Promise<void> => {
  const lines = await project.run(block, { REDIS_URL: server.url });
  // It may print more: RQ logs to stdout, and tables are not in the document.
  expectLines(lines, printedLines(block), false);
};

describe('docs/jobs.md, with a worker of tsrq', () => {
  let worker: CliProcess | undefined;
  beforeAll(async () => {
    await project.compile();
    await server.client().flushall();
    const args = [
      'worker',
      '--with-scheduler',
      '--jobs',
      'reports.ts',
      '--concurrency',
      '2',
      'default',
      'bills',
      'pickled',
    ];
    worker = startTsrq(args, { url: server.url, cwd: project.dir });
  });
  afterAll(async () => {
    worker?.kill('SIGTERM');
    await worker?.exited;
  });

  it.each(programs('ts'))('%s: the TypeScript prints what it says', TIMEOUT, async (_, block) => {
    await run(block);
  });
  it.each(programs('sh'))('%s: the commands do what they say', TIMEOUT, async (_, block) => {
    await run(block);
  });
});

describe.skipIf(environment === null)('docs/jobs.md, with workers of Python RQ 2.10', () => {
  const workers: CliProcess[] = [];
  beforeAll(async () => {
    await server.client().flushall();
    const start = (...args: string[]): void => {
      const env = { ...cleanEnv(), REDIS_URL: server.url, PYTHONDONTWRITEBYTECODE: '1' };
      const rq = join(environment?.bin ?? '', 'rq');
      workers.push(watchProcess(spawn(rq, ['worker', ...args], { cwd: project.dir, env, stdio: 'pipe' })));
    };
    start('--with-scheduler', '-S', 'rq.serializers.JSONSerializer', 'default', 'bills');
    start('pickled');
  });
  afterAll(async () => {
    for (const worker of workers) worker.kill('SIGTERM');
    await Promise.all(workers.map((worker) => worker.exited));
  });

  it.each(programs('python'))('%s: the Python prints what it says', TIMEOUT, async (_, block) => {
    await run(block);
  });
});

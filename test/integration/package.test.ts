import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cleanEnv } from '../support/cli.js';
import { startRedis, type TestRedis } from '../support/redis.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'tsrq-test-package-'));
let server: TestRedis;

async function run(file: string, ...args: string[]): Promise<string> {
  const env = { ...cleanEnv(), TSRQ_REDIS_URL: server.url };
  const { stdout } = await promisify(execFile)(file, args, { cwd: dir, env });
  return stdout;
}
const put = (file: string, text: string): void => {
  mkdirSync(join(dir, file, '..'), { recursive: true });
  writeFileSync(join(dir, file), text);
};

/** A project that has nothing but what `npm install tsrq` would put there, and the compiler. */
beforeAll(async () => {
  server = await startRedis();
  const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', dir];
  const { stdout } = await promisify(execFile)('npm', pack, { cwd: ROOT });
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
  put('package.json', '{ "private": true, "type": "module" }');
  await run('npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', '--omit', 'dev', `./${filename}`);
  mkdirSync(join(dir, 'node_modules/@types'));
  symlinkSync(join(ROOT, 'node_modules/@types/node'), join(dir, 'node_modules/@types/node'));
});
afterAll(async () => {
  rmSync(dir, { recursive: true, force: true });
  await server.stop();
});

describe('the packed package in an empty project', () => {
  it('is imported and required', async () => {
    put('esm.mjs', "import { Queue } from 'tsrq';\nimport 'tsrq/testing';\nconsole.log(new Queue('esm').name);\n");
    put('common.cjs', "const { Queue } = require('tsrq');\nconsole.log(new Queue('cjs').name);\n");
    expect(await run(process.execPath, 'esm.mjs')).toBe('esm\n');
    expect(await run(process.execPath, 'common.cjs')).toBe('cjs\n');
  });

  it('has nothing to be imported but its entry points', async () => {
    put('inside.mjs', "await import('tsrq/dist/queue/enqueue.js').catch(({ code }) => console.log(code));\n");
    expect(await run(process.execPath, 'inside.mjs')).toBe('ERR_PACKAGE_PATH_NOT_EXPORTED\n');
  });

  it('shows its sources to a debugger', async () => {
    put(
      'maps.mjs',
      `import { findSourceMap } from 'node:module';
import 'tsrq';
const map = findSourceMap(import.meta.resolve('tsrq'));
console.log(map?.payload.sources.join(), map?.payload.sourcesContent[0].length > 100);
`,
    );
    expect(await run(process.execPath, '--enable-source-maps', 'maps.mjs')).toMatch(/\/src\/app\/job\.ts,.* true\n$/);
  });

  it('has types, found by its name', async () => {
    const options = { strict: true, noEmit: true, skipLibCheck: true, target: 'ES2023', types: ['node'] };
    put('tsconfig.json', JSON.stringify({ compilerOptions: { ...options, module: 'NodeNext' }, files: ['typed.ts'] }));
    const code = `import { job, type Job } from 'tsrq';
import { startTestRedis } from 'tsrq/testing';
const greet = job('greet', (name: string) => 'hello ' + name);
export const made: Promise<Job<string>> = greet.enqueue('you');
export const redis = startTestRedis;
// @ts-expect-error the argument is a text
void greet.enqueue(1);
`;
    put('typed.ts', code);
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    const said = await run(process.execPath, tsc).catch((error: unknown) => (error as { stdout: string }).stdout);
    expect(said).toBe('');
  });

  it('runs TypeScript that enqueues and TypeScript that works, without a build, by its command', async () => {
    put(
      'jobs.ts',
      "import { job } from 'tsrq';\nexport const add = job('sum.add', (a: number, b: number): number => a + b);\n",
    );
    const tsrq = join(dir, 'node_modules/.bin/tsrq');
    expect(await run(tsrq, 'enqueue', '--job-id', 'mine', 'sum.add', ':1', ':2')).toContain('mine');
    await run(tsrq, 'worker', '--burst', '--quiet', '--jobs', 'jobs.ts', 'default');
    expect(await run(tsrq, 'job', 'wait', 'mine')).toBe('mine finished: 3\n');
  });
});

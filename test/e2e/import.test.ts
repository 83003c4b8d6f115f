import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'tsrq-test-import-'));
afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});

/** Writes down the address of every module that is loaded. */
const HOOK = `
import { writeSync } from 'node:fs';
export async function load(url, context, next) {
  writeSync(1, url + '\\n');
  return next(url, context);
}
`;

function modulesOf(code: string): string[] {
  const hook = join(dir, 'hook.mjs');
  const main = join(dir, 'main.mjs');
  writeFileSync(hook, HOOK);
  writeFileSync(
    main,
    `import { register } from 'node:module';\nregister(${JSON.stringify(pathToFileURL(hook).href)});\n${code}`,
  );
  const output = execFileSync(process.execPath, [main], { cwd: ROOT, encoding: 'utf8' });
  return output.split('\n').filter((url) => url.startsWith('file:'));
}

const INDEX = JSON.stringify(pathToFileURL(join(ROOT, 'dist/app/bundle/index.js')).href);

/** The worker, the configuration and its schema, snapshots: files of their own, loaded when they are used. */
const LATER = /\/bundle\/index-(start|load|schema|info)\.js$/;
const CLIENT = /\/bundle\/ioredis\.js$/;

describe('what a module of jobs pays for', () => {
  it('importing the library loads no client, no schema, no reader of configuration and no worker', () => {
    const code = `const { job, Queue, Tsrq } = await import(${INDEX});
      job('a.b', () => 1);
      new Queue('q');
      Tsrq.default.queues.email;`;
    const modules = modulesOf(code);
    expect(modules.some((url) => url.endsWith('/dist/app/bundle/index.js'))).toBe(true);
    expect(modules.filter((url) => /node_modules/.test(url) || LATER.test(url) || CLIENT.test(url))).toEqual([]);
  });

  it.each([
    ['redis://127.0.0.1:1', 0],
    ['redis+sentinel://127.0.0.1:1/master', 1],
  ])('a connection to %s loads %i files of ioredis, and nothing of the configuration', (url, files) => {
    const code = `const { Tsrq } = await import(${INDEX});
      const app = new Tsrq({ url: '${url}' });
      await app.queue().length().catch(() => undefined);`;
    const modules = modulesOf(code);
    expect(modules.filter((module) => CLIENT.test(module))).toHaveLength(files);
    expect(modules.filter((module) => /node_modules/.test(module) || LATER.test(module))).toEqual([]);
  });
});

it.each(['start', 'load', 'schema', 'info'])('what is loaded later has a file of its own: %s', (name) => {
  expect(existsSync(join(ROOT, `dist/app/bundle/index-${name}.js`))).toBe(true);
});

describe('the package', () => {
  it('is loaded by require() as well', () => {
    const code = "const { job, Queue } = require('tsrq'); console.log(typeof job, new Queue('q').name)";
    const flags = ['-e', code];
    expect(execFileSync(process.execPath, flags, { cwd: ROOT, encoding: 'utf8' })).toBe('function q\n');
  });
});

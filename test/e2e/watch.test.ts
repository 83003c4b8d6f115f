import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { runTsrq, startTsrq, type CliProcess } from '../support/cli.js';
import { freshRedis, type FreshRedis } from '../support/fresh-redis.js';
import { latestResult, put, statusOf, until } from '../support/rq.js';

let { server, client, redis } = {} as FreshRedis;
freshRedis((fresh) => ({ server, client, redis } = fresh));

const parent = realpathSync(mkdtempSync(join(tmpdir(), 'tsrq-test-watch-')));
afterAll(() => {
  rmSync(parent, { recursive: true, force: true });
});

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(parent, 'app-'));
});

function save(file: string, text: string): void {
  mkdirSync(dirname(join(dir, file)), { recursive: true });
  writeFileSync(join(dir, file), text);
}

async function watching(...args: string[]): Promise<CliProcess> {
  const worker = startTsrq(['worker', '--watch', ...args, 'q'], { url: server.url, cwd: dir });
  await worker.waitFor('listening on');
  await worker.waitFor('Watching');
  return worker;
}

async function resultOf(name: string): Promise<unknown> {
  const id = await put(redis, name, [], { queue: 'q' });
  await until(`${name} has ended`, async () => ['finished', 'failed'].includes((await statusOf(client, id)) ?? ''));
  const result = await latestResult(client, id);
  return result?.value ?? result?.error;
}

async function end(worker: CliProcess): Promise<void> {
  worker.kill('SIGTERM');
  expect((await worker.exited).code).toBe(0);
}

describe('worker --watch', () => {
  it('the next job runs what was saved, also in a module that its own imports; what was saved is told', async () => {
    save('app/mail.mjs', "import { text } from './lib/texts.mjs';\nexport const send = () => text;\n");
    save('app/lib/texts.mjs', "export const text = 'old';\n");
    const worker = await watching();
    expect(await resultOf('app.mail.send')).toBe('old');
    save('app/lib/texts.mjs', "export const text = 'new';\n");
    await worker.waitFor(`Reloaded (${join('app', 'lib', 'texts.mjs')} changed): new jobs run fresh code`);
    expect(await resultOf('app.mail.send')).toBe('new');
    save('app/later.mjs', "export const run = () => 'later';\n");
    await worker.waitFor(`(${join('app', 'later.mjs')} changed)`);
    expect(await resultOf('app.later.run')).toBe('later');
    await end(worker);
  });

  it('a job that runs meanwhile ends with the code it began with', async () => {
    const code = (text: string): string =>
      `import { existsSync, writeFileSync } from 'node:fs';
       export const now = () => '${text}';
       export async function wait(begun, go) {
         writeFileSync(begun, '');
         while (!existsSync(go)) await new Promise((resolve) => setTimeout(resolve, 20));
         return '${text}';
       }`;
    save('changing.mjs', code('old'));
    const worker = await watching('--concurrency', '2');
    const [begun, go] = [join(dir, 'begun'), join(dir, 'go')];
    const long = await put(redis, 'changing.wait', [begun, go], { queue: 'q' });
    await until('it has begun', () => Promise.resolve(existsSync(begun)));
    save('changing.mjs', code('new'));
    await worker.waitFor('Reloaded (changing.mjs changed)');
    expect(await resultOf('changing.now')).toBe('new');
    writeFileSync(go, '');
    await until('it has finished', async () => (await statusOf(client, long)) === 'finished');
    expect((await latestResult(client, long))?.value).toBe('old');
    await end(worker);
  });

  it('a save that cannot be loaded is told, and the next one mends it', async () => {
    save('jobs.mjs', "export const now = () => 'old';\n");
    const worker = await watching('--jobs', 'jobs.mjs');
    save('jobs.mjs', 'export const now = () => {\n');
    await worker.waitFor('the jobs module');
    expect(worker.stderr()).toMatch(/the jobs module .*jobs\.mjs cannot be loaded: SyntaxError/);
    expect(await resultOf('jobs.now')).toMatch(/jobs\.mjs cannot be loaded: SyntaxError/);
    save('jobs.mjs', "export const now = () => 'mended';\n");
    await until('it is mended', async () => (await resultOf('jobs.now')) === 'mended');
    await end(worker);
  });

  it('what is not code, and what lies in node_modules or in a directory that begins with a dot, changes nothing', async () => {
    save('changing.mjs', "export const now = () => 'old';\n");
    const others = ['out.txt', 'node_modules/other/index.js', '.cache/made.js'];
    for (const file of others) save(file, '');
    const worker = await watching();
    for (const file of others) save(file, '// changed');
    save('changing.mjs', "export const now = () => 'new';\n");
    await worker.waitFor('Reloaded');
    expect(worker.stderr()).toContain('Reloaded (changing.mjs changed)');
    await end(worker);
    expect(worker.stderr()).not.toMatch(/out\.txt|other|made/);
  });

  it('is refused with --isolation none, where a module cannot be loaded again', async () => {
    const { code, stderr } = await runTsrq(['worker', '--watch', '--isolation', 'none', 'q'], { url: server.url });
    expect(code).toBe(2);
    expect(stderr).toContain('tsrq: --watch does not go with --isolation none');
  });
});

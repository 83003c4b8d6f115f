import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { registerJob } from '../../../src/jobs/define.js';
import { HandlerError, Handlers } from '../../../src/worker/horses/handlers.js';

let dir: string;
let root: string;

/** What runs when its module is loaded tells so: what may not be reached must not be loaded either. */
const MARKED = "globalThis.tsrqTestLoaded = 'it was loaded';\nexport const run = () => 'ran';\n";
const marks = globalThis as { tsrqTestLoaded?: string };

function write(path: string, text: string): void {
  const file = join(dir, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tsrq-test-handlers-'));
  root = join(dir, 'root');
  write('root/package.json', '{ "type": "module" }');
  write('root/app/mail.js', "export const send = () => 'mail.send';\nexport const other = 42;\n");
  write('root/app/index.js', "export const top = () => 'app/index.top';\n");
  write('root/marked.js', MARKED);
  write('outside/marked.js', MARKED);
  write('root/node_modules/marked.js', MARKED);
  write('root/node_modules/package/index.js', MARKED);
  write('root/a/node_modules/marked.js', MARKED);
});
afterEach(() => {
  delete marks.tsrqTestLoaded;
});
afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});

const handlers = (...roots: string[]): Handlers =>
  new Handlers({ jobFiles: [], roots: roots.length === 0 ? [root] : roots, onlyRegistered: false });
const run = async (name: string, from = handlers()): Promise<unknown> => (await from.resolve(name))();

async function refusal(name: string, from = handlers()): Promise<string> {
  const error = await from.resolve(name).then(
    (handler) => expect.fail(`${name.slice(0, 100)} led to ${String(handler)}`),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(HandlerError);
  expect(marks.tsrqTestLoaded).toBeUndefined();
  return (error as HandlerError).message;
}

describe('a name that is no dotted name of a module and its export leads nowhere, and loads nothing', () => {
  it.each([
    ['nothing', ''],
    ['no module', 'run'],
    ['no export', 'marked.'],
    ['no name of the module', '.run'],
    ['only dots', '...'],
    ['an empty part', 'app..mail.send'],
    ['the parent', '../outside/marked.run'],
    ['the parent as a part', '...outside.marked.run'],
    ['the parent, encoded', '%2e%2e%2foutside%2fmarked.run'],
    ['the parent, encoded twice', '%252e%252e.marked.run'],
    ['the parent with backslashes', '..\\outside\\marked.run'],
    ['a path', 'app/../marked.run'],
    ['a path from the root of the disk', '/etc/passwd.run'],
    ['a drive', 'C:\\marked.run'],
    ['a home', '~/marked.run'],
    ['a URL of a file', 'file:///tmp/marked.run'],
    ['a URL of data', 'data:text/javascript,export const run = 1.run'],
    ['a module of Node by its scheme', 'node:fs.readFileSync'],
    ['a query', 'marked?x.run'],
    ['a fragment', 'marked#x.run'],
    ['a space', ' marked.run'],
    ['a space behind', 'marked.run '],
    ['a newline behind', 'marked.run\n'],
    ['a newline within', 'marked\n.run'],
    ['NUL in the module', 'marked\0.run'],
    ['NUL in the export', 'marked.run\0'],
    ['NUL and an extension', 'marked.js\0.run'],
    ['a bracket', 'marked.run()'],
    ['an index', "marked['run']"],
    ['a digit as export', 'marked.0'],
    ['a Cyrillic letter that looks Latin', 'm\u0430rked.run'],
    ['full-width letters', '\uff4darked.run'],
    ['a full-width dot', 'marked\uff0erun'],
    ['a one-dot leader', 'marked\u2024run'],
    ['a two-dot leader', '\u2025/outside/marked.run'],
    ['a division slash', 'app\u2215mail.send'],
    ['a letter and its accent', 'marke\u0301d.run'],
    ['a zero-width space', 'marked\u200b.run'],
    ['text that turns round', '\u202emarked.run'],
    ['a long s as export', 'app.mail.\u017fend'],
    ['half of a surrogate pair', 'marked\ud800.run'],
  ])('%s', async (_what, name) => {
    expect(await refusal(name)).toContain('is no dotted name of a module and its export');
  });

  it.each([
    ['one part of a megabyte', `${'a'.repeat(1_000_000)}.run`],
    ['an export of a megabyte', `marked.${'a'.repeat(1_000_000)}`],
    ['a million parts', `${'a.'.repeat(1_000_000)}run`],
    ['a part longer than a file name may be', `${'a'.repeat(300)}.run`],
  ])('%s; the message stays short', async (_what, name) => {
    expect((await refusal(name)).length).toBeLessThan(10_000);
  });
});

describe('the files that a name can reach', () => {
  it.each([
    ['app.mail.send', 'mail.send'],
    ['app.top', 'app/index.top'],
    ['marked.run', 'ran'],
  ])('%s below the root', async (name, result) => {
    expect(await run(name)).toBe(result);
  });

  it.each([
    'fs.readFileSync',
    'child_process.execSync',
    'process.exit',
    'vitest.expect',
    'ioredis.Redis',
    'globalThis.eval',
    'constructor.constructor',
    '__proto__.toString',
  ])('%s is a file of that name, never a module of Node, a package or a global', async (name) => {
    expect(await refusal(name)).toContain('no such file');
  });

  it('nothing of node_modules, by name or by a link', async () => {
    symlinkSync(join(root, 'node_modules'), join(root, 'modules'));
    symlinkSync(join(root, 'node_modules/marked.js'), join(root, 'linked.js'));
    for (const name of [
      'node_modules.marked.run',
      'node_modules.package.run',
      'a.node_modules.marked.run',
      'modules.marked.run',
      'linked.run',
    ]) {
      await refusal(name);
    }
  });

  it('nothing outside, by a link to a file, to a directory or by several', async () => {
    symlinkSync(join(dir, 'outside/marked.js'), join(root, 'out.js'));
    symlinkSync('../outside', join(root, 'outdir'));
    symlinkSync('outdir', join(root, 'twice'));
    symlinkSync('/', join(root, 'disk'));
    const path = join(dir, 'outside').slice(1).split('/');
    for (const name of [
      'out.run',
      'outdir.marked.run',
      'twice.marked.run',
      ['disk', ...path, 'marked.run'].join('.'),
    ]) {
      await refusal(name);
    }
    symlinkSync(join(root, 'app'), join(root, 'inside'));
    expect(await run('inside.mail.send')).toBe('mail.send');
  });

  it('nothing of a neighbour whose name begins as the root does', async () => {
    write('root2/marked.js', MARKED);
    symlinkSync(join(dir, 'root2/marked.js'), join(root, 'neighbour.js'));
    await refusal('neighbour.run');
  });

  it('a root may be a link itself, and what one root may not lead to another may hold', async () => {
    symlinkSync(root, join(dir, 'link-to-root'));
    expect(await run('app.mail.send', handlers(join(dir, 'link-to-root')))).toBe('mail.send');
    symlinkSync(join(dir, 'outside/marked.js'), join(root, 'shared.js'));
    write('second/shared.js', "export const run = () => 'second';\n");
    expect(await run('shared.run', handlers(root, join(dir, 'second')))).toBe('second');
  });

  it('only regular files, only of JavaScript and TypeScript', async () => {
    mkdirSync(join(root, 'folder.js'));
    execFileSync('mkfifo', [join(root, 'pipe.js')]);
    symlinkSync('circle.js', join(root, 'circle.js'));
    symlinkSync(join(root, 'nothing.js'), join(root, 'dangling.js'));
    for (const name of ['data.json', 'addon.node', 'page.wasm', 'bare']) write(`root/${name}`, '{}');
    for (const module of ['folder', 'pipe', 'circle', 'dangling', 'data', 'addon', 'page', 'bare', 'package']) {
      expect(await refusal(`${module}.run`), module).toContain('no such file');
    }
  });

  it('none of a root that is not there', async () => {
    expect(await refusal('marked.run', handlers(join(dir, 'gone')))).toContain(join(dir, 'gone', 'marked'));
  });
});

const INHERITED = [
  ...['constructor', '__proto__', 'prototype', 'hasOwnProperty', 'toString', 'valueOf', 'isPrototypeOf'],
  ...['__defineGetter__', '__lookupSetter__', 'call', 'apply', 'bind', 'caller', 'arguments', 'name', 'length', 'then'],
];

describe('the exports that a name can reach', () => {
  it.each([
    ['an ES module', 'esm.js', 'export const own = () => 1;'],
    ['a module with a default object', 'default_object.js', 'export default { own: () => 1 };'],
    ['a module with a default function', 'default_function.js', 'export default function f() {}\nf.own = () => 1;'],
    ['a module with a default class', 'default_class.js', 'export default class { static own() {} inherited() {} }'],
    ['a CommonJS module', 'common.cjs', 'exports.own = () => 1;'],
    ['a CommonJS function', 'common_function.cjs', 'module.exports = function f() {};\nmodule.exports.own = () => 1;'],
    ['a CommonJS module that is an array', 'common_array.cjs', 'module.exports = [];\nmodule.exports.own = () => 1;'],
    ['a TypeScript module', 'typed.ts', 'export const own = (): number => 1;'],
    ['a TypeScript module with a default class', 'typed_class.ts', 'export default class { static own(): void {} }'],
    ['a TypeScript module of CommonJS', 'typed_common.cts', 'export = { own: (): number => 1 };'],
  ])('%s: its own functions, nothing that every object or function has', async (_what, file, text) => {
    write(`root/${file}`, text);
    const module = file.replace(/\..*$/, '');
    expect(typeof (await handlers().resolve(`${module}.own`))).toBe('function');
    for (const name of INHERITED) {
      expect(await refusal(`${module}.${name}`), name).toContain(`no exported function '${name}'`);
    }
  });

  it('no method that a default object inherits', async () => {
    write('root/instance.cjs', 'class A { method() {} }\nmodule.exports = new A();');
    write('root/created.js', 'export default Object.create({ method() {} });');
    await refusal('instance.method');
    await refusal('created.method');
  });

  it('a value that is no function is none', async () => {
    expect(await refusal('app.mail.other')).toContain("no exported function 'other'");
    write(
      'root/values.js',
      'export default 42;\nexport const nothing = null;\nexport const proxy = new Proxy({}, {});',
    );
    for (const name of ['default', 'nothing', 'proxy', 'toFixed']) await refusal(`values.${name}`);
  });

  it('`default` is an export as others: the default function', async () => {
    write('root/sole.js', "export default () => 'default';\n");
    expect(await run('sole.default')).toBe('default');
  });

  it('an export that is a class is not instantiated', async () => {
    write('root/classes.js', `export class Job { constructor() { ${MARKED.split('\n')[0] ?? ''} } }\n`);
    await expect(run('classes.Job')).rejects.toThrow(/without 'new'/);
    expect(marks.tsrqTestLoaded).toBeUndefined();
  });

  it('of getters only the one that is asked for is read; one that throws fails that job alone', async () => {
    write(
      'root/getters.cjs',
      `module.exports = {
        get good() { return () => 'good'; },
        get bad() { throw new RangeError('a getter threw'); },
        get marked() { ${MARKED.split('\n')[0] ?? ''} return () => 1; },
      };`,
    );
    const found = handlers();
    expect(await run('getters.good', found)).toBe('good');
    await expect(found.resolve('getters.bad')).rejects.toThrow(/a getter threw/);
    expect(await run('getters.good', found)).toBe('good');
    expect(marks.tsrqTestLoaded).toBeUndefined();
  });

  it('a module that cannot be loaded is named with its error', async () => {
    write('root/broken.js', "throw new Error('no luck');\n");
    expect(await refusal('broken.run')).toMatch(/broken\.js cannot be loaded: Error: no luck/);
  });
});

describe('registered names', () => {
  it('is what an exported job says is to be run for it: itself with its arguments checked', async () => {
    const own = "Object.assign(() => 'bare', { [Symbol.for('tsrq.handler')]: () => 'checked' })";
    write('root/exported.js', `export const send = ${own};\n`);
    expect(await run('exported.send')).toBe('checked');
  });

  it('go before a module and export of the same name, which is not even loaded', async () => {
    registerJob('marked.run', () => 'registered');
    expect(await run('marked.run')).toBe('registered');
    expect(marks.tsrqTestLoaded).toBeUndefined();
  });

  it('may be any text, as registering is what allows them', async () => {
    for (const name of ['../registered', '__proto__', 'sp ace', 'größe', 'x'.repeat(5_000)]) {
      registerJob(name, () => name);
      expect(await run(name)).toBe(name);
    }
    for (const name of ['constructor', 'toString', 'hasOwnProperty']) await refusal(name);
  });

  it('are the only ones with --only-registered', async () => {
    const only = new Handlers({ jobFiles: [], roots: [root], onlyRegistered: true });
    registerJob('only.this', () => 'this');
    expect(await run('only.this', only)).toBe('this');
    expect(await refusal('app.mail.send', only)).toContain('switched off by --only-registered');
  });

  it('a name that its own module registers when it is loaded means the same for the first job and for later ones', async () => {
    // As job() does it; modules of the test cannot import it.
    const register = (name: string): string =>
      `globalThis[Symbol.for('tsrq.jobs')].set('${name}', () => 'registered');\n`;
    write('root/late.js', `${register('late.run')}export const run = () => 'export';\n`);
    write('root/later.js', register('later.run'));
    const found = handlers();
    for (const name of ['late.run', 'later.run']) {
      expect([await run(name, found), await run(name, found)], name).toEqual(['registered', 'registered']);
    }
  });
});

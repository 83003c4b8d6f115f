// Puts the command line and the horse's program, with the packages they need at once, into few files, and the library, with ioredis, into
// others: Node takes longer to find and compile two hundred small ones than tsrq to do most of its work. See
// docs/decisions/0009-one-bundle.md.
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { rolldown } from 'rolldown';

/** Loaded rarely, and large. */
const LEFT_OUT = ['cosmiconfig', 'jiti', 'cli-progress', 'chokidar'];

/** What most commands load is one file: of many small ones each takes Node a millisecond. ioredis comes when there is a Redis to talk to. */
const GROUPS = [
  {
    name: 'ioredis',
    test: /redis[\\/]ioredis\.js|node_modules[\\/](?:@?ioredis|redis-|cluster-key-slot|denque|standard-as-callback|lodash)/,
  },
  { name: 'common', minShareCount: 4 },
];

/** What is loaded late in one place is not in another. */
const CHECKS = { ineffectiveDynamicImport: false };

/** `dist`: what tsc has made. The bundle stands beside `cli/commands/`, so that relative addresses hold in both. */
export async function bundle(dist) {
  const dir = join(dist, 'cli/bundle');
  // Each by itself: what is one file for the command line would be too much for a horse.
  const modules = [
    ...(await write(dir, { main: resolve(dist, 'cli/main.js') }, LEFT_OUT, GROUPS)),
    ...(await write(dir, { entry: resolve(dist, 'worker/horses/entry.js') }, [...LEFT_OUT, 'ioredis'], [])),
  ];
  // CommonJS, which Node loads faster; the package's other files are not.
  writeFileSync(join(dir, 'package.json'), '{ "type": "commonjs" }\n');
  cpSync(join(dist, 'redis/lua'), join(dir, 'lua'), { recursive: true });
  writeFileSync(join(dir, 'LICENSES.txt'), licencesOf(modules));
}

/** Returns the paths of the modules that are in it. */
async function write(dir, input, leftOut, groups) {
  const made = await rolldown({ input, platform: 'node', external: [/^node:/, ...leftOut], checks: CHECKS });
  const modules = modulesOf(await made.write({ dir, format: 'cjs', codeSplitting: { groups } }));
  await made.close();
  return modules;
}

/**
 * Of the sources, so that maps lead to them; where the library is imported from. ioredis is a file by itself, which both the library and its
 * horses find: of the sixty that it has each takes Node a while.
 */
export async function bundleLibrary(dist) {
  const dir = join(dist, 'app/bundle');
  const ioredis = resolve('src/redis/ioredis.ts');
  const isIoredis = (id) => id.endsWith('/ioredis.js');
  const own = {
    external: (id) => (!id.startsWith('.') && !isAbsolute(id)) || isIoredis(id),
    resolve: { extensionAlias: { '.js': ['.ts', '.js'] } },
    transform: { target: 'node20' },
  };
  const paths = (id) => (isIoredis(id) ? './ioredis.js' : id);
  const codeSplitting = { groups: [{ name: 'common', minShareCount: 2 }] };
  const modules = [];
  for (const [input, options, sourcemap] of [
    [{ index: 'src/index.ts', testing: 'src/app/testing.ts' }, own, true],
    [{ entry: 'src/worker/horses/entry.ts' }, own, true],
    [{ ioredis }, { external: /^node:/ }, false],
  ]) {
    const made = await rolldown({ input, platform: 'node', checks: CHECKS, ...options });
    const [prefix] = Object.keys(input);
    const chunkFileNames = `${prefix}-[name].js`;
    modules.push(
      ...modulesOf(await made.write({ dir, format: 'esm', sourcemap, paths, chunkFileNames, codeSplitting })),
    );
    await made.close();
  }
  cpSync(join(dist, 'redis/lua'), join(dir, 'lua'), { recursive: true });
  writeFileSync(join(dir, 'LICENSES.txt'), licencesOf(modules));
}

const modulesOf = ({ output }) => output.flatMap((file) => (file.type === 'chunk' ? Object.keys(file.modules) : []));

/** The licences of the packages that modules of these paths belong to. */
function licencesOf(modules) {
  const folders = modules.map((path) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]);
  return [...new Set(folders.filter((folder) => folder !== undefined && existsSync(folder)))]
    .sort()
    .map((folder) => {
      const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
      const text = file === undefined ? '' : `\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
      return `${name} ${version} (${license})\n${text}`;
    })
    .join(`\n${'-'.repeat(80)}\n\n`);
}

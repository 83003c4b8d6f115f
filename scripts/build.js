// Compiles src/ to dist/, copies the Lua scripts, bundles the command line and the library, and writes the manual pages; does nothing when dist/ is newer than every source.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle, bundleLibrary } from './bundle.js';
import { writeManual } from './man.js';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

// Its time says from when the sources are that dist/ was made of.
const STAMP = 'dist/index.js';
const SOURCES = [
  'src',
  'scripts/build.js',
  'scripts/bundle.js',
  'scripts/man.js',
  'tsconfig.json',
  'tsconfig.build.json',
  'package.json',
];

if (existsSync(STAMP) && statSync(STAMP).mtimeMs > Math.max(...SOURCES.map(newest))) process.exit(0);

const started = new Date();
// Beside dist/, so that the paths in source maps hold there too.
const work = `.dist.${process.pid}`;
try {
  const tsc = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--outDir', work];
  const { status } = spawnSync(process.execPath, tsc, { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
  else {
    cpSync('src/redis/lua', join(work, 'redis/lua'), { recursive: true });
    await bundle(work);
    await bundleLibrary(work);
    await writeManual(work);
    utimesSync(join(work, 'index.js'), started, started);
    // Changed in one go: a program that starts meanwhile finds the old files or the new ones, never half of them.
    rmSync('dist', { recursive: true, force: true });
    renameSync(work, 'dist');
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** When a file of this directory, or the directory itself, was last changed: a file taken away changes its directory. */
function newest(path) {
  const { mtimeMs } = statSync(path);
  if (!statSync(path).isDirectory()) return mtimeMs;
  return Math.max(mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}

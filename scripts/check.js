// Everything that can be checked without running the tests: types, lint, format, layers, dead code, the package.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

// Modules that import `tsrq` by its name, as a user's would, get their types from dist/: the build comes first.
const BUILD = ['build', 'scripts/build.js'];
const CHECKS = [
  ['lint', 'node_modules/eslint/bin/eslint.js', '.'],
  ['types', 'node_modules/typescript/bin/tsc', '--noEmit'],
  ['format', 'node_modules/prettier/bin/prettier.cjs', '--check', '.'],
  [
    'layers',
    'node_modules/dependency-cruiser/bin/dependency-cruise.mjs',
    ...['--config', '.dependency-cruiser.cjs', '--output-type', 'err-long', 'src'],
  ],
  ['dead code', 'node_modules/knip/bin/knip.js'],
  ['package', 'node_modules/publint/src/cli.js', '--strict'],
  ['packed', 'scripts/package.js'],
  // Every export has a text, and every type that an export names can be named.
  ['reference', 'node_modules/typedoc/bin/typedoc', '--emit', 'none', '--treatWarningsAsErrors'],
];
const AT_ONCE = 2;

await check(BUILD);
const waiting = [...CHECKS];
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) await check(next);
  }),
);

async function check([name, ...command]) {
  const started = performance.now();
  const { code, output } = await run(command);
  const seconds = ((performance.now() - started) / 1_000).toFixed(1);
  console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
  if (code === 0) return;
  process.exitCode = 1;
  console.log(output.trimEnd());
}

function run(command) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    child.on('close', (code) => resolve({ code, output }));
  });
}

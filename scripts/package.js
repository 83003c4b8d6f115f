// What users would install: packs it, asks Are the types wrong, and compares its size with what docs/library.md says.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const ALLOWED = {
  // Node 20.19 and newer require() modules; tsc says so since 5.8.
  CJSResolvesToESM: 'node16-cjs',
  // Resolution of before `exports`, of which no supported Node knows.
  NoResolution: 'node10',
};
/** So far, in either direction, what is said may be from what is. */
const TOLERANCE = 0.15;

const problems = [];
const dir = mkdtempSync(join(tmpdir(), 'tsrq-package-'));
try {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', dir];
  const [packed] = JSON.parse(execFileSync('npm', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  const tarball = readFileSync(join(dir, packed.filename));
  const analysis = await checkPackage(createPackageFromTarballData(new Uint8Array(tarball)));
  for (const problem of analysis.problems) {
    if (ALLOWED[problem.kind] !== problem.resolutionKind) problems.push(`types: ${JSON.stringify(problem)}`);
  }
  const said =
    /The package: (\d\.\d) MB packed, (\d\.\d) MB unpacked/.exec(readFileSync('docs/library.md', 'utf8')) ?? [];
  compare('packed', said[1], packed.size);
  compare('unpacked', said[2], packed.unpackedSize);
} finally {
  rmSync(dir, { recursive: true, force: true });
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;

function compare(what, said, bytes) {
  const megabytes = bytes / 1e6;
  if (Math.abs(Number(said) - megabytes) <= megabytes * TOLERANCE) return;
  problems.push(`docs/library.md says ${said ?? 'nothing'} MB ${what}, it is ${megabytes.toFixed(1)}`);
}

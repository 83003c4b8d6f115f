import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { afterAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BLOCK = /^```ts\n([\s\S]*?)^```$/gm;

// Within the repository: the blocks import the package by its name, as it was built.
mkdirSync(join(ROOT, '.cache'), { recursive: true });
const dir = mkdtempSync(join(ROOT, '.cache/doc-'));
afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});

const OPTIONS: ts.CompilerOptions = {
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
  types: ['node'],
};

/** What the compiler says of the blocks of a document, each as a module of its own; the first that begins so is `jobs.ts`. */
function complaints(document: string): string[] {
  const text = readFileSync(join(ROOT, document), 'utf8');
  const files = [...text.matchAll(BLOCK)].map(([, code = ''], i) => {
    const file = join(dir, code.startsWith('// jobs.ts') ? 'jobs.ts' : `${document.replace(/\W/g, '-')}-${i + 1}.ts`);
    writeFileSync(file, `${code}\nexport {};\n`);
    return file;
  });
  expect(files.length).toBeGreaterThan(0);
  const program = ts.createProgram(files, OPTIONS);
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const line = file && start !== undefined ? file.getLineAndCharacterOfPosition(start).line + 1 : 0;
    return `${file?.fileName.replace(`${dir}/`, '') ?? ''}:${line} ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
  });
}

describe('the types of the package', () => {
  it('are right by themselves, and add nothing to those of others', () => {
    const entries = ['dist/index.d.ts', 'dist/app/testing.d.ts'].map((file) => join(ROOT, file));
    const program = ts.createProgram(entries, { ...OPTIONS, skipLibCheck: false });
    const own = program.getSourceFiles().filter(({ fileName }) => fileName.startsWith(join(ROOT, 'dist/')));
    expect(own.length).toBeGreaterThan(30);
    for (const file of own) {
      const said = program.getSemanticDiagnostics(file).map(({ messageText }) => messageText);
      expect(said, file.fileName).toEqual([]);
      expect(file.text, file.fileName).not.toMatch(/^\s*declare (global|module) /m);
    }
  });
});

describe('the code in the documents', () => {
  it('of docs/library.md compiles against the package', () => {
    expect(complaints('docs/library.md')).toEqual([]);
  });
});

import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cleanEnv } from './cli.js';
import { atEndOfFile } from './endings.js';

/**
 * The code of a document, run as it stands there. A fenced block whose info names a file (```ts app/mail.ts) is that file; any other is a
 * program. What follows `→` in comments is what a program prints, line by line.
 */
export interface DocBlock {
  readonly language: string;
  /** Null: a program. */
  readonly file: string | null;
  readonly code: string;
  /** The heading above it, and the line it begins at: for names of tests. */
  readonly section: string;
  readonly line: number;
}

/** The fenced blocks of a document, in order. */
export function docBlocks(markdown: string): DocBlock[] {
  const blocks: DocBlock[] = [];
  let section = '';
  let open: { language: string; file: string | null; line: number; code: string[] } | null = null;
  for (const [i, text] of markdown.split('\n').entries()) {
    const fence = /^```(\w*) *(\S*)/.exec(text);
    if (open && fence) {
      blocks.push({ ...open, section, code: `${open.code.join('\n')}\n` });
      open = null;
    } else if (open) open.code.push(text);
    else if (fence)
      open = { language: fence[1] ?? '', file: fence[2] === '' ? null : fence[2]!, line: i + 1, code: [] };
    else section = /^#+ (.*)/.exec(text)?.[1] ?? section;
  }
  if (open) throw new Error(`the block that begins in line ${open.line} has no end`);
  return blocks;
}

/** The lines that a program is said to print. */
export const printedLines = ({ code }: DocBlock): string[] =>
  [...code.matchAll(/(?:\/\/|#) → (.*)$/gm)].map((match) => match[1] ?? '');

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A directory in which the blocks of a document can be run. */
export interface DocProject {
  readonly dir: string;
  /** Type-checks all TypeScript, as a user with strict settings does; rejects with what tsc says. */
  compile(): Promise<void>;
  /** Runs a program to its end; rejects, with what it printed, unless it exits 0. Returns its lines. */
  run(block: DocBlock, env: Readonly<Record<string, string>>): Promise<string[]>;
}

const OPTIONS = { target: 'ES2023', module: 'NodeNext', strict: true, noUncheckedIndexedAccess: true, types: ['node'] };

/** Lays out the files of a document, with `tsrq` to be imported and on the PATH. `python`: the directory of its programs. */
export function docProject(blocks: readonly DocBlock[], python: string | null): DocProject {
  const dir = mkdtempSync(join(tmpdir(), 'tsrq-test-doc-'));
  atEndOfFile(() => {
    rmSync(dir, { recursive: true, force: true });
  });
  const put = (file: string, text: string, mode = 0o644): void => {
    mkdirSync(dirname(join(dir, file)), { recursive: true });
    writeFileSync(join(dir, file), text, { mode });
  };
  const program = ({ line }: DocBlock): string => `line-${line}`;
  for (const block of blocks) {
    if (block.file !== null) put(block.file, block.code);
    else if (block.language === 'ts') put(`${program(block)}.ts`, block.code);
  }
  mkdirSync(join(dir, 'node_modules'));
  symlinkSync(ROOT, join(dir, 'node_modules', 'tsrq'));
  symlinkSync(join(ROOT, 'node_modules', '@types'), join(dir, 'node_modules', '@types'));
  put('package.json', '{ "type": "module" }');
  put('tsconfig.json', JSON.stringify({ compilerOptions: { ...OPTIONS, outDir: 'out', rootDir: '.' } }));
  put('bin/tsrq', `#!/bin/sh\nexec '${process.execPath}' '${join(ROOT, 'bin', 'tsrq.js')}' "$@"\n`, 0o755);
  const commandOf = (block: DocBlock): [string, string[]] => {
    if (block.language === 'ts') return [process.execPath, [join('out', `${program(block)}.js`)]];
    if (block.language === 'python') return [join(python ?? '', 'python'), ['-c', block.code]];
    return ['sh', ['-ec', block.code]];
  };
  return {
    dir,
    compile: async () => {
      await output(process.execPath, [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')], dir, {});
    },
    run: async (block, env) => {
      const path = [join(dir, 'bin'), process.env['PATH']].join(delimiter);
      const [command, args] = commandOf(block);
      const text = await output(command, args, dir, { ...env, PATH: path, PYTHONPATH: dir });
      return text.split('\n').filter((line) => line !== '');
    },
  };
}

const output = (file: string, args: readonly string[], cwd: string, env: Readonly<Record<string, string>>) =>
  new Promise<string>((resolve, reject) => {
    const options = { cwd, env: { ...cleanEnv(), ...env }, timeout: 100_000, killSignal: 'SIGKILL' as const };
    execFile(file, args, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${error.message}\n${stdout}\n${stderr}`));
    });
  });

import { execFile, spawn, type ChildProcess, type ExecFileOptions } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cleanEnv } from './cli.js';
import { atEndOfFile } from './endings.js';

/**
 * The code of a document, run as it stands there. A fenced block whose info names a file (```ts app/mail.ts) is that file; any other is a
 * program. What follows `→` in comments is what a program prints, line by line. In a `console` block lines that begin with `$ ` are typed,
 * the others are what is answered.
 */
export interface DocBlock {
  readonly language: string;
  /** Null: a program. */
  readonly file: string | null;
  /** It goes on beside what follows (```sh &): a worker in a terminal of its own. */
  readonly beside: boolean;
  readonly code: string;
  /** The heading above it, and the line it begins at: for names of tests. */
  readonly section: string;
  readonly line: number;
}

/** The fenced blocks of a document, in order. */
export function docBlocks(markdown: string): DocBlock[] {
  const blocks: DocBlock[] = [];
  let section = '';
  let open: (Pick<DocBlock, 'language' | 'file' | 'beside' | 'line'> & { code: string[] }) | null = null;
  for (const [i, text] of markdown.split('\n').entries()) {
    const fence = /^```(\w*) *(\S*)/.exec(text);
    if (open && fence) {
      blocks.push({ ...open, section, code: `${open.code.join('\n')}\n` });
      open = null;
    } else if (open) open.code.push(text);
    else if (fence) {
      const [, language = '', info = ''] = fence;
      const beside = info === '&';
      open = { language, file: info === '' || beside ? null : info, beside, line: i + 1, code: [] };
    } else section = /^#+ (.*)/.exec(text)?.[1] ?? section;
  }
  if (open) throw new Error(`the block that begins in line ${open.line} has no end`);
  return blocks;
}

/** The lines that a program is said to print; `…` in an answer stands for anything. */
export const printedLines = ({ language, code }: DocBlock): string[] =>
  language === 'console'
    ? code.split('\n').filter((line) => line !== '' && !line.startsWith('$ '))
    : [...code.matchAll(/(?:\/\/|#) → (.*)$/gm)].map((match) => match[1] ?? '');

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A directory in which the blocks of a document can be run. */
export interface DocProject {
  readonly dir: string;
  /** Type-checks all TypeScript, as a user with strict settings does; rejects with what tsc says. */
  compile(): Promise<void>;
  /** Runs a program to its end; rejects, with what it printed, unless it exits 0. Returns its lines. */
  run(block: DocBlock, env?: Readonly<Record<string, string>>): Promise<string[]>;
  /** Starts one that does not end by itself. It leads a process group of its own. */
  start(block: DocBlock): ChildProcess;
}

export interface DocProjectOptions {
  /** What the code imports besides tsrq. */
  readonly packages?: readonly string[];
  /** The types of packages are checked as well; false where that takes too long, or not all of theirs are installed. */
  readonly checkPackages?: boolean;
  /** The address in the document → the one that is there. */
  readonly addresses?: Readonly<Record<string, string>>;
}

const OPTIONS = { target: 'ES2023', module: 'NodeNext', strict: true, noUncheckedIndexedAccess: true, types: ['node'] };

/** The commands of a `console` block; how they exit is not looked at, but what they answer. */
const typedIn = (code: string): string[] => [...code.matchAll(/^\$ (.*)$/gm)].map((match) => match[1] ?? '');

/** Lays out the files of a document, with `tsrq` to be imported and on the PATH. `python`: the directory of its programs. */
export function docProject(
  blocks: readonly DocBlock[],
  python: string | null,
  { packages = [], checkPackages = true, addresses = {} }: DocProjectOptions = {},
): DocProject {
  const dir = mkdtempSync(join(tmpdir(), 'tsrq-test-doc-'));
  atEndOfFile(() => {
    rmSync(dir, { recursive: true, force: true });
  });
  const put = (file: string, text: string, mode = 0o644): void => {
    mkdirSync(dirname(join(dir, file)), { recursive: true });
    writeFileSync(join(dir, file), text, { mode });
  };
  const codeOf = ({ code }: DocBlock): string =>
    Object.entries(addresses).reduce((text, [from, to]) => text.replaceAll(from, to), code);
  const program = ({ line }: DocBlock): string => `line-${line}`;
  for (const block of blocks) {
    if (block.file !== null) put(block.file, codeOf(block));
    else if (block.language === 'ts') put(`${program(block)}.ts`, codeOf(block));
  }
  mkdirSync(join(dir, 'node_modules'));
  symlinkSync(ROOT, join(dir, 'node_modules', 'tsrq'));
  for (const name of ['@types', ...packages])
    symlinkSync(join(ROOT, 'node_modules', name), join(dir, 'node_modules', name));
  put('package.json', '{ "type": "module" }');
  const compilerOptions = { ...OPTIONS, skipLibCheck: !checkPackages, outDir: 'out', rootDir: '.' };
  put('tsconfig.json', JSON.stringify({ compilerOptions }));
  const command = (name: string, text: string): void => {
    put(`bin/${name}`, `#!/bin/sh\n${text}\n`, 0o755);
  };
  command('tsrq', `exec '${process.execPath}' '${join(ROOT, 'bin', 'tsrq.js')}' "$@"`);
  command('jiti', `exec '${process.execPath}' '${join(ROOT, 'node_modules', '.bin', 'jiti')}' "$@"`);
  // What npx would find in node_modules/.bin, half a second earlier; what npm would install is there.
  command('npx', 'exec "$@"');
  command('npm', 'exit 0');
  const commandOf = (block: DocBlock): [string, string[]] => {
    const code = codeOf(block);
    switch (block.language) {
      case 'ts':
        return [process.execPath, [join('out', `${program(block)}.js`)]];
      case 'python':
        return [join(python ?? '', 'python'), ['-c', code]];
      case 'console':
        // What is shown may be a failure; where nothing is shown nothing may fail.
        return [
          'sh',
          [printedLines(block).length > 0 ? '-c' : '-ec', ['exec 2>&1', ...typedIn(code), 'exit 0'].join('\n')],
        ];
      default:
        return ['sh', ['-ec', code]];
    }
  };
  const optionsOf = (env: Readonly<Record<string, string>>) => {
    const path = [join(dir, 'bin'), ...(python === null ? [] : [python]), process.env['PATH']].join(delimiter);
    return {
      cwd: dir,
      env: { ...cleanEnv(), PYTHONDONTWRITEBYTECODE: '1', COLUMNS: '80', ...env, PATH: path, PYTHONPATH: dir },
    };
  };
  return {
    dir,
    compile: async () => {
      await output(process.execPath, [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')], { cwd: dir });
    },
    run: async (block, env = {}) => {
      const text = await output(...commandOf(block), optionsOf(env));
      return text.split('\n').filter((line) => line !== '');
    },
    start: (block) => spawn(...commandOf(block), { ...optionsOf({}), stdio: 'pipe', detached: true }),
  };
}

const output = (file: string, args: readonly string[], place: Pick<ExecFileOptions, 'cwd' | 'env'>) =>
  new Promise<string>((resolve, reject) => {
    const options = { env: cleanEnv(), ...place, timeout: 100_000, killSignal: 'SIGKILL' as const };
    execFile(file, args, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${error.message}\n${stdout}\n${stderr}`));
    });
  });

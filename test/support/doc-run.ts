import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { watchProcess, type CliProcess } from './cli.js';
import { docBlocks, docProject, printedLines, type DocBlock, type DocProject } from './doc-blocks.js';
import { startRedis, type TestRedis } from './redis.js';

const RUN = ['ts', 'sh', 'console', 'python'];
const TIMEOUT = { timeout: 120_000 };

/**
 * Declares tests that run a document as its reader does: all TypeScript is type-checked, then block after block is run in one directory,
 * against a Redis of its own, which is found where the document says `localhost:6379`, and where nothing is said.
 */
export function runsAsItStands(
  document: string,
  { python = null, packages = [] }: { readonly python?: string | null; readonly packages?: readonly string[] } = {},
): void {
  const blocks = docBlocks(readFileSync(new URL(`../../${document}`, import.meta.url), 'utf8'));
  // What npm would install is there.
  const isRun = ({ language, file, code }: DocBlock): boolean =>
    file === null && RUN.includes(language) && !/^(?:\$ )?npm /.test(code);
  const programs = blocks.filter(isRun);

  describe(`${document}, from top to bottom`, () => {
    let server: TestRedis;
    let project: DocProject;
    const beside: { readonly child: ChildProcess; readonly running: CliProcess }[] = [];
    beforeAll(async () => {
      server = await startRedis();
      const here = { language: 'json', section: '', line: 0, beside: false, file: 'tsrq.config.json' };
      const config = { ...here, code: JSON.stringify({ redis: { url: server.url } }) };
      project = docProject([config, ...blocks], python, {
        packages,
        checkPackages: false,
        addresses: { 'localhost:6379': `127.0.0.1:${server.port}` },
      });
    });
    afterAll(async () => {
      // One that a command of the document has stopped has exited 0.
      const broken = beside.filter(({ child }) => child.signalCode !== null || (child.exitCode ?? 0) !== 0);
      for (const { child } of beside) endGroup(child);
      await Promise.all(beside.map(({ running }) => running.exited));
      await server.stop();
      expect(broken.map(({ running }) => running.stdout() + running.stderr())).toEqual([]);
    });

    it.runIf(blocks.some(({ language }) => language === 'ts'))('the TypeScript compiles', TIMEOUT, async () => {
      await project.compile();
    });

    it.each(programs.map((block): [string, DocBlock] => [`${block.section} (line ${block.line})`, block]))(
      '%s',
      TIMEOUT,
      async (_, block) => {
        if (block.beside) {
          const child = project.start(block);
          beside.push({ child, running: watchProcess(child) });
          return;
        }
        const lines = await project.run(block);
        expectLines(lines, printedLines(block), block.language === 'console');
      },
    );
  });
}

function endGroup({ pid }: ChildProcess): void {
  try {
    process.kill(-pid!, 'SIGTERM');
  } catch {
    // It has ended.
  }
}

/** These lines were printed, in this order; others may stand between them. */
export function expectLines(lines: readonly string[], printed: readonly string[], elided: boolean): void {
  const rest = [...lines];
  for (const expected of printed) {
    const matches = (line: string): boolean => (elided ? pattern(expected).test(line) : line === expected);
    const at = rest.findIndex(matches);
    expect(at, `'${expected}' in\n${lines.join('\n')}`).not.toBe(-1);
    rest.splice(0, at + 1);
  }
}

const pattern = (text: string): RegExp =>
  new RegExp(
    `^${text
      .split('…')
      .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*')}\\s*$`,
  );

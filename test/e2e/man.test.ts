import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { COMMAND_NAMES } from '../../src/cli/program.js';
import { everyCommand } from '../support/commands.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string): string => readFileSync(`${ROOT}/${file}`, 'utf8');
const PAGES = ['tsrq', ...COMMAND_NAMES.map((name) => `tsrq-${name}`)].map((name) => `./dist/man/${name}.1`);

const COMMANDS = await everyCommand();

describe('the manual pages', () => {
  it('are those that package.json names, one of each command and tsrq(1)', () => {
    const { man } = JSON.parse(read('package.json')) as { man: string[] };
    expect(man.toSorted()).toEqual(PAGES.toSorted());
  });

  it.each(COMMANDS)('have what `%s --help` has', (typed, command) => {
    const [, name] = typed.split(' ');
    const page = read(`dist/man/tsrq${name === undefined ? '' : `-${name}`}.1`).replaceAll('\\-', '-');
    expect(page).toContain(`\\fB${typed}\\fR`);
    for (const { long, hidden } of command.options) if (!hidden && long) expect(page).toContain(long);
    for (const heading of ['NAME', 'SYNOPSIS', 'DESCRIPTION', 'OPTIONS', 'EXAMPLES'])
      expect(page.split('\n')).toContain(`.SH ${heading}`);
  });

  it.runIf(spawnSync('mandoc', [], { input: '' }).status !== null)('are read by mandoc without a complaint', () => {
    const { stdout } = spawnSync('mandoc', ['-T', 'lint', '-W', 'warning', ...PAGES], { cwd: ROOT, encoding: 'utf8' });
    // They are the same whenever they are made.
    expect(stdout.split('\n').filter((line) => line !== '' && !line.includes('missing date'))).toEqual([]);
    const shown = spawnSync('mandoc', ['-T', 'utf8', 'dist/man/tsrq.1'], { cwd: ROOT, encoding: 'utf8' });
    expect(shown.stdout.replace(/.\x08/g, '')).toMatch(/EXIT STATUS[\s\S]*69 +Redis cannot be reached[\s\S]*EXAMPLES/);
  });
});

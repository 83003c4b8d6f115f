import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { processCli } from '../../src/cli/context.js';
import { buildProgram, COMMAND_NAMES } from '../../src/cli/program.js';
import { DEFAULTS } from '../../src/config/worker-settings.js';
import { variableOf } from '../../src/config/environment.js';
import { SCRIPT_NAMES, script } from '../../src/redis/scripts.js';
import { VERSION } from '../../src/version.js';

const read = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');

describe('the documents agree with the code', () => {
  it('the version is that of package.json', () => {
    expect(VERSION).toBe((JSON.parse(read('package.json')) as { version: string }).version);
  });

  it.each(COMMAND_NAMES)('docs/cli.md has the command %s with every option of its --help', async (name) => {
    const text = read('docs/cli.md');
    const program = await buildProgram([name], processCli());
    const command = program.commands.find((candidate) => candidate.name() === name);
    expect(text).toContain(`## ${name}`);
    const common = ['--url', '--config', '--connection', '--json', '--verbose', '--quiet', '--no-color'];
    const below = command?.commands ?? [];
    for (const action of below) expect(text).toContain(`${name} ${action.name()}`);
    for (const option of [command, ...below].flatMap((one) => one?.options ?? [])) {
      if (option.hidden || common.includes(option.long ?? '')) continue;
      expect(text, option.flags).toContain(option.long ?? '');
    }
    for (const option of common) expect(text).toContain(option);
  });

  it('docs/configuration.md has every key of the worker and its variable', () => {
    const text = read('docs/configuration.md');
    for (const key of Object.keys(DEFAULTS.worker)) expect(text, key).toContain(`\`${key}\``);
    expect(text).toContain(variableOf('maxJobsPerHorse'));
  });

  it('every script states its contract', () => {
    for (const name of SCRIPT_NAMES) {
      const source = read(`src/redis/lua/${name}.lua`);
      expect(source, name).toMatch(/^-- .*\n(--.*\n)*-- ARGV .*\n(--.*\n)*-- Reply/);
      expect(script(name).source).toContain(source);
    }
  });

  it('the README names the two commands of a newcomer', () => {
    const text = read('README.md');
    expect(text).toContain('npm ci && npm run demo');
    expect(text).toContain('npm ci && npm test');
  });
});

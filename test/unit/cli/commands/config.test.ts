import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configCommand } from '../../../../src/cli/commands/config.js';
import type { Cli } from '../../../../src/cli/context.js';
import { ConfigFolder } from '../../../support/config-folder.js';

let folder: ConfigFolder;
beforeEach(() => {
  folder = new ConfigFolder();
});
afterEach(() => {
  folder.remove();
});

const FILE = { redis: { host: 'h', password: 'geheim' }, connections: { mail: 'redis://:geheim@m' } };

async function run(json: boolean): Promise<string> {
  let text = '';
  const output = { write: (more: string) => (text += more), isTTY: false, columns: 80, rows: 24, colour: false };
  const cli = {
    stdout: output,
    json,
    settings: () => folder.with(FILE, { TSRQ_CONCURRENCY: '4' }),
  } as unknown as Cli;
  await configCommand(cli).parseAsync([], { from: 'user' });
  return text;
}

describe('tsrq config', () => {
  it('prints path, value and source of every value, sorted, without secrets', async () => {
    const text = await run(false);
    const lines = text.trimEnd().split('\n');
    const rows = lines.map((line) => line.split(/ {2,}/));
    expect(rows).toContainEqual(['worker.concurrency', '4', 'environment TSRQ_CONCURRENCY']);
    expect(rows).toContainEqual(['redis.password', '******', expect.stringMatching(/\.tsrqrc\.json$/)]);
    expect(rows).toContainEqual(['worker.burst', 'false', 'default']);
    expect(rows.map(([path]) => path)).toEqual(rows.map(([path]) => path).toSorted());
    expect(text).not.toContain('geheim');
  });

  it('prints the same with --json', async () => {
    const printed = JSON.parse(await run(true)) as { file: string; values: unknown[] };
    expect(printed.file).toMatch(/\.tsrqrc\.json$/);
    expect(printed.values).toContainEqual({
      path: 'worker.concurrency',
      value: 4,
      source: 'environment TSRQ_CONCURRENCY',
    });
    expect(JSON.stringify(printed)).not.toContain('geheim');
  });
});

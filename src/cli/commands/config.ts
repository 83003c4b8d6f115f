import { Command } from 'commander';
import type { Cli } from '../context.js';

export function configCommand(cli: Cli): Command {
  return new Command('config')
    .description('Show the effective configuration, and where each value comes from. Passwords are hidden.')
    .addHelpText('after', '\nExamples:\n  $ tsrq config\n  $ tsrq config --config ./tsrq.json --json')
    .action(async () => {
      const settings = await cli.settings();
      const entries = settings.entries();
      if (cli.json) {
        cli.stdout.write(`${JSON.stringify({ file: settings.configFile, values: entries }, null, 2)}\n`);
        return;
      }
      const rows = entries.map(({ path, value, source }) => [path, show(value), source] as const);
      const width = (column: 0 | 1): number => Math.max(...rows.map((row) => row[column].length));
      const lines = rows.map(
        ([path, value, source]) => `${path.padEnd(width(0))}  ${value.padEnd(width(1))}  ${source}`,
      );
      cli.stdout.write(`${lines.join('\n')}\n`);
    });
}

/** Certificates by their first line. */
const show = (value: unknown): string =>
  typeof value === 'string'
    ? value
    : JSON.stringify(value, (_, inner: unknown) =>
        typeof inner === 'string' && inner.startsWith('-----BEGIN') ? `${inner.split(/\r?\n/)[0] ?? ''} …` : inner,
      );

import { realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { TsrqError } from '../../errors.js';
import { snapshot } from '../../info.js';
import { askEach, chosenConnections, throwOutage } from '../connections.js';
import type { Cli } from '../context.js';
import { family, type Sample } from '../metrics/text.js';
import type { Found } from '../render/info-json.js';
import { renderPrometheus } from '../render/info-prometheus.js';

export function metricsCommand(cli: Cli): Command {
  return new Command('metrics')
    .description("Print metrics of queues and workers for Prometheus, rq-exporter's under its names.")
    .option('-o, --output <file>', 'write them to this file in one go, as for the textfile collector of node_exporter')
    .addHelpText(
      'after',
      '\nExamples:\n  $ tsrq metrics\n  $ tsrq metrics --output /var/lib/node_exporter/tsrq.prom\n\nExits 69 if a Redis cannot be reached; tsrq_redis_up says so in the metrics.',
    )
    .action(async ({ output }: { output?: string }) => {
      if (cli.json) throw new TsrqError('USAGE', 'metrics are text for Prometheus', { hint: 'tsrq info --json' });
      const connections = chosenConnections(await cli.settings());
      const looks = await askEach(connections, async ({ name, target }): Promise<Found> => {
        return { connection: name, snapshot: await snapshot(await cli.connect(target)) };
      });
      const found = looks.filter((result): result is Found => !(result instanceof TsrqError));
      const up = looks.map((result, i): Sample => {
        const labels: Sample[0] = connections.length > 1 ? { connection: connections[i]?.name ?? '' } : {};
        return [labels, result instanceof TsrqError ? 0 : 1];
      });
      const lines = family('tsrq_redis_up', 'gauge', '1 if Redis has answered', up).map((line) => `${line}\n`);
      const text = `${renderPrometheus(found, connections.length > 1)}${lines.join('')}`;
      if (output === undefined) cli.stdout.write(text);
      else await replaceFile(resolve(cli.cwd, output), text);
      throwOutage(looks);
    });
}

/** Whoever reads the file meanwhile finds the old text or the new one. The name does not end with .prom until it is whole. */
async function replaceFile(named: string, text: string): Promise<void> {
  // A link goes on leading where it leads, and a device or a pipe stays one.
  const file = await realpath(named).catch(() => named);
  const draft = `${file}.${process.pid}.tmp`;
  try {
    const isOther = await stat(file).then(
      (found) => !found.isFile(),
      () => false,
    );
    if (isOther) {
      await writeFile(file, text);
      return;
    }
    await writeFile(draft, text);
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw new TsrqError('USAGE', `the metrics cannot be written to ${file}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

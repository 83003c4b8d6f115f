import { Command } from 'commander';
import { failureGroups, type FailureGroup } from '../../queue/failures.js';
import { chosenConnections, queuesByConnection, workOnEach } from '../connections.js';
import { defined, type Cli } from '../context.js';
import { moment, several } from '../values.js';
import { noteInterruption } from '../interrupted.js';
import { unreadable } from '../unreadable.js';
import { progressBar } from '../progress.js';

interface Options {
  queue?: string[];
  /** Milliseconds since the epoch. */
  since?: number;
}

interface Shown extends FailureGroup {
  readonly connection: string;
}

export function failuresCommand(cli: Cli): Command {
  return new Command('failures')
    .description('Show what fails: failed jobs grouped by function and error, without numbers and ids.')
    .option('--queue <name>', 'only jobs that failed on this queue; repeatable', several)
    .option('--since <time>', "only jobs that failed since: 10m, '2 hours ago', 2030-01-02T03:04:05", (text) =>
      moment(text),
    )
    .addHelpText(
      'after',
      "\nExamples:\n  $ tsrq failures\n  $ tsrq failures --queue mail --since 1h\n  $ tsrq failures --json | jq '.groups[0]'\n\n`tsrq job show ID` shows an example in full, and\n`tsrq requeue --all --function NAME --match TEXT` puts a group back.",
    )
    .action(async ({ queue, since }: Options) => {
      const settings = await cli.settings();
      const connections = queue ? queuesByConnection(settings, queue) : chosenConnections(settings);
      const groups: Shown[] = [];
      const outage = await workOnEach(connections, async ({ name: connection, target, queues }) => {
        const redis = await cli.connect(target);
        const bar = await progressBar(cli.stderr, 'Reading', 'failures');
        const found = await failureGroups(redis, {
          ...(queues === null ? {} : { queues }),
          filter: defined({ sinceMs: since }),
          onProgress: bar.update,
          onProblem: (name, error) => {
            unreadable(cli, name, error);
          },
          signal: cli.interruption(),
        }).finally(bar.end);
        groups.push(...found.map((group) => ({ connection, ...group })));
      });
      if (groups.length > 0 || !outage) await print(cli, groups, connections.length > 1);
      if (outage) throw outage;
      noteInterruption(cli, 'these are the groups of what was read');
    });
}

async function print(cli: Cli, groups: readonly Shown[], several: boolean): Promise<void> {
  if (cli.json) {
    const total = groups.reduce((sum, { count }) => sum + count, 0);
    cli.stdout.write(`${JSON.stringify({ total, groups: groups.map(groupJson) })}\n`);
    return;
  }
  const { renderFailures } = await import('../render/failures.js');
  const { columns, colour } = cli.stdout;
  cli.stdout.write(`${renderFailures(groups, { columns, colour, several, nowMs: Date.now() }).join('\n')}\n`);
}

function groupJson({ functionName, oldestMs, newestMs, exampleId, ...group }: Shown): object {
  const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());
  return { ...group, function: functionName, oldest: iso(oldestMs), newest: iso(newestMs), example: exampleId };
}

import { Command } from 'commander';
import { TsrqError } from '../../errors.js';
import { deleteGroup, groupMembers, groupNames, groupStatus, type GroupMember } from '../../queue/group.js';
import type { Redis } from '../../redis/redis.js';
import { chosenConnections, workOnEach } from '../connections.js';
import type { Cli } from '../context.js';
import { plural, printable } from '../render/words.js';
import { whole } from '../values.js';

const DEFAULT_LIMIT = 20;

const EXAMPLES = `
Actions:
  list           the names of all groups
  show NAMES     how many of the jobs of a group have which status, whether all
                 have ended, and some of the jobs
  delete NAMES   delete groups; their jobs stay

Examples:
  $ tsrq enqueue --group import-7 shop.fetch 1
  $ tsrq group show import-7
  $ tsrq group show import-7 --json --limit 1000
  $ tsrq group delete import-7

Exits 1 if there is no such group.
`;

interface Options {
  readonly limit?: number;
}

export function groupCommand(cli: Cli): Command {
  return new Command('group')
    .description('Look at groups of jobs, or delete them.')
    .argument('<action>', 'list, show or delete')
    .argument('[names...]', 'names of groups')
    .option('--limit <n>', `with show: how many of the jobs to name (default: ${DEFAULT_LIMIT})`, whole(0))
    .addHelpText('after', EXAMPLES)
    .action(async (action: string, names: string[], options: Options) => {
      if (action !== 'list' && action !== 'show' && action !== 'delete') {
        throw new TsrqError('USAGE', `'${action}' is none of list, show, delete`);
      }
      if (action !== 'show' && options.limit !== undefined) throw new TsrqError('USAGE', '--limit goes with show');
      if (action === 'list') await list(cli, names);
      else if (names.length === 0) {
        throw new TsrqError('USAGE', `group ${action} needs the name of a group`, { hint: 'see `tsrq group list`' });
      } else await each(cli, action, [...new Set(names)], options);
    });
}

async function list(cli: Cli, names: readonly string[]): Promise<void> {
  if (names.length > 0) throw new TsrqError('USAGE', 'group list takes no names', { hint: 'did you mean group show?' });
  const found = new Set<string>();
  const outage = await workOnEach(chosenConnections(await cli.settings()), async ({ target }) => {
    for (const name of await groupNames(await cli.connect(target))) found.add(name);
  });
  if (outage && found.size === 0) throw outage;
  const groups = [...found].sort();
  cli.stdout.write(
    cli.json
      ? `${JSON.stringify({ groups: groups.map((name) => ({ name, found: true })) })}\n`
      : groups.map((name) => `${printable(name)}\n`).join(''),
  );
  if (outage) throw outage;
}

interface Done {
  readonly text: string;
  readonly json: object;
}

async function each(cli: Cli, action: 'show' | 'delete', names: readonly string[], options: Options): Promise<void> {
  const connections = chosenConnections(await cli.settings());
  const shown: object[] = [];
  let away: TsrqError | null = null;
  for (const name of names) {
    const parts: Done[] = [];
    const outage = await workOnEach(connections, async ({ target }) => {
      const redis = await cli.connect(target);
      const done =
        action === 'show' ? await show(redis, name, options.limit ?? DEFAULT_LIMIT) : await remove(redis, name);
      if (done) parts.push(done);
    });
    away ??= outage;
    for (const { text } of parts) if (!cli.json) cli.stdout.write(`${text}\n`);
    shown.push(...parts.map(({ json }) => json));
    // It may be where we cannot look.
    if (parts.length > 0 || outage) continue;
    cli.exitCode = 1;
    if (!cli.json) cli.stderr.write(`${printable(`tsrq: there is no group ${name}`)}\n`);
    shown.push({ name, found: false });
  }
  if (cli.json && (shown.length > 0 || !away)) cli.stdout.write(`${JSON.stringify({ groups: shown })}\n`);
  if (away) throw away;
}

async function show(redis: Redis, name: string, limit: number): Promise<Done | null> {
  const status = await groupStatus(redis, name);
  if (!status) return null;
  const members = await firstMembers(redis, name, limit);
  const counts = Object.entries(status.counts).map(([word, count]) => `${count} ${word}`);
  if (status.gone > 0) counts.push(`${status.gone} gone`);
  const lines = [
    `${printable(name)}: ${status.done ? 'done' : 'not done'}, ${plural(status.jobs, 'job')}${counts.length > 0 ? `: ${counts.join(', ')}` : ''}`,
    ...members.map((member) => `  ${(member.status ?? 'gone').padEnd(10)} ${printable(member.id)}`),
  ];
  const rest = status.jobs + status.gone - members.length;
  if (rest > 0 && members.length > 0) lines.push(`  … and ${rest} more`);
  return { text: lines.join('\n'), json: { found: true, ...status, members } };
}

async function firstMembers(redis: Redis, name: string, limit: number): Promise<GroupMember[]> {
  const members: GroupMember[] = [];
  if (limit === 0) return members;
  for await (const page of groupMembers(redis, name)) {
    members.push(...page.slice(0, limit - members.length));
    if (members.length >= limit) break;
  }
  return members;
}

async function remove(redis: Redis, name: string): Promise<Done | null> {
  const jobs = await deleteGroup(redis, name);
  return jobs === 0
    ? null
    : {
        text: `Deleted group ${printable(name)} of ${plural(jobs, 'job')}; they stay.`,
        json: { name, found: true, jobs },
      };
}

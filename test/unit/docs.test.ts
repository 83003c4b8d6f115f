import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { processCli } from '../../src/cli/context.js';
import { buildProgram, COMMAND_NAMES } from '../../src/cli/program.js';
import { DEFAULTS } from '../../src/config/worker-settings.js';
import { variableOf } from '../../src/config/environment.js';
import { SCRIPT_NAMES, script } from '../../src/redis/scripts.js';
import { VERSION } from '../../src/version.js';

const read = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');

/** What RQ 2.10 has; of the options of all commands those that tsrq's command has, or no command of tsrq's. */
const CLASSES = ['--worker-class', '-w', '--job-class', '-j', '--queue-class', '--connection-class'];
const COMMON = ['--url', '-u', '--config', '-c', ...CLASSES];
const words = (text: string): string[] => [...text.split(' '), ...COMMON];
const RQ_OPTIONS = {
  worker: words(
    '--burst -b --logging_level --log-format --date-format --name -n --results-ttl --worker-ttl --maintenance-interval --job-monitoring-interval --disable-job-desc-logging --verbose -v --quiet -q --exception-handler --pid --disable-default-exception-handler -d --max-jobs --max-idle-time --with-scheduler -s --dequeue-strategy --path -P --serializer',
  ),
  'worker-pool': words(
    '--burst -b --logging-level --verbose -v --quiet -q --log-format --date-format --num-workers -n --path -P --serializer',
  ),
  enqueue: words(
    '--queue -q --timeout --result-ttl --ttl --failure-ttl --description --depends-on --job-id --at-front --retry-max --retry-interval --schedule-in --schedule-at --quiet --serializer',
  ),
  info: words('--interval -i --raw -r --only-queues -Q --only-workers -W --by-queue -R'),
  requeue: words('--all -a --queue'),
  empty: words('--all -a'),
  cron: words('--logging-level -l'),
};

/** The rows `[feature, cells]` of a section of the table of features, or of all of them. */
function rowsOf(section: string | null): [string, string[]][] {
  const table = /\n## Every feature of RQ 2\.10\n(.*?)\n## /s.exec(read('docs/compatibility.md'))?.[1] ?? '';
  const parts = table.split(/^### /m).slice(1);
  const chosen = section === null ? parts : parts.filter((part) => part.startsWith(`${section}\n`));
  expect(chosen.length).toBeGreaterThan(0);
  return chosen
    .flatMap((part) => part.split('\n').filter((line) => /^\| (?!RQ \||---)/.test(line)))
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    )
    .map((cells) => [cells[0] ?? '', cells]);
}

/** The Markdown files in a directory and below. */
const pagesOf = (directory: string): string[] =>
  readdirSync(new URL(`../../${directory}/`, import.meta.url), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => join(directory, file));

/** What headings can be linked by, as GitHub makes it. */
const anchorsOf = (markdown: string): string[] =>
  [...markdown.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

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

  it('docs/compatibility.md names tests that exist', () => {
    const named = [...read('docs/compatibility.md').matchAll(/`([\w/.-]+\.test\.ts)`/g)].map((match) => match[1] ?? '');
    expect(named.length).toBeGreaterThan(100);
    const exists = (file: string): boolean => existsSync(new URL(`../${file.replace(/^test\//, '')}`, import.meta.url));
    expect(named.filter((file) => !file.includes('/') || !exists(file))).toEqual([]);
  });

  it('docs/compatibility.md says of every feature what it is', () => {
    for (const [feature, cells] of rowsOf(null)) {
      expect(['same', 'better', 'different', 'absent'], feature).toContain(cells[1]);
      // What there is has a test.
      if (cells[1] !== 'absent') expect(cells[3], feature).toMatch(/\.test\.ts`/);
    }
  });

  it.each(Object.entries(RQ_OPTIONS))(
    'docs/compatibility.md has every option of rq %s, as the program has it',
    async (name, options) => {
      const program = await buildProgram([name], processCli());
      const command = program.commands.find((candidate) => candidate.name() === name);
      const flags = [...(command?.options ?? []), ...program.options].flatMap(({ long, short }) => [long, short]);
      const rows = [...rowsOf(`rq ${name}`), ...rowsOf('Options of all commands')];
      for (const option of options) {
        const row = rows.find(([feature]) => feature.includes(`\`${option}\``));
        expect(row, option).toBeDefined();
        const there = row?.[1][1] !== 'absent';
        expect(flags.includes(option), `${option} is said to be ${there ? 'there' : 'absent'}`).toBe(there);
      }
    },
  );

  it('docs/configuration.md has every key of the worker and its variable', () => {
    const text = read('docs/configuration.md');
    for (const key of Object.keys(DEFAULTS.worker)) expect(text, key).toContain(`\`${key}\``);
    expect(text).toContain(variableOf('maxJobsPerHorse'));
  });

  const PAGES = ['README.md', 'CONTRIBUTING.md', 'bench/README.md', 'examples/README.md', ...pagesOf('docs')];
  it.each(PAGES)('the links of %s lead somewhere', (page) => {
    const links = [...read(page).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '');
    const broken = links.filter((link) => {
      if (/^https?:/.test(link)) return false;
      const [file = '', anchor] = link.split('#');
      const target = file === '' ? page : join(dirname(page), file);
      if (!existsSync(new URL(`../../${target}`, import.meta.url))) return true;
      return anchor !== undefined && !anchorsOf(read(target)).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  it('every script states its contract', () => {
    for (const name of SCRIPT_NAMES) {
      const source = read(`src/redis/lua/${name}.lua`);
      expect(source, name).toMatch(/^-- .*\n(--.*\n)*-- ARGV .*\n(--.*\n)*-- Reply/);
      expect(script(name).source).toContain(source);
    }
  });

  it('the figures of the README are those of bench/README.md', () => {
    const figures = (line: string): number[] =>
      [...line.replaceAll(',', '').matchAll(/\d+(\.\d+)?/g)].map(([figure]) => Number(figure));
    const measured = new Set(figures(read('bench/README.md')));
    const [, table = ''] = /\n\| jobs a second .*\n\| --- .*\n((?:\|.*\n)+)/.exec(read('README.md')) ?? [];
    const cells = table.split('\n').flatMap((row) => row.split('|').slice(2).flatMap(figures));
    expect(cells.length).toBeGreaterThan(20);
    expect(cells.filter((figure) => !measured.has(figure))).toEqual([]);
  });

  it('what a machine has to have is what was measured, but for rounding', () => {
    const measured = new Map(
      [...read('bench/README.md').matchAll(/^\| ([^|]+?) \| ([\d,.]+)/gm)].map(([, name = '', figure = '']) => [
        name.replace(/, (MiB|%|ms|jobs\/s)$/, ''),
        Number(figure.replaceAll(',', '')),
      ]),
    );
    const fleet = 'fleet of 1,000 idle and 100 busy workers';
    const rows: readonly (readonly [RegExp, string])[] = [
      [/an idle worker \| ([\d.,]+) MiB/, '`tsrq worker`, resident memory when idle'],
      [/\(([\d.,]+) MiB within a program/, 'worker, resident memory when idle'],
      [/Node of its own, ([\d.,]+) MiB/, '`tsrq worker`, resident memory of its child process'],
      [/runs \| ([\d.,]+) MiB/, 'worker, growth of its memory from the first tenth of a million jobs to the end'],
      [/100 idle workers \| ([\d.,]+) %/, '100 idle workers, share of a core that Redis takes'],
      [/([\d.,]+) % of that core/, `${fleet}, share of a core that Redis takes`],
      [/([\d.,]+) commands a second/, `${fleet}, Redis commands per second, in scripts too`],
      [/([\d.,]+) connections,/, `${fleet}, connections to Redis`],
      [/([\d.,]+) MiB in Redis;/, `${fleet}, memory of Redis`],
      [/`tsrq info` takes ([\d.,]+) ms/, `${fleet}, \`tsrq info\``],
      [/concurrency 10, one worker \| ([\d.,]+) a second/, 'drain, concurrency 10'],
    ];
    const [, sizing = ''] = /\n## Sizing\n([\s\S]*?)\n## /.exec(read('docs/operations.md')) ?? [];
    for (const [where, name] of rows) {
      const said = Number(where.exec(sizing)?.[1]?.replaceAll(',', ''));
      const found = measured.get(name) ?? NaN;
      expect(Math.abs(said - found), `${name}: ${said} is said, ${found} was measured`).toBeLessThanOrEqual(
        found * 0.03,
      );
    }
  });

  it('the README names the two commands of a newcomer', () => {
    const text = read('README.md');
    expect(text).toContain('npm ci && npm run demo');
    expect(text).toContain('npm ci && npm test');
  });
});

// Writes the manual pages, tsrq(1) and one of each command, from what `--help` is made of.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

/** `dist`: what tsc has made; the pages come into its `man/`. */
export async function writeManual(dist) {
  const load = (file) => import(pathToFileURL(resolve(dist, file)).href);
  const { buildProgram, COMMAND_NAMES } = await load('cli/program.js');
  const cli = (await load('cli/context.js')).processCli();
  const dir = join(dist, 'man');
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'tsrq.1'), pageOf(await buildProgram([], cli), 'tsrq'));
  for (const name of COMMAND_NAMES) {
    const command = (await buildProgram([name], cli)).commands.find((each) => each.name() === name);
    writeFileSync(join(dir, `tsrq-${name}.1`), pageOf(command, `tsrq-${name}`));
  }
}

function pageOf(command, name) {
  const help = command.createHelp();
  const below = help.visibleCommands(command).filter((each) => each.name() !== 'help');
  // Those of the program are commands with a page of their own, those of a command stand on its page.
  const actions = command.parent === null ? [] : below;
  const told = [command, ...actions].map(afterHelp);
  const others = told.flatMap(({ sections }) => sections.filter(([heading]) => heading !== 'Examples'));
  const examples = told.flatMap(({ sections }) => sections.filter(([heading]) => heading === 'Examples'));
  return [
    `.TH ${roff(name.toUpperCase())} 1 "" "tsrq ${roff(version)}"`,
    ...section('NAME', `${roff(name)} \\- ${roff(command.summary() || command.description())}`),
    ...section('SYNOPSIS', usage(help, command)),
    ...section('DESCRIPTION', roff(command.description()), ...argumentsOf(help, command)),
    ...(command.parent === null ? section('COMMANDS', ...below.flatMap(reference)) : []),
    ...(actions.length > 0 ? section('ACTIONS', ...actions.flatMap((action) => actionOf(action, command))) : []),
    ...section('OPTIONS', ...optionsOf(help, command)),
    ...others.flatMap(([heading, lines]) => section(SECTIONS[heading] ?? heading.toUpperCase(), ...verbatim(lines))),
    ...(told.some(({ notes }) => notes.length > 0) ? section('NOTES', ...told.flatMap(({ notes }) => notes)) : []),
    ...section('EXAMPLES', ...verbatim(examples.flatMap(([, lines]) => lines))),
    ...(command.parent === null ? [] : section('SEE ALSO', '\\fBtsrq\\fR(1)')),
    '',
  ].join('\n');
}

const SECTIONS = { 'Exit codes': 'EXIT STATUS' };

/** A heading ends a paragraph itself. */
const section = (heading, ...lines) => [`.SH ${roff(heading)}`, ...(lines[0] === '.PP' ? lines.slice(1) : lines)];

const usage = (help, command) => {
  const [, names = '', rest = ''] = /^((?:[\w-]+ ?)+)(.*)$/.exec(help.commandUsage(command)) ?? [];
  return `\\fB${roff(names.trim())}\\fR ${roff(rest)}`;
};

const argumentsOf = (help, command) =>
  help
    .visibleArguments(command)
    .filter((argument) => help.argumentDescription(argument) !== '')
    .flatMap((argument) => [
      '.TP',
      `\\fI${roff(help.argumentTerm(argument))}\\fR`,
      roff(help.argumentDescription(argument)),
    ]);

const optionsOf = (help, command, except = []) =>
  help
    .visibleOptions(command)
    .filter((option) => !except.includes(option.long))
    .flatMap((option) => ['.TP', `\\fB${roff(help.optionTerm(option))}\\fR`, roff(help.optionDescription(option))]);

const reference = (command) => ['.TP', `\\fBtsrq\\-${roff(command.name())}\\fR(1)`, roff(command.summary())];

function actionOf(action, command) {
  const help = action.createHelp();
  const common = [...command.options.map(({ long }) => long), '--help'];
  return [
    `.SS ${roff(action.name())}`,
    usage(help, action),
    '.PP',
    roff(action.description()),
    ...argumentsOf(help, action),
    ...optionsOf(help, action, common),
  ];
}

/** What stands below the options in the help of a command: sections with a heading, and notes between them. */
function afterHelp(command) {
  const sections = [];
  const notes = [];
  for (const block of textAfter(command).split(/\n{2,}/)) {
    const lines = block.split('\n').filter((line) => line !== '');
    const [first, ...rest] = lines;
    if (first === undefined) continue;
    const heading = /^([A-Z][\w ]*):$/.exec(first)?.[1];
    if (heading !== undefined) sections.push([heading, rest]);
    else notes.push(...(first.startsWith(' ') ? verbatim(lines) : ['.PP', ...lines.map(roff)]));
  }
  return { sections, notes };
}

function textAfter(command) {
  let text = '';
  command.configureOutput({
    writeOut: (piece) => {
      text += piece;
    },
  });
  command.outputHelp();
  return text.slice(command.helpInformation().length);
}

const verbatim = (lines) => ['.PP', '.nf', ...lines.map(roff), '.fi'];

/** Text that roff takes for nothing else; of other than ASCII the number. */
function roff(text) {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('`', '\\(ga')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
    .replace(/[^\x20-\x7e]/gu, (sign) => `\\[u${sign.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}]`)
    .replace(/^\./, '\\&.');
}

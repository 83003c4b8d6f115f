import type { Argument, Command, Option } from 'commander';

/** What a place of the command line may hold that commander does not know: it is looked up in Redis or left to the shell. */
export type Kind = 'queues' | 'jobs' | 'failed jobs' | 'workers' | 'connections' | 'files';

export interface Candidate {
  readonly value: string;
  readonly description: string;
}

export interface Completion {
  /** What must stand before each value: `--queue=`. */
  readonly prefix: string;
  readonly candidates: readonly Candidate[];
  readonly kind: Kind | null;
}

/** What may stand at the end of these words, read off the program: `words` are what follows `tsrq`, the last is being typed. */
export function complete(program: Command, words: readonly string[]): Completion {
  const current = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const { command, operands, open, literal } = walk(program, before);
  if (open) return { prefix: '', ...valuesOf(open, command) };
  if (literal || !current.startsWith('-')) return { prefix: '', ...operand(command, operands) };
  const [name = '', value] = current.split('=', 2);
  const option = value === undefined ? undefined : optionOf(command, name);
  if (option && takesValue(option)) return { prefix: `${name}=`, ...valuesOf(option, command) };
  const candidates = command.options
    .filter((each) => !each.hidden)
    .flatMap(({ short, long, description }) =>
      [long, short].flatMap((flag) => (flag === undefined ? [] : [{ value: flag, description }])),
    );
  return { prefix: '', candidates: [...candidates, HELP], kind: null };
}

const HELP: Candidate = { value: '--help', description: 'print help' };

interface Walked {
  readonly command: Command;
  readonly operands: number;
  /** The option whose value comes next. */
  readonly open: Option | null;
  /** After `--`. */
  readonly literal: boolean;
}

function walk(program: Command, words: readonly string[]): Walked {
  let command = program;
  let operands = 0;
  let open: Option | null = null;
  let literal = false;
  for (const word of words) {
    if (open) {
      open = null;
    } else if (!literal && word === '--') {
      literal = true;
    } else if (!literal && word.startsWith('-')) {
      const option = optionOf(command, word);
      open = option && takesValue(option) ? option : null;
    } else {
      const next = command.commands.find((each) => each.name() === word);
      if (next) command = next;
      else operands += 1;
    }
  }
  return { command, operands, open, literal };
}

const optionOf = (command: Command, flag: string): Option | undefined =>
  command.options.find(({ short, long }) => flag === short || flag === long);

/** An option with an optional value gets it by `=` only. */
const takesValue = ({ required }: Option): boolean => required;

function operand(command: Command, index: number): Omit<Completion, 'prefix'> {
  if (command.commands.length > 0) {
    const commands = command.commands.map((each) => ({
      value: each.name(),
      description: each.summary() || each.description(),
    }));
    return { candidates: index === 0 ? commands : [], kind: null };
  }
  const known = command.registeredArguments;
  const last = known.at(-1);
  const argument = known[index] ?? (last?.variadic === true ? last : undefined);
  if (!argument) return { candidates: [], kind: null };
  return { candidates: choices(argument), kind: argument.argChoices ? null : kindOf(argument.name(), command) };
}

function valuesOf(option: Option, command: Command): Omit<Completion, 'prefix'> {
  const placeholder = /[<[]([\w:-]+)/.exec(option.flags)?.[1] ?? '';
  const byName = kindOf(option.attributeName(), command);
  return { candidates: choices(option), kind: option.argChoices ? null : (byName ?? kindOf(placeholder, command)) };
}

const choices = ({ argChoices }: Argument | Option): Candidate[] =>
  (argChoices ?? []).map((value) => ({ value, description: '' }));

/** By the name of an argument, an option or its placeholder; every command calls the same thing the same. */
function kindOf(name: string, command: Command): Kind | null {
  if (name === 'job_ids') return command.name() === 'requeue' ? 'failed jobs' : 'jobs';
  if (name === 'names' && command.name() === 'workers') return 'workers';
  return Object.hasOwn(KINDS, name) ? (KINDS[name] ?? null) : null;
}

const KINDS: Readonly<Record<string, Kind>> = {
  queue: 'queues',
  queues: 'queues',
  from: 'queues',
  to: 'queues',
  dependsOn: 'jobs',
  worker: 'workers',
  connection: 'connections',
  file: 'files',
  dir: 'files',
};

import { Argument, Command, Option } from 'commander';
import { TsrqError } from '../../errors.js';
import { complete } from '../completion/complete.js';
import { FILES, SCRIPTS } from '../completion/scripts.js';
import { lookUp } from '../completion/values.js';
import type { Cli } from '../context.js';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** `programOf`: the program with the command that these words name in full. */
export function completionCommand(cli: Cli, programOf: (words: readonly string[]) => Promise<Command>): Command {
  return new Command('completion')
    .description('Print the completion of tsrq for a shell: commands, options, and names from Redis while it answers.')
    .addArgument(new Argument('[shell]', 'bash, zsh or fish'))
    .argument('[words...]')
    .addOption(new Option('--words', 'print what may come next after these words').hideHelp())
    .addHelpText(
      'after',
      '\nExamples:\n  $ eval "$(tsrq completion bash)"          # in ~/.bashrc\n  $ source <(tsrq completion zsh)           # in ~/.zshrc, after compinit\n  $ tsrq completion fish | source           # in ~/.config/fish/config.fish',
    )
    .action(async (shell: string | undefined, rest: string[], { words }: { words?: boolean }) => {
      if (words === true) {
        // Nobody who presses a key wants to read an error.
        const lines = await candidates(cli, programOf, [shell ?? '', ...rest]).catch(() => []);
        cli.stdout.write(lines.map((line) => `${line}\n`).join(''));
        return;
      }
      const known = SHELLS.find((name) => name === shell);
      if (!known || rest.length > 0) {
        throw new TsrqError(
          'USAGE',
          shell === undefined ? 'which shell?' : `'${[shell, ...rest].join(' ')}' is no shell known here`,
          {
            hint: 'bash, zsh or fish',
          },
        );
      }
      cli.stdout.write(SCRIPTS[known]);
    });
}

async function candidates(
  cli: Cli,
  programOf: (words: readonly string[]) => Promise<Command>,
  words: readonly string[],
): Promise<string[]> {
  const { prefix, candidates: found, kind } = complete(await programOf(words), words);
  if (kind === 'files') return prefix === '' ? [FILES] : [];
  const typed = (words.at(-1) ?? '').slice(prefix.length);
  const known = found.filter(({ value }) => value.startsWith(typed));
  const names = kind === null ? [] : await lookUp(cli, kind, typed);
  return [
    ...known.map(({ value, description }) => `${prefix}${value}\t${description}`),
    ...names.map((name) => `${prefix}${name}\t`),
  ];
}

import type { Command } from 'commander';
import { processCli } from '../../src/cli/context.js';
import { buildProgram, COMMAND_NAMES } from '../../src/cli/program.js';

/** The program itself, every command and every action that is a command of its own, by what is typed: `tsrq job list`. */
export async function everyCommand(): Promise<[typed: string, command: Command][]> {
  const found: [string, Command][] = [['tsrq', await buildProgram([], processCli())]];
  for (const name of COMMAND_NAMES) {
    const { commands } = await buildProgram([name], processCli());
    const command = commands.find((each) => each.name() === name);
    if (!command) throw new Error(`there is no command ${name}`);
    found.push([`tsrq ${name}`, command]);
    found.push(...command.commands.map((action): [string, Command] => [`tsrq ${name} ${action.name()}`, action]));
  }
  return found;
}

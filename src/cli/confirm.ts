import { createInterface } from 'node:readline/promises';
import { TsrqError } from '../errors.js';
import type { Cli } from './context.js';

/** Asks on a terminal, and throws USAGE unless the answer is yes; a script has said what it means. `yes`: it was given as an option. */
export async function confirm(cli: Cli, question: string, yes: boolean | undefined): Promise<void> {
  if (yes === true || !process.stdin.isTTY || !cli.stderr.isTTY) return;
  const dialogue = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await dialogue.question(`${question} [y/N] `);
  dialogue.close();
  if (!/^y(es)?$/i.test(answer.trim()))
    throw new TsrqError('USAGE', 'not confirmed: nothing was removed', { hint: '-y answers yes' });
}

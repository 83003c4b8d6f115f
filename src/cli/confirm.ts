import { createInterface } from 'node:readline/promises';
import { TsrqError } from '../errors.js';
import type { Cli } from './context.js';

/** Whether somebody can be asked. */
export const canAsk = (cli: Cli): boolean => process.stdin.isTTY && cli.stderr.isTTY;

/** Asks on a terminal; only a plain yes is one. Who leaves the question, by Ctrl-C or Ctrl-D, has not said yes. */
export async function askYes(question: string): Promise<boolean> {
  const dialogue = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await dialogue.question(`${question} [y/N] `);
    return /^y(es)?$/i.test(answer.trim());
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'AbortError') throw error;
    process.stderr.write('\n');
    return false;
  } finally {
    dialogue.close();
  }
}

/** Asks on a terminal, and throws USAGE unless the answer is yes; a script has said what it means. `yes`: it was given as an option. */
export async function confirm(cli: Cli, question: string, yes: boolean | undefined): Promise<void> {
  if (yes === true || !canAsk(cli) || (await askYes(question))) return;
  throw new TsrqError('USAGE', 'not confirmed: nothing was removed', { hint: '-y answers yes' });
}

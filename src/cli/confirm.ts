import { createInterface } from 'node:readline/promises';
import type { Cli } from './context.js';

/** Whether somebody can be asked. */
export const canAsk = (cli: Cli): boolean => process.stdin.isTTY && cli.stderr.isTTY;

/** Asks on a terminal; only a plain yes is one. Who leaves the question, by Ctrl-C or Ctrl-D, has not said yes. */
export const askYes = async (question: string): Promise<boolean> => (await ask(question)) === 'yes';

async function ask(question: string): Promise<'yes' | 'no' | 'interrupted'> {
  const dialogue = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await dialogue.question(`${question} [y/N] `);
    return /^y(es)?$/i.test(answer.trim()) ? 'yes' : 'no';
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'AbortError') throw error;
    process.stderr.write('\n');
    return error.message.includes('Ctrl+C') ? 'interrupted' : 'no';
  } finally {
    dialogue.close();
  }
}

/**
 * Asks on a terminal, and returns whether the answer is yes; if not, that is said, exit 1, after Ctrl-C 130. A script has said what it means.
 * `yes`: it was given as an option.
 */
export async function confirm(cli: Cli, question: string, yes: boolean | undefined): Promise<boolean> {
  if (yes === true || !canAsk(cli)) return true;
  const answer = await ask(question);
  if (answer === 'yes') return true;
  cli.exitCode = answer === 'interrupted' ? 130 : 1;
  cli.stderr.write('tsrq: not confirmed: nothing was removed\n  -y answers yes\n');
  return false;
}

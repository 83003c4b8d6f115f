import type { Cli } from './context.js';
import { printable } from './render/words.js';

/** Says that a queue's failed registry cannot be read; the command goes on with the others, and will exit 1. */
export function unreadable(cli: Cli, queue: string, error: Error): void {
  cli.stderr.write(`${printable(`tsrq: the failed registry of ${queue} cannot be read: ${error.message}`)}\n`);
  cli.exitCode = 1;
}

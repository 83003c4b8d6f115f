import type { Cli } from './context.js';

/** Where a command was interrupted between two steps: says what its state is, and has the process exit as by that signal. */
export function noteInterruption(cli: Cli, hint: string): void {
  const signal = cli.interruption();
  if (!signal.aborted) return;
  cli.exitCode = signal.reason === 'SIGTERM' ? 143 : 130;
  cli.stderr.write(`tsrq: interrupted: ${hint}\n`);
}

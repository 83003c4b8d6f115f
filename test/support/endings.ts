import type { ChildProcess } from 'node:child_process';
import { afterAll } from 'vitest';

const endings = new Set<() => void>();

/** Runs `action` when the test file ends, also when a test has failed before its own cleaning up; returns how to take it back. */
export function atEndOfFile(action: () => void): () => void {
  endings.add(action);
  return () => endings.delete(action);
}

/** Whatever happens, this process does not outlive the test file. */
export function killAtEndOfFile(child: ChildProcess): void {
  const takeBack = atEndOfFile(() => child.kill('SIGKILL'));
  child.once('exit', takeBack);
  child.once('error', takeBack);
}

function endAll(): void {
  // Backwards: a server ends before its directory is removed.
  for (const action of [...endings].reverse()) action();
  endings.clear();
}

afterAll(endAll);
// A run that is cut short: the runner ends its workers by a signal, or dies itself and only the channel to it closes.
process.once('exit', endAll);
for (const event of ['SIGTERM', 'disconnect']) process.once(event, () => process.exit(143));

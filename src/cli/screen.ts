import { setTimeout as sleep } from 'node:timers/promises';
import { TsrqError } from '../errors.js';
import type { Cli } from './context.js';

const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';

/**
 * Shows what `draw` returns every `seconds` until Ctrl-C: on a terminal in place, on the alternate screen; elsewhere one
 * block after the other. A Redis that is away is shown as such, and asked again.
 */
export async function repeatOnScreen(cli: Cli, seconds: number, draw: () => Promise<string>): Promise<void> {
  const { stdout } = cli;
  const stop = cli.interruption();
  let last = '';
  const paint = (): void => {
    if (stdout.isTTY) stdout.write(frame(last, stdout.rows, stdout.columns));
    else stdout.write(last);
  };
  const unwatch = stdout.isTTY ? stdout.onResize(paint) : () => undefined;
  if (stdout.isTTY) stdout.write(ENTER);
  try {
    let first = true;
    while (!stop.aborted) {
      last = await draw().catch((error: unknown) => {
        // What is wrong from the start will not come right by waiting.
        if (first || !(error instanceof TsrqError)) throw error;
        return `${error.message}\n`;
      });
      first = false;
      paint();
      await sleep(seconds * 1_000, undefined, { signal: stop }).catch(() => undefined);
    }
  } finally {
    unwatch();
    if (stdout.isTTY) stdout.write(LEAVE);
  }
}

/** Each line over the old one, then what is left of the old picture away: no flicker. The last row stays free, or the screen scrolls. */
function frame(text: string, rows: number, columns: number): string {
  const lines = text.split('\n').slice(0, Math.max(1, rows - 1));
  const cutTo = (line: string): string =>
    line.includes('\x1b') || line.length <= columns ? line : line.slice(0, columns);
  return `\x1b[H${lines.map((line) => `${cutTo(line)}\x1b[K`).join('\r\n')}\x1b[J`;
}

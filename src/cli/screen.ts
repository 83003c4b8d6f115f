import { setTimeout as sleep } from 'node:timers/promises';
import type { Cli } from './context.js';
import type { Output } from './output.js';

export interface LiveView {
  /** Looks again; what it rejects with ends the view. */
  readonly refresh: () => Promise<void>;
  /** What was seen last, for a screen of this size. */
  readonly draw: (columns: number, rows: number) => readonly string[];
  /** Whether there is nothing more to come. Default: never. */
  readonly isOver?: () => boolean;
}

const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';

/** Shows a view in place, on the alternate screen, and looks again every `seconds`, until it is over, Ctrl-C or SIGTERM. */
export async function showLive(cli: Cli, seconds: number, view: LiveView): Promise<void> {
  const stop = cli.interruption();
  // Before the screen is changed: what is wrong from the start is an error of the command.
  if (!(await untilStopped(view.refresh(), stop))) return;
  const paint = (): void => cli.stdout.write(frame(view, cli.stdout));
  const enter = (): void => {
    cli.stdout.write(ENTER);
    paint();
  };
  const unwatch = cli.stdout.onResize(paint);
  const unpause = leaveWhilePaused(cli.stdout, enter);
  enter();
  try {
    while (view.isOver?.() !== true && (await paused(seconds, stop))) {
      if (await untilStopped(view.refresh(), stop)) paint();
    }
  } finally {
    unpause();
    unwatch();
    cli.stdout.write(LEAVE);
  }
}

/** Calls `tick` every `seconds` until it is over, Ctrl-C or SIGTERM: the view for a pipe or a file. */
export async function repeat(
  cli: Cli,
  seconds: number,
  tick: () => Promise<void>,
  isOver = (): boolean => false,
): Promise<void> {
  const stop = cli.interruption();
  do await untilStopped(tick(), stop);
  while (!isOver() && (await paused(seconds, stop)));
}

/** False when the stop came first; a Redis that does not answer must not keep the user waiting for its deadline. */
async function untilStopped(work: Promise<void>, stop: AbortSignal): Promise<boolean> {
  const done = work.then(() => true);
  // When nobody waits for it any more, its failure concerns nobody.
  done.catch(() => undefined);
  const waiting = new AbortController();
  const stopped = new Promise<false>((resolve) => {
    const listener = (): void => {
      resolve(false);
    };
    if (stop.aborted) listener();
    stop.addEventListener('abort', listener, { signal: waiting.signal });
  });
  try {
    return await Promise.race([done, stopped]);
  } finally {
    waiting.abort();
  }
}

/** The longest and the shortest that a timer of Node can wait without firing at once. */
const [LEAST_MS, MOST_MS] = [10, 2 ** 31 - 1];

/** False when the stop came. */
async function paused(seconds: number, stop: AbortSignal): Promise<boolean> {
  const ms = Math.min(MOST_MS, Math.max(LEAST_MS, seconds * 1_000));
  return sleep(ms, true, { signal: stop }).catch(() => false);
}

/** Ctrl-Z gives the shell its own screen, and `fg` comes back to ours. */
function leaveWhilePaused(stdout: Output, enter: () => void): () => void {
  const pause = (): void => {
    stdout.write(LEAVE);
    process.kill(process.pid, 'SIGSTOP');
  };
  process.on('SIGTSTP', pause);
  process.on('SIGCONT', enter);
  return () => {
    process.off('SIGTSTP', pause);
    process.off('SIGCONT', enter);
  };
}

/**
 * Each line over the old one, then what is left of the old picture away: no flicker. The last row stays free, or the screen
 * scrolls; so does the last column, or the terminal erases the character there.
 */
function frame(view: LiveView, { columns, rows }: Output): string {
  const lines = view.draw(Math.max(1, columns - 1), Math.max(1, rows - 1)).slice(0, Math.max(1, rows - 1));
  return `\x1b[H${lines.map((line) => `${line}\x1b[K`).join('\r\n')}\x1b[J`;
}

import { emitKeypressEvents, type Interface, type Key } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { LONGEST_TIMER_MS } from '../clock.js';
import type { Cli } from './context.js';
import type { Output } from './output.js';

/** What a view may ask of the screen that it is shown on. */
export interface LiveScreen {
  /** Draws what is known now. */
  readonly paint: () => void;
  /** Looks again as soon as the look that is under way has ended. */
  readonly refresh: () => void;
  /** Ends the view, whatever is under way. */
  readonly close: () => void;
}

export interface LiveView {
  /** Looks again; what it rejects with ends the view. */
  readonly refresh: (screen: LiveScreen) => Promise<void>;
  /** What was seen last, for a screen of this size. */
  readonly draw: (columns: number, rows: number) => readonly string[];
  /** Whether there is nothing more to come. Default: never. */
  readonly isOver?: () => boolean;
  /** Gets every key that is pressed; Ctrl-C and Ctrl-Z too, which then have no effect of their own. Default: none are read. */
  readonly onKey?: (key: Key, screen: LiveScreen) => void;
}

const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';

/** Shows a view in place, on the alternate screen, and looks again every `seconds`, until it is over, Ctrl-C or SIGTERM. */
export async function showLive(cli: Cli, seconds: number, view: LiveView): Promise<void> {
  const closing = new AbortController();
  const stop = closing.signal;
  const close = (): void => {
    closing.abort();
  };
  const interruption = cli.interruption();
  if (interruption.aborted) close();
  interruption.addEventListener('abort', close);
  let waking = new AbortController();
  const own = { isEntered: false };
  const screen: LiveScreen = {
    // When the process goes on after Ctrl-Z, a look may end before it has entered its screen again.
    paint: () => {
      if (own.isEntered) cli.stdout.write(frame(view, cli.stdout));
    },
    refresh: () => {
      waking.abort();
    },
    close,
  };
  // Before the screen is changed: what is wrong from the start is an error of the command.
  if (!(await untilStopped(view.refresh(screen), stop))) return;
  const leave = enterScreen(cli.stdout, view, screen, own);
  try {
    while (view.isOver?.() !== true && (await paused(seconds, stop, waking.signal))) {
      waking = new AbortController();
      if (await untilStopped(view.refresh(screen), stop)) screen.paint();
    }
  } finally {
    leave();
    interruption.removeEventListener('abort', close);
  }
}

/** Takes the terminal, and the keys if the view wants them; returns how to give both back. */
function enterScreen(stdout: Output, view: LiveView, screen: LiveScreen, own: { isEntered: boolean }): () => void {
  const keys = view.onKey === undefined ? null : new Keys((key) => view.onKey?.(key, screen), screen.close);
  const enter = (): void => {
    keys?.listen();
    own.isEntered = true;
    stdout.write(ENTER);
    screen.paint();
  };
  const leave = (): void => {
    own.isEntered = false;
    keys?.end();
    stdout.write(LEAVE);
  };
  const unwatch = stdout.onResize(() => {
    screen.paint();
    if (view.onKey !== undefined) screen.refresh();
  });
  const unpause = leaveWhilePaused(leave, enter);
  const unguard = leaveBeforeDeath(leave);
  enter();
  return () => {
    unguard();
    unpause();
    unwatch();
    leave();
  };
}

/** Milliseconds after which an escape character is a key of its own: what a slow line splits belongs together. */
const ESCAPE_MS = 50;

/** The keys of the terminal, one by one and without echo. */
class Keys {
  readonly #listener: (text: string | undefined, key: Key) => void;

  /** `onEnd`: the terminal is gone. */
  constructor(onKey: (key: Key) => void, onEnd: () => void) {
    emitKeypressEvents(process.stdin, { escapeCodeTimeout: ESCAPE_MS } as unknown as Interface);
    this.#listener = (_, key) => {
      if (key.ctrl === true && key.name === 'z') process.kill(process.pid, 'SIGTSTP');
      else onKey(key);
    };
    process.stdin.once('end', onEnd);
  }

  listen(): void {
    process.stdin.setRawMode(true);
    process.stdin.off('keypress', this.#listener).on('keypress', this.#listener).resume();
  }

  end(): void {
    process.stdin.off('keypress', this.#listener).pause();
    process.stdin.setRawMode(false);
  }
}

/** What ends the process otherwise leaves the terminal as it was, before it says why. */
function leaveBeforeDeath(leave: () => void): () => void {
  const deadly = ['SIGHUP', 'SIGQUIT'] as const;
  const die = (signal: NodeJS.Signals): void => {
    leave();
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  };
  for (const signal of deadly) process.on(signal, die);
  process.on('uncaughtExceptionMonitor', leave);
  return () => {
    for (const signal of deadly) process.off(signal, die);
    process.off('uncaughtExceptionMonitor', leave);
  };
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

/** The shortest wait, milliseconds. */
const LEAST_MS = 10;

/** False when the stop came; `waking` ends the pause early. */
async function paused(seconds: number, stop: AbortSignal, waking?: AbortSignal): Promise<boolean> {
  const ms = Math.min(LONGEST_TIMER_MS, Math.max(LEAST_MS, seconds * 1_000));
  const over = new AbortController();
  const end = (): void => {
    over.abort();
  };
  const signals = waking === undefined ? [stop] : [stop, waking];
  for (const signal of signals) signal.addEventListener('abort', end);
  if (!signals.some(({ aborted }) => aborted)) await sleep(ms, true, { signal: over.signal }).catch(() => undefined);
  for (const signal of signals) signal.removeEventListener('abort', end);
  return !stop.aborted;
}

/** Ctrl-Z gives the shell its own screen, and `fg` comes back to ours. */
function leaveWhilePaused(leave: () => void, enter: () => void): () => void {
  const pause = (): void => {
    leave();
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

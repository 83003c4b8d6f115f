import type { Log } from './log.js';
import type { SignalRelay } from './signal-relay.js';

/** Code in this process that ends it, a job under --isolation none, ends the worker: nothing is recorded, which must not look like success. */
export function watchExit(signals: SignalRelay, log: Log, flush: () => void): { disarm(): void } {
  const see = (code: number): void => {
    const lines = signals.inHand;
    if (!lines) return;
    const what = lines.length === 0 ? 'nothing was running' : `not recorded: ${lines.join('; ')}`;
    const message = `the process was ended from within, with code ${code} (process.exit), while the worker worked; ${what}`;
    log({ level: 'error', event: 'exit', message });
    flush();
    if (code === 0) process.exitCode = 1;
  };
  process.on('exit', see);
  return {
    disarm: () => {
      process.off('exit', see);
    },
  };
}

/**
 * An error that nobody awaits leaves this process in an unknown state. Its jobs are ended and recorded before it goes, exit
 * 1: under --isolation none they may be the ones that caused it.
 */
export function watchStrayErrors(signals: SignalRelay, log: Log): { readonly seen: boolean; disarm(): void } {
  const state = { seen: false };
  const see = (error: unknown, origin: string): void => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    log({ level: 'error', event: 'stray-error', message: `the worker ends: ${origin}: ${text}` });
    if (state.seen || !signals.endWorker(`${origin}: ${text.split('\n')[0] ?? ''}`)) process.exit(1);
    state.seen = true;
  };
  process.on('uncaughtException', see);
  return {
    get seen() {
      return state.seen;
    },
    disarm: () => {
      process.off('uncaughtException', see);
    },
  };
}

import type { RunningWorker } from '../worker/start.js';
import type { Log } from './log.js';
import type { SignalTarget } from './signals.js';
import type { Supervisor } from './systemd/supervisor.js';

export const SIGNAL_NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const;

/** How long a boot goes on after a stop, milliseconds: who gets as far as that leaves as it should. */
const BOOT_MS = 5_000;

/** What goes with the worker that signals steer. */
interface Led {
  readonly log: Log;
  readonly supervisor: Supervisor | null;
  readonly showDescription: boolean;
}

/** Hands signals to the worker once there is one; what came earlier is kept. */
export class SignalRelay implements SignalTarget {
  coldSignal: keyof typeof SIGNAL_NUMBERS | null = null;
  #worker: RunningWorker | null = null;
  #led: Led | null = null;
  #stopped: string | null = null;
  #reload: { readonly because: string | undefined } | null = null;

  lead(worker: RunningWorker, led: Led): void {
    this.#worker = worker;
    this.#led = led;
    if (this.#stopped !== null) worker.stop(this.#stopped);
    else if (this.#reload) this.reload(this.#reload.because);
  }

  stop(signal: keyof typeof SIGNAL_NUMBERS): void {
    this.coldSignal = signal;
    this.#stopped = signal;
    this.#worker?.stop(signal);
    // A Redis that is away, or code that does not load, is not waited for: nothing has begun.
    if (!this.#worker) setTimeout(() => this.#worker ?? process.exit(0), BOOT_MS).unref();
  }

  kill(signal: keyof typeof SIGNAL_NUMBERS): void {
    this.coldSignal = signal;
    // Nothing has begun yet: nothing is to be recorded.
    if (!this.#worker) process.exit(128 + SIGNAL_NUMBERS[signal]);
    this.#worker.kill(signal);
  }

  /** Ends the worker at once and has its jobs recorded; false if there is none yet. */
  endWorker(because: string): boolean {
    this.#worker?.kill(because);
    return this.#worker !== null;
  }

  /** What the worker runs, one line each; null if it has not begun. */
  get inHand(): readonly string[] | null {
    return this.#worker?.describe(this.#led?.showDescription ?? false) ?? null;
  }

  reload(because?: string): void {
    // The code that has been loaded so far may be the old one.
    if (!this.#worker) this.#reload = { because };
    const loaded = this.#worker?.reload(because);
    if (loaded) void this.#led?.supervisor?.reloading(loaded);
  }

  quiet(): void {
    this.#worker?.quiet();
  }

  unquiet(): void {
    this.#worker?.unquiet();
  }

  show(): void {
    const lines = this.inHand ?? [];
    const message = lines.length === 0 ? 'Nothing is running' : `Running: ${lines.join('; ')}`;
    this.#led?.log({ level: 'info', event: 'running', message });
  }
}

import { Notifier } from './notifier.js';

/** What is told about, whatever it is: a worker, a scheduler. */
export interface Service {
  /** One line: what it does now. */
  readonly status: () => string;
  /** Whether it has got on since the last call. */
  readonly hasPulse: () => boolean;
  /** Asked where there is no pulse: whether Redis is what it waits for. */
  readonly isRedisAway: () => Promise<boolean>;
  /** How long what runs may still take, milliseconds: asked while it stops. */
  readonly remainingMs: () => number;
}

export interface SupervisorOptions {
  readonly socket: string;
  readonly path: string;
  /** Milliseconds without a sign of life after which the manager ends the service; null: it does not watch. */
  readonly watchdogMs: number | null;
  readonly warn: (message: string) => void;
}

/** How often the status is looked at, milliseconds; it is sent when it has changed. */
const STATUS_MS = 2_000;
/** Signs of life for each time the watchdog waits: one may be late and one missing. */
const SIGNS = 4;
/** How often a stop is prolonged, and by how much it is at most, milliseconds. */
const EXTEND_EVERY_MS = 5_000;
const EXTEND_MS = 10_000;
/** For ending a job at its limit and recording that, milliseconds. */
const ENDING_MS = 10_000;

/** Tells systemd how a service does: ready, reloading, stopping, status, signs of life. */
export class Supervisor {
  readonly #notifier: Notifier;
  readonly #options: SupervisorOptions;
  readonly #timers: NodeJS.Timeout[] = [];
  #service: Service | null = null;
  #lastStatus = '';
  #isStopping = false;
  #isLooking = false;
  #isStuck = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#notifier = new Notifier(options.socket, options.path, (why) => {
      options.warn(`systemd could not be told how this service does: ${why}`);
    });
  }

  /** It begins, and will be ready or have given up within so many milliseconds. */
  starting(status: string, withinMs: number): void {
    this.#send(`STATUS=${status}`, `EXTEND_TIMEOUT_USEC=${usec(withinMs)}`);
  }

  /** It does its work from now on. */
  ready(service: Service): void {
    this.#service = service;
    // One that had nothing to do is on its way out already.
    if (!this.#isStopping) this.#send('READY=1', ...this.#changedStatus());
    this.#every(STATUS_MS, () => {
      if (this.#notifier.pending === 0) this.#send(...this.#changedStatus());
    });
    const { watchdogMs } = this.#options;
    if (watchdogMs !== null) this.#every(watchdogMs / SIGNS, () => void this.#giveSign(service));
  }

  /** It loads its code again until `loaded` settles. */
  async reloading(loaded: Promise<void>): Promise<void> {
    this.#send('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1_000n}`);
    await loaded;
    if (!this.#isStopping) this.#send('READY=1');
  }

  /**
   * It ends. As long as what runs may run by its own limit, the manager is asked for more time, in small portions: a
   * process that hangs gets none.
   */
  stopping(): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    this.#send('STOPPING=1', ...this.#changedStatus());
    this.#extend();
    this.#every(EXTEND_EVERY_MS, () => {
      this.#extend();
    });
  }

  /** Resolves when everything is told. */
  async end(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#notifier.close();
  }

  /**
   * A worker that Redis keeps waiting is as alive as a worker can be, and holds results that a restart would lose. One that
   * gets nowhere though Redis answers is stuck: no sign, and the watchdog restarts it.
   */
  async #giveSign(service: Service): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const isAlive = service.hasPulse() || (await service.isRedisAway());
    this.#isLooking = false;
    if (isAlive) this.#send('WATCHDOG=1');
    else if (!this.#isStuck && !this.#isStopping)
      this.#options.warn('no progress although Redis answers: the watchdog will restart this');
    this.#isStuck = !isAlive;
  }

  #extend(): void {
    const remainingMs = this.#service?.remainingMs() ?? 0;
    if (remainingMs > 0) this.#send(`EXTEND_TIMEOUT_USEC=${usec(Math.min(remainingMs, EXTEND_MS) + ENDING_MS)}`);
  }

  #changedStatus(): string[] {
    const status = this.#service?.status() ?? this.#lastStatus;
    if (status === this.#lastStatus) return [];
    this.#lastStatus = status;
    return [`STATUS=${status}`];
  }

  #send(...variables: string[]): void {
    if (variables.length > 0) void this.#notifier.send(...variables);
  }

  #every(ms: number, action: () => void): void {
    this.#timers.push(setInterval(action, ms).unref());
  }
}

const usec = (ms: number): number => Math.round(ms * 1_000);

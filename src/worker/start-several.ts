import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { TsrqError } from '../errors.js';
import type { RedisTarget } from '../redis/target.js';
import { Crew } from './crew.js';
import type { WorkerEnd, WorkerEvent } from './events.js';
import { SharedPerformer, type WriteNote } from './horses/shared.js';
import type { WeightedQueue } from './intake.js';
import { bootWorker, startWorker, type BootedWorker, type RunningWorker, type StartOptions } from './start.js';

/** A Redis, and the queues there that a worker takes jobs from. */
export interface Place {
  /** For messages. */
  readonly name: string;
  readonly target: RedisTarget;
  readonly queues: readonly WeightedQueue[];
}

export interface SeveralOptions extends Omit<StartOptions, 'target' | 'queues' | 'performer' | 'onEvent'> {
  readonly places: readonly Place[];
  /** `place`: the name of the Redis it is about; null for what is about all, and where there is only one. */
  readonly onEvent: (event: WorkerEvent, place: string | null) => void;
}

/** Between attempts to reach a Redis that was away at the start, milliseconds. */
const AGAIN_MS = 1_000;

/**
 * Starts a worker on several Redis servers: one on each, under one name, which share slots and horses and end together.
 * Servers that do not answer within `connectTimeoutSeconds` are tried until they do. Throws REDIS_UNREACHABLE if none answers,
 * or in a burst any does not; USAGE if two places are the same; else as `startWorker`, which it is for one place. See
 * docs/decisions/0013-several-redis-servers.md.
 */
export async function startSeveral(options: SeveralOptions): Promise<RunningWorker> {
  const { places, onEvent, ...rest } = options;
  const [only, ...others] = places;
  if (only && others.length === 0) {
    const { target, queues } = only;
    return startWorker({
      ...{ ...rest, target, queues },
      onEvent: (event) => {
        onEvent(event, null);
      },
    });
  }
  const several = new Several(options);
  try {
    await several.start();
    return several;
  } catch (error) {
    await several.abandon();
    throw error;
  }
}

class Several implements RunningWorker {
  readonly ended: Promise<WorkerEnd>;
  readonly #options: SeveralOptions;
  readonly #crew: Crew;
  readonly #performer: SharedPerformer;
  /** Ends the attempts to boot. */
  readonly #closing = new AbortController();
  /** Those that have not begun. */
  readonly #booted = new Map<Place, BootedWorker>();
  /** By what each Redis calls itself: the names of the places. */
  readonly #servers = new Map<string, string>();
  readonly #workers = new Set<RunningWorker>();
  /** How many have begun, or are about to, and have not ended. */
  #alive = 0;
  readonly #ends: WorkerEnd[] = [];
  #failure: { readonly error: unknown } | null = null;
  #settle: (end: Promise<WorkerEnd>) => void = () => undefined;

  constructor(options: SeveralOptions) {
    // Every attempt to boot listens.
    setMaxListeners(0, this.#closing.signal);
    this.#options = options;
    this.#crew = new Crew(options.concurrency, options.places.length);
    this.#performer = new SharedPerformer(
      options,
      options.places.map(({ target }) => target),
      (message) => {
        options.onEvent({ type: 'warning', message }, null);
      },
    );
    this.ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
    // Whoever waits for it is told; if the start fails nobody does.
    this.ended.catch(() => undefined);
  }

  async start(): Promise<void> {
    const { places, burst, onEvent } = this.#options;
    const warm = this.#performer.start();
    const outcomes = await Promise.all(places.map(async (place) => ({ place, error: await this.#boot(place) })));
    const failed = outcomes.filter(({ error }) => error !== null);
    const fatal = failed.find(({ error }) => !isAway(error)) ?? failed[0];
    if (fatal && (burst || !isAway(fatal.error) || this.#booted.size === 0)) throw fatal.error;
    for (const problem of await warm) onEvent({ type: 'warning', message: problem }, null);
    await Promise.all([...this.#booted.keys()].map((place) => this.#begin(place)));
    for (const { place, error } of failed) void this.#insist(place, error);
  }

  /** Gives up a start that has failed. */
  async abandon(): Promise<void> {
    this.kill('the start has failed');
    await Promise.all([...this.#booted.values()].map((booted) => booted.abandon()));
    await this.#performer.stop();
  }

  stop(because: string): void {
    for (const worker of this.#workers) worker.stop(because);
    this.#crew.stop('shutdown', because);
    this.#closing.abort();
  }

  kill(because: string): void {
    for (const worker of this.#workers) worker.kill(because);
    this.stop(because);
  }

  quiet(): void {
    this.#crew.quiet();
  }

  unquiet(): void {
    this.#crew.unquiet();
  }

  scale(concurrency: number): void {
    this.#crew.scale(concurrency);
  }

  async reload(because?: string): Promise<void> {
    if (this.#crew.isStopping) return;
    const { onEvent } = this.#options;
    const loaded = this.#performer.reload();
    onEvent({ type: 'reloaded', because: because ?? null }, null);
    for (const problem of await loaded) onEvent({ type: 'warning', message: problem }, null);
  }

  describe(showDescription: boolean): string[] {
    return [...this.#workers].flatMap((worker) => worker.describe(showDescription));
  }

  silent(): readonly RedisTarget[] {
    return [...this.#workers].flatMap((worker) => worker.silent());
  }

  remainingMs(): number {
    return Math.max(0, ...[...this.#workers].map((worker) => worker.remainingMs()));
  }

  async measure(): ReturnType<RunningWorker['measure']> {
    const all = await Promise.all([...this.#workers].map((worker) => worker.measure()));
    return {
      running: all.reduce((sum, { running }) => sum + running, 0),
      concurrency: this.#crew.concurrency,
      quiet: this.#crew.isQuiet,
      fetchLagSeconds: Math.max(0, ...all.map(({ fetchLagSeconds }) => fetchLagSeconds)),
      horseBytes: await this.#performer.memory(),
    };
  }

  /** Returns why it could not be booted; null if it was. */
  async #boot(place: Place): Promise<unknown> {
    const { places, onEvent, ...options } = this.#options;
    const { name, target, queues } = place;
    const own = {
      ...{ ...options, target, queues },
      performer: (note: WriteNote) => this.#performer.at(places.indexOf(place), note),
      onEvent: (event: WorkerEvent) => {
        onEvent(event, name);
      },
    };
    try {
      const booted = await bootWorker(own, { crew: this.#crew, signal: this.#closing.signal });
      this.#booted.set(place, booted);
      this.#identify(booted, place);
      return null;
    } catch (error) {
      return error;
    }
  }

  /** Two workers on one Redis would take its name from each other. */
  #identify({ server }: BootedWorker, { name }: Place): void {
    // Where it is not told, different addresses have to do.
    if (server === null) return;
    const other = this.#servers.get(server);
    if (other !== undefined) {
      throw new TsrqError('USAGE', `the connections ${other} and ${name} lead to the same Redis`, {
        hint: 'map the queues of both to one of them',
      });
    }
    this.#servers.set(server, name);
  }

  async #begin(place: Place): Promise<void> {
    const booted = this.#booted.get(place);
    if (!booted) return;
    this.#booted.delete(place);
    this.#alive += 1;
    try {
      const worker = await booted.begin();
      this.#workers.add(worker);
      void worker.ended
        .then(
          (end) => {
            this.#ends.push(end);
          },
          (error: unknown) => {
            this.#fail(error);
          },
        )
        .finally(() => {
          this.#workers.delete(worker);
          this.#leave();
        });
    } catch (error) {
      this.#leave();
      throw error;
    }
  }

  /** The last one ends it all. */
  #leave(): void {
    this.#alive -= 1;
    if (this.#alive === 0) this.#end();
  }

  /** Tries until it answers; then it takes its part. */
  async #insist(place: Place, away: unknown): Promise<void> {
    const { onEvent } = this.#options;
    const { signal } = this.#closing;
    const since = performance.now();
    onEvent({ type: 'redis-lost', message: textOf(away) }, place.name);
    let error = away;
    while (isAway(error) || isRefused(error)) {
      await sleep(AGAIN_MS, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      error = await this.#boot(place);
    }
    if (signal.aborted || error !== null) {
      if (!signal.aborted) this.#fail(error);
      await this.#booted.get(place)?.abandon();
      return;
    }
    onEvent({ type: 'redis-regained', afterMs: performance.now() - since }, place.name);
    await this.#begin(place).catch((failure: unknown) => {
      this.#fail(failure);
    });
  }

  /** One has failed in a way that ends a worker: so do the others, when their jobs have ended. */
  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.stop(textOf(error));
  }

  #end(): void {
    this.#closing.abort();
    const failure = this.#failure;
    this.#settle(
      this.#performer.stop().then(() => {
        if (failure) throw failure.error;
        const jobs = this.#ends.reduce((sum, end) => sum + end.jobs, 0);
        const unrecorded = this.#ends.reduce((sum, end) => sum + (end.unrecorded ?? 0), 0);
        const reasons = this.#ends.map(({ reason }) => reason);
        const reason = (['replaced', 'cold', 'unable', 'blocked', 'suspended'] as const).find((one) =>
          reasons.includes(one),
        );
        return { reason: reason ?? reasons[0] ?? 'shutdown', jobs, unrecorded };
      }),
    );
  }
}

const codeOf = (error: unknown): string => (error instanceof TsrqError ? error.code : '');
const isAway = (error: unknown): boolean => codeOf(error) === 'REDIS_UNREACHABLE';
const isRefused = (error: unknown): boolean => codeOf(error) === 'REDIS_REFUSED';
const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

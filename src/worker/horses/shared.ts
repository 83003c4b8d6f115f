import type { Note } from '../../queue/note.js';
import type { RedisTarget } from '../../redis/target.js';
import { createPerformer, type PerformerOptions } from './create.js';
import type { RunRequest } from './message.js';
import type { Performer } from './performer.js';

export type WriteNote = (run: RunRequest, note: Note) => Promise<void>;

/** The horses of several workers on different Redis servers: each job comes with the number of its server. */
export class SharedPerformer {
  readonly #performer: Performer;
  readonly #notes: WriteNote[] = [];

  constructor(options: PerformerOptions, targets: readonly RedisTarget[], warn: (message: string) => void) {
    const note: WriteNote = async (run, what) => {
      await this.#notes[run.place ?? 0]?.(run, what);
    };
    this.#performer = createPerformer(options, targets, { note, warn });
  }

  /** The same for the worker on one of them, which neither starts nor ends it. `note` writes to that Redis. */
  at(place: number, note: WriteNote): Performer {
    this.#notes[place] = note;
    return {
      mostTiny: this.#performer.mostTiny,
      start: () => Promise.resolve([]),
      perform: (run, listener) => this.#performer.perform({ ...run, place }, listener),
      limit: (jobs) => {
        this.#performer.limit(jobs);
      },
      reload: () => Promise.resolve([]),
      memory: () => Promise.resolve([]),
      stop: () => Promise.resolve(),
    };
  }

  start(): Promise<readonly string[]> {
    return this.#performer.start();
  }
  reload(): Promise<readonly string[]> {
    return this.#performer.reload();
  }
  memory(): Promise<readonly number[]> {
    return this.#performer.memory();
  }
  stop(): Promise<void> {
    return this.#performer.stop();
  }
}

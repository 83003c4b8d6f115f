import type { Note } from '../../queue/note.js';

/** The notes of one run on their way to Redis: one after the other, also over a connection that is lost and found again. */
export class Notes {
  readonly #write: (note: Note) => Promise<void>;
  #last: Promise<void> = Promise.resolve();

  constructor(write: (note: Note) => Promise<void>) {
    this.#write = write;
  }

  /** Settles when the note is written or refused. */
  add(note: Note): Promise<void> {
    const written = this.#last.then(() => this.#write(note));
    this.#last = written.catch(() => undefined);
    return written;
  }

  /** Resolves when nothing is on its way. */
  get settled(): Promise<void> {
    return this.#last;
  }
}

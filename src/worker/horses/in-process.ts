import type { Connections } from '../../jobs/connections.js';
import type { Note } from '../../queue/note.js';
import type { Handlers } from './handlers.js';
import type { CallbackNote, RunRequest } from './message.js';
import { Notes } from './notes.js';
import { LazyAbort, perform } from './perform.js';
import type { Completion, Performer, RunHandle, RunListener } from './performer.js';

/**
 * Runs jobs in the worker's own process, for trusted code that waits more than it computes: a job that blocks the event
 * loop blocks the worker, and one that ignores its AbortSignal runs on after its end has been recorded.
 */
export class InProcess implements Performer {
  readonly #handlers: Handlers;
  readonly #note: (run: RunRequest, note: Note) => Promise<void>;
  readonly #connections: readonly (Connections & { close(): void })[];

  /** `connections`: where jobs may enqueue others, by their `place`. */
  constructor(
    handlers: Handlers,
    note: (run: RunRequest, note: Note) => Promise<void>,
    connections: readonly (Connections & { close(): void })[],
  ) {
    this.#handlers = handlers;
    this.#note = note;
    this.#connections = connections;
  }

  start(): Promise<readonly string[]> {
    return this.#handlers.load();
  }

  perform(run: RunRequest, listener: RunListener): RunHandle {
    const abort = new LazyAbort();
    let done = false;
    let notes: Notes | null = null;
    const give = (completion: Completion): void => {
      if (done) return;
      done = true;
      listener.onDone(completion, notes?.settled);
    };
    listener.onBegun();
    const note = (what: Note): Promise<void> => (notes ??= new Notes((one) => this.#note(run, one))).add(what);
    const onCallback = (what: CallbackNote): void => {
      listener.onCallback(what);
    };
    const connections = this.#connections[run.place ?? 0] ?? null;
    const handlers = this.#handlers;
    void perform(run, { handlers, abort, connections, note, onCallback }).then((performed) => {
      give({ kind: 'performed', performed });
    });
    return {
      abort: (name, reason) => {
        abort.abort(name, reason);
      },
      kill: () => {
        give({ kind: 'died', how: 'given up on by the worker; its code may still be running (--isolation none)' });
      },
    };
  }

  /** A job needs nothing of its own. */
  limit(): void {}

  /** Modules that were loaded stay loaded: only a new process runs fresh code. */
  reload(): Promise<readonly string[]> {
    return Promise.resolve([]);
  }

  memory(): Promise<readonly number[]> {
    return Promise.resolve([]);
  }

  stop(): Promise<void> {
    for (const connections of this.#connections) connections.close();
    return Promise.resolve();
  }
}

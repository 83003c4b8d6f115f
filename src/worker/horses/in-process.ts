import { Handlers, type HandlerSources } from './handlers.js';
import type { RunMessage } from './message.js';
import { perform } from './perform.js';
import type { Completion, Performer, RunHandle } from './performer.js';

/**
 * Runs jobs in the worker's own process, for trusted code that waits more than it computes: a job that blocks the event
 * loop blocks the worker, and one that ignores its AbortSignal runs on after its end has been recorded.
 */
export class InProcess implements Performer {
  readonly #handlers: Handlers;
  readonly #saveMeta: (run: RunMessage, meta: string) => Promise<void>;

  constructor(sources: HandlerSources, saveMeta: (run: RunMessage, meta: string) => Promise<void>) {
    this.#handlers = new Handlers(sources);
    this.#saveMeta = saveMeta;
  }

  start(): Promise<readonly string[]> {
    return this.#handlers.load();
  }

  perform(run: RunMessage): RunHandle {
    const controller = new AbortController();
    let give: (completion: Completion) => void = () => undefined;
    const done = new Promise<Completion>((resolve) => {
      give = resolve;
    });
    void perform(run, {
      handlers: this.#handlers,
      signal: controller.signal,
      saveMeta: (meta) => this.#saveMeta(run, meta),
    }).then((performed) => {
      give({ kind: 'performed', performed });
    });
    return {
      begun: Promise.resolve(),
      done,
      abort: (name, reason) => {
        controller.abort(Object.assign(new Error(reason), { name }));
      },
      kill: () => {
        give({ kind: 'died', how: 'given up on by the worker; its code may still be running (--isolation none)' });
      },
    };
  }

  /** Modules that were loaded stay loaded: only a new process runs fresh code. */
  reload(): void {}

  stop(): Promise<void> {
    return Promise.resolve();
  }
}

import type { RunRequest } from './message.js';
import type { RunListener } from './performer.js';
import type { Notes } from './notes.js';

/** A job that the horses have to do. */
export class Task {
  readonly request: RunRequest;
  readonly listener: RunListener;
  /** Since when it is theirs, by `performance.now()`. */
  readonly since = performance.now();
  /** Null while the job has told nothing. */
  notes: Notes | null = null;

  constructor(request: RunRequest, listener: RunListener) {
    this.request = request;
    this.listener = listener;
  }
}

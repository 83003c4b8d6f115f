import type { Callback, Callbacks } from '../../protocol/callbacks.js';
import type { Note } from '../../queue/note.js';
import type { RedisTarget } from '../../redis/target.js';

/** What worker and horse say to each other: plain JSON over the child's IPC channel. */
export type ToHorse =
  /**
   * The worker's Redis servers, said first: for jobs that enqueue others. Not in argv nor environment, which others can read.
   */
  | { readonly type: 'redis'; readonly targets: readonly RedisTarget[] }
  | { readonly type: 'run'; readonly runs: readonly RunMessage[] }
  /** Asks the running job to stop: its AbortSignal fires. */
  | { readonly type: 'abort'; readonly executionId: string; readonly reason: string; readonly name: string }
  /** The note of that call is written, or why not. */
  | { readonly type: 'noted'; readonly call: number; readonly error: string | null }
  /** No more jobs: end when idle. */
  | { readonly type: 'quit' };

/** A job to be performed. */
export interface RunRequest {
  readonly id: string;
  readonly executionId: string;
  readonly queue: string;
  /** Which of the worker's Redis servers it comes from; default 0, the only one of most. */
  readonly place?: number;
  /** RQ's `data`. */
  readonly data: Buffer;
  /** The serialised meta; null for none. */
  readonly meta: Buffer | null;
  readonly workerName: string;
  readonly timeoutSeconds: number;
  readonly description: string | null;
  readonly createdAt: string | null;
  readonly enqueuedAt: string | null;
  readonly retriesLeft: number | null;
  /** What to call when it has ended. */
  readonly callbacks?: Callbacks | undefined;
  /** Not the job: only a callback of it, which its own run cannot call any said. */
  readonly instead?: LateCallback | undefined;
}

/** A callback that is called in place of its job. */
export interface LateCallback {
  readonly kind: 'failure' | 'stopped';
  readonly callback: Callback;
  /** Of the error it is given. */
  readonly errorName: string;
  readonly errorText: string;
}

/** A callback is called now: from here on its time counts. */
export interface CallbackNote {
  readonly kind: 'success' | 'failure';
  readonly callback: Callback;
  /** What the failure callback is called for. */
  readonly error: string | null;
}

/** The same on its way to another process: bytes as base64, '' for none. */
export interface RunMessage extends Omit<RunRequest, 'data' | 'meta'> {
  readonly data: string;
  readonly meta: string;
  /** It stands in line: it may begin when there is a slot, with a ticket. The others have a slot already. */
  readonly inLine?: true;
}

export type FromHorse =
  /** The modules of `--jobs` are loaded; `problems`: those that could not be. */
  | { readonly type: 'ready'; readonly problems: readonly string[] }
  | { readonly type: 'note'; readonly call: number; readonly executionId: string; readonly note: Note }
  | { readonly type: 'callback'; readonly executionId: string; readonly note: CallbackNote }
  /**
   * Something was thrown that no job awaits: the horse is to have no more of them, and ends when it has done those it has. `after`: it ends
   * now, after this.
   */
  | { readonly type: 'stray'; readonly after: string | null }
  /** So many jobs that stood in line were found to be taken back. */
  | { readonly type: 'dropped'; readonly count: number }
  | { readonly type: 'done'; readonly executionId: string; readonly performed: Performed };

/** Whether a horse can have said that, as far as its form tells. */
export function isFromHorse(message: unknown): message is FromHorse {
  const said = (message ?? {}) as Readonly<Record<string, unknown>>;
  switch (said.type) {
    case 'ready':
      return Array.isArray(said.problems);
    case 'stray':
      return said.after === null || isText(said.after);
    case 'dropped':
      return Number.isSafeInteger(said.count);
    case 'note':
      return isText(said.executionId) && Number.isSafeInteger(said.call) && isObject(said.note);
    case 'callback':
      return isText(said.executionId) && isObject(said.note);
    case 'done':
      return isText(said.executionId) && isObject(said.performed) && Number.isFinite(said.performed.endedAtMs);
    default:
      return false;
  }
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/** What performing a job yields: a value, never an exception of ours. Times in milliseconds since the epoch. */
export type Performed = {
  readonly functionName: string;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
} & (
  | { readonly ok: true; /** Serialised; null for None. */ readonly value: string | null; readonly note?: string }
  | {
      readonly ok: false;
      /** '' for none. */
      readonly error: string;
      readonly summary: string;
      /** It asks for another attempt; `value`: what RQ keeps as the returned value, serialised. */
      readonly retry?: { readonly max: number; readonly intervals: readonly number[]; readonly value: string };
    }
);

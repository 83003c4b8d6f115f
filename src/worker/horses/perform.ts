import { clock } from '../../clock.js';
import type { Callback } from '../../protocol/callbacks.js';
import type { Note } from '../../queue/note.js';
import { JOB_CONNECTIONS, type Connections } from '../../jobs/connections.js';
import { runAsCurrentJob, type CurrentJob } from '../../jobs/current-job.js';
import { isRetry, type Retry } from '../../jobs/retry.js';
import { traced } from '../../jobs/tracing.js';
import { UnserializableError } from '../../protocol/json-writer.js';
import {
  decodePayload,
  MAX_BYTES,
  serialise,
  serialiseRetry,
  UNSERIALIZABLE,
  type Call,
  type Serializer,
} from '../../protocol/payload.js';
import { Meta } from '../../protocol/meta.js';
import { setProgress } from '../../protocol/progress.js';
import { parseDate } from '../../protocol/time.js';
import { bothErrors, describeError } from './error-text.js';
import type { Handlers } from './handlers.js';
import type { CallbackNote, LateCallback, Performed, RunRequest } from './message.js';
import { Scribe } from './scribe.js';

export interface PerformOptions {
  readonly handlers: Handlers;
  readonly abort: LazyAbort;
  /** Writes what the job tells of itself. */
  readonly note: (note: Note) => Promise<void>;
  /** A callback of the job is called now. */
  readonly onCallback: (note: CallbackNote) => void;
  /** What a job has returned that is waited for, if that may end otherwise; asks for it once. */
  readonly watch?: (returned: PromiseLike<unknown>) => Promise<unknown>;
  /** The worker's Redis, for jobs that enqueue others. */
  readonly connections: Connections | null;
}

/** An AbortController that is made when somebody asks for it: most jobs never do. */
export class LazyAbort {
  #controller: AbortController | null = null;

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  get isAborted(): boolean {
    return this.#controller?.signal.aborted ?? false;
  }

  abort(name: string, reason: string): void {
    this.#controller ??= new AbortController();
    this.#controller.abort(Object.assign(new Error(reason), { name }));
  }
}

/** Runs one job: payload → handler → result → callbacks. Whatever these do wrong is in what it returns; it never throws. */
export async function perform(run: RunRequest, options: PerformOptions): Promise<Performed> {
  if (run.instead) return performCallback(run, run.instead, options);
  let startedAtMs = clock();
  let payload = UNREAD;
  let job: RunningJob | null = null;
  try {
    payload = decodePayload(run.data);
    const { functionName, serializer } = payload;
    const handler = options.handlers.known(functionName) ?? (await options.handlers.resolve(functionName));
    const own = new RunningJob(run, payload, options);
    job = own;
    const args = hasKeys(payload.kwargs) ? [...payload.args, payload.kwargs] : payload.args;
    startedAtMs = clock();
    const returned: unknown = runAsCurrentJob(own, () => traced(own, () => handler(...(args as never[]))));
    const result: unknown = isThenable(returned) ? await (options.watch?.(returned) ?? returned) : returned;
    const times = { startedAtMs, endedAtMs: clock() };
    if (isRetry(result)) return { functionName, ...times, ok: false, ...describeRetry(result, serializer) };
    const callback = run.callbacks?.onSuccess;
    if (callback) await callBack(callback, 'success', { job, value: result, error: null, options });
    return { functionName, ...times, ok: true, ...resultOf(result, serializer) };
  } catch (error) {
    const { functionName, serializer } = payload;
    const times = { startedAtMs, endedAtMs: clock() };
    if (isRetry(error)) return { functionName, ...times, ok: false, ...describeRetry(error, serializer) };
    const failure = describeError(error);
    const callback = run.callbacks?.onFailure;
    if (!callback) return { functionName, ...times, ok: false, ...failure };
    job ??= new RunningJob(run, payload, options);
    const problem = await callBack(callback, 'failure', { job, value: error, error: failure.error, options }).catch(
      (again: unknown) => describeError(again),
    );
    return { functionName, ...times, ok: false, ...(problem ? bothErrors(failure, problem) : failure) };
  } finally {
    job?.end();
  }
}

/** Only for these there is something to wait for: each await takes two promises, which is felt while there is an AsyncLocalStorage. */
const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof (value as { readonly then?: unknown } | null | undefined)?.then === 'function';

/** Of a job whose payload could not be read. */
const UNREAD: ReturnType<typeof decodePayload> = { functionName: '', args: [], kwargs: {}, serializer: 'json' };

interface CallbackCase {
  readonly job: RunningJob;
  /** The result, or the error. */
  readonly value: unknown;
  /** The text of the error. */
  readonly error: string | null;
  readonly options: PerformOptions;
}

/** Calls a callback of a job that was not interrupted: for one that was the worker does, in another process. */
async function callBack(
  callback: Callback,
  kind: CallbackNote['kind'],
  { job, value, error, options }: CallbackCase,
): Promise<undefined> {
  if (options.abort.isAborted) return;
  options.onCallback({ kind, callback, error });
  const handler = await options.handlers.resolve(callback.name);
  await runAsCurrentJob(job, () => handler(...([job, value] as never[])));
}

/** Calls a callback that the run of its job could not call any more. */
async function performCallback(run: RunRequest, late: LateCallback, options: PerformOptions): Promise<Performed> {
  const functionName = late.callback.name;
  const startedAtMs = clock();
  const job = new RunningJob(run, readable(run.data), options);
  try {
    const handler = await options.handlers.resolve(functionName);
    const error = Object.assign(new Error(late.errorText), { name: late.errorName });
    const args = late.kind === 'stopped' ? [job] : [job, error];
    await runAsCurrentJob(job, () => handler(...(args as never[])));
    return { functionName, startedAtMs, endedAtMs: clock(), ok: true, value: null };
  } catch (error) {
    return { functionName, startedAtMs, endedAtMs: clock(), ok: false, ...describeError(error) };
  } finally {
    job.end();
  }
}

function readable(data: Buffer): ReturnType<typeof decodePayload> {
  try {
    return decodePayload(data);
  } catch {
    return UNREAD;
  }
}

function describeRetry(retry: Retry, serializer: Serializer) {
  const { max, intervals, message, cause } = retry;
  const value = serialiseRetry({ max, intervals }, serializer);
  const why =
    message === '' && cause === undefined ? { error: '', summary: 'it asks to be run again' } : describeError(retry);
  return { ...why, retry: { max, intervals, value } };
}

function hasKeys(object: object): boolean {
  for (const _ in object) return true;
  return false;
}

function resultOf(result: unknown, serializer: Serializer): { value: string | null; note?: string } {
  if (result === undefined || result === null) return { value: null };
  try {
    const value = serialise(result, serializer);
    const bytes = serializer === 'pickle' ? value.length : Buffer.byteLength(value);
    if (bytes <= MAX_BYTES) return { value };
    return {
      value: serialise(UNSERIALIZABLE, serializer),
      note: `its result takes ${Math.ceil(bytes / 1_048_576)} MiB ${serializer === 'json' ? 'as JSON' : 'pickled'}: at most 64 are stored`,
    };
  } catch (error) {
    const reason = error instanceof UnserializableError ? error.message : describeError(error).summary;
    return { value: serialise(UNSERIALIZABLE, serializer), note: `its result cannot be serialised: ${reason}` };
  }
}

/** What a handler sees of its job; what costs time is worked out when it is asked for. */
class RunningJob implements CurrentJob {
  readonly #run: RunRequest;
  readonly #payload: Call & { readonly serializer: Serializer };
  readonly #options: PerformOptions;
  #meta: Meta | null = null;
  #scribe: Scribe | null = null;

  constructor(run: RunRequest, payload: Call & { readonly serializer: Serializer }, options: PerformOptions) {
    this.#run = run;
    this.#payload = payload;
    this.#options = options;
  }

  get id(): string {
    return this.#run.id;
  }
  get origin(): string {
    return this.#run.queue;
  }
  get functionName(): string {
    return this.#payload.functionName;
  }
  get args(): readonly unknown[] {
    return this.#payload.args;
  }
  get kwargs(): Readonly<Record<string, unknown>> {
    return this.#payload.kwargs;
  }
  get description(): string | null {
    return this.#run.description;
  }
  get createdAt(): Date | null {
    return asDate(this.#run.createdAt);
  }
  get enqueuedAt(): Date | null {
    return asDate(this.#run.enqueuedAt);
  }
  get timeoutSeconds(): number {
    return this.#run.timeoutSeconds;
  }
  get retriesLeft(): number | null {
    return this.#run.retriesLeft;
  }
  get workerName(): string {
    return this.#run.workerName;
  }
  get executionId(): string {
    return this.#run.executionId;
  }
  get meta(): Record<string, unknown> {
    return this.#ownMeta.values;
  }
  get [JOB_CONNECTIONS](): Connections | null {
    return this.#options.connections;
  }
  get signal(): AbortSignal {
    return this.#options.abort.signal;
  }

  /** A function by itself: a handler may take it out of the object. */
  get saveMeta(): () => Promise<void> {
    return async () => {
      if (this.#ownMeta.isUnreadable)
        throw new Error(`the meta of job ${this.id} holds what only Python can read: it stays as it is`);
      await this.#options.note({ meta: this.#serialisedMeta(), lines: [], firstLine: 0 });
    };
  }
  get progress(): (percent: number, text?: string) => void {
    return (percent, text) => {
      if (!Number.isFinite(percent)) throw new TypeError(`progress is a number from 0 to 100, not ${String(percent)}`);
      setProgress(this.meta, Math.min(100, Math.max(0, percent)), text);
      if (!this.#ownMeta.isUnreadable) this.#ownScribe().metaChanged();
    };
  }
  get log(): (text: string) => void {
    return (text) => {
      this.#ownScribe().log(text);
    };
  }

  /** The handler has returned. */
  end(): void {
    this.#scribe?.end();
  }

  #ownScribe(): Scribe {
    this.#scribe ??= new Scribe({ meta: () => this.#serialisedMeta(), write: this.#options.note });
    return this.#scribe;
  }

  #serialisedMeta(): string {
    const { whole, serializer } = this.#ownMeta;
    return serialise(whole, serializer);
  }

  get #ownMeta(): Meta {
    if (this.#meta) return this.#meta;
    const { meta: stored } = this.#run;
    const meta = Meta.read(stored, this.#payload.serializer);
    // As RQ's reader has it.
    if (meta.isUnreadable) meta.values['unserialized'] = stored?.toString('latin1');
    this.#meta = meta;
    return meta;
  }
}

function asDate(text: string | null): Date | null {
  const ms = text === null ? null : parseDate(text);
  return ms === null ? null : new Date(ms);
}

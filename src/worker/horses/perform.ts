import { inspect } from 'node:util';
import { clock } from '../../clock.js';
import type { Note } from '../../queue/note.js';
import { runAsCurrentJob, type CurrentJob } from '../../jobs/current-job.js';
import { UnserializableError } from '../../protocol/json.js';
import {
  decodePayload,
  deserialise,
  MAX_BYTES,
  serialise,
  type Call,
  type Serializer,
} from '../../protocol/payload.js';
import { setProgress } from '../../protocol/progress.js';
import { UNSERIALIZABLE } from '../../protocol/result.js';
import { parseDate } from '../../protocol/time.js';
import type { Handlers } from './handlers.js';
import type { Performed, RunRequest } from './message.js';
import { Scribe } from './scribe.js';

export interface PerformOptions {
  readonly handlers: Handlers;
  readonly abort: LazyAbort;
  /** Writes what the job tells of itself. */
  readonly note: (note: Note) => Promise<void>;
}

/** An AbortController that is made when somebody asks for it: most jobs never do. */
export class LazyAbort {
  #controller: AbortController | null = null;

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  abort(name: string, reason: string): void {
    this.#controller ??= new AbortController();
    this.#controller.abort(Object.assign(new Error(reason), { name }));
  }
}

/** Runs one job: payload → handler → result. Whatever the job does wrong is in what it returns; it never throws. */
export async function perform(run: RunRequest, options: PerformOptions): Promise<Performed> {
  let startedAtMs = clock();
  let functionName = '';
  let job: RunningJob | null = null;
  try {
    const payload = decodePayload(run.data);
    functionName = payload.functionName;
    const handler = options.handlers.known(functionName) ?? (await options.handlers.resolve(functionName));
    job = new RunningJob(run, payload, options);
    const args = hasKeys(payload.kwargs) ? [...payload.args, payload.kwargs] : payload.args;
    startedAtMs = clock();
    const result: unknown = await runAsCurrentJob(job, () => handler(...(args as never[])));
    return { functionName, startedAtMs, endedAtMs: clock(), ok: true, ...resultOf(result, payload.serializer) };
  } catch (error) {
    return { functionName, startedAtMs, endedAtMs: clock(), ok: false, ...describeError(error) };
  } finally {
    job?.end();
  }
}

function hasKeys(object: object): boolean {
  for (const _ in object) return true;
  return false;
}

const MAX_ERROR_LENGTH = 64 * 1024;

/** The text that is stored with a failed job, and one line for the log. */
export function describeError(error: unknown): { readonly error: string; readonly summary: string } {
  const isError = error instanceof Error;
  let text: string;
  try {
    text = isError
      ? withoutOwnFrames(inspect(error, { depth: 4, breakLength: 120 }))
      : `thrown: ${inspect(error, { depth: 4 })}`;
  } catch (failure) {
    text = `an error that cannot be shown: ${String(failure)}`;
  }
  if (text.length > MAX_ERROR_LENGTH) text = `${text.slice(0, MAX_ERROR_LENGTH)}\n… (${text.length} characters in all)`;
  const line = isError ? `${error.name}: ${error.message}` : text;
  return { error: text, summary: (line.split('\n')[0] ?? line).slice(0, 300) };
}

/** The frames of a stack below the handler are the worker's, of no use to whoever reads the error. */
function withoutOwnFrames(text: string): string {
  const own = (line: string): boolean =>
    /^\s+at /.test(line) && (line.includes(OWN_FRAMES) || line.includes('node:async_hooks'));
  return text
    .split('\n')
    .filter((line) => !own(line) && !line.includes('/jobs/current-job.'))
    .join('\n');
}

const OWN_FRAMES = new URL('.', import.meta.url).href;

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
  #meta: Record<string, unknown> | null = null;
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
    this.#meta ??= readMeta(this.#run.meta);
    return this.#meta;
  }
  get signal(): AbortSignal {
    return this.#options.abort.signal;
  }

  /** A function by itself: a handler may take it out of the object. */
  get saveMeta(): () => Promise<void> {
    return async () => this.#options.note({ meta: this.#serialisedMeta(), lines: [], firstLine: 0 });
  }
  get progress(): (percent: number, text?: string) => void {
    return (percent, text) => {
      if (!Number.isFinite(percent)) throw new TypeError(`progress is a number from 0 to 100, not ${String(percent)}`);
      setProgress(this.meta, Math.min(100, Math.max(0, percent)), text);
      this.#ownScribe().metaChanged();
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
    return serialise(this.meta, this.#payload.serializer);
  }
}

/** What RQ's reader does with meta of another serializer: it is kept, and visible. */
function readMeta(raw: Buffer | null): Record<string, unknown> {
  if (raw === null || raw.length === 0) return {};
  try {
    const meta = deserialise(raw);
    if (typeof meta === 'object' && meta !== null && !Array.isArray(meta) && !(meta instanceof Map))
      return meta as Record<string, unknown>;
  } catch {
    // Of neither serializer: see below.
  }
  return { unserialized: raw.toString('latin1') };
}

function asDate(text: string | null): Date | null {
  const ms = text === null ? null : parseDate(text);
  return ms === null ? null : new Date(ms);
}

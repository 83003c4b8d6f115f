import { inspect } from 'node:util';
import { runAsCurrentJob, type CurrentJob } from '../../jobs/current-job.js';
import { dumps, loads, UnserializableError } from '../../protocol/json.js';
import { decodePayload, MAX_BYTES, type Call } from '../../protocol/payload.js';
import { UNSERIALIZABLE } from '../../protocol/result.js';
import { parseDate } from '../../protocol/time.js';
import type { Handlers } from './handlers.js';
import type { Performed, RunMessage } from './message.js';

export interface PerformOptions {
  readonly handlers: Handlers;
  readonly signal: AbortSignal;
  /** Writes the serialised meta of the job. */
  readonly saveMeta: (meta: string) => Promise<void>;
}

/** Runs one job: payload → handler → result. Whatever the job does wrong is in what it returns; it never throws. */
export async function perform(run: RunMessage, options: PerformOptions): Promise<Performed> {
  let startedAtMs = clock();
  let functionName = '';
  const end = () => ({ functionName, startedAtMs, endedAtMs: clock() });
  try {
    const payload = decodePayload(Buffer.from(run.data, 'base64'));
    functionName = payload.functionName;
    const handler = await options.handlers.resolve(functionName);
    const job = currentJob(run, payload, options);
    const args = Object.keys(payload.kwargs).length > 0 ? [...payload.args, payload.kwargs] : payload.args;
    startedAtMs = clock();
    const result: unknown = await runAsCurrentJob(job, () => handler(...(args as never[])));
    const times = end();
    return { ...times, ok: true, ...serialise(result) };
  } catch (error) {
    return { ...end(), ok: false, ...describeError(error) };
  }
}

/** Milliseconds since the epoch with a fraction: RQ's dates have microseconds. */
export const clock = (): number => performance.timeOrigin + performance.now();

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

function serialise(result: unknown): { value: string | null; note?: string } {
  if (result === undefined || result === null) return { value: null };
  try {
    const value = dumps(result);
    const bytes = Buffer.byteLength(value);
    if (bytes <= MAX_BYTES) return { value };
    return {
      value: UNSERIALIZABLE,
      note: `its result takes ${Math.ceil(bytes / 1_048_576)} MiB as JSON: at most 64 are stored`,
    };
  } catch (error) {
    const reason = error instanceof UnserializableError ? error.message : describeError(error).summary;
    return { value: UNSERIALIZABLE, note: `its result cannot be serialised: ${reason}` };
  }
}

function currentJob(run: RunMessage, payload: Call, options: PerformOptions): CurrentJob {
  const meta = readMeta(run.meta);
  return {
    id: run.id,
    origin: run.queue,
    functionName: payload.functionName,
    args: payload.args,
    kwargs: payload.kwargs,
    description: run.description,
    createdAt: asDate(run.createdAt),
    enqueuedAt: asDate(run.enqueuedAt),
    timeoutSeconds: run.timeoutSeconds,
    retriesLeft: run.retriesLeft,
    workerName: run.workerName,
    executionId: run.executionId,
    meta,
    saveMeta: async () => options.saveMeta(dumps(meta)),
    signal: options.signal,
  };
}

/** What RQ's reader does with meta of another serializer: it is kept, and visible. */
function readMeta(base64: string): Record<string, unknown> {
  if (base64 === '') return {};
  const raw = Buffer.from(base64, 'base64');
  try {
    const meta = loads(raw.toString());
    if (typeof meta === 'object' && meta !== null && !Array.isArray(meta)) return meta as Record<string, unknown>;
  } catch {
    // Not JSON: see below.
  }
  return { unserialized: raw.toString('latin1') };
}

function asDate(text: string | null): Date | null {
  const ms = text === null ? null : parseDate(text);
  return ms === null ? null : new Date(ms);
}

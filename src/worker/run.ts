import { clock } from '../clock.js';
import { deflateText, serialisedBytes } from '../protocol/payload.js';
import type { ClaimedJob } from '../queue/claim.js';
import type { Ended, Ending } from '../queue/finish.js';
import type { WorkerEvent } from './events.js';
import type { RunRequest } from './horses/message.js';
import type { Completion, Performer, RunHandle, RunListener } from './horses/performer.js';

export interface RunLimits {
  readonly workerName: string;
  readonly defaultTimeoutSeconds: number;
  readonly defaultResultTtlSeconds: number;
}

/** Why a run was ended from outside, and how that is recorded. */
export interface Interruption {
  readonly kind: 'failed' | 'stopped';
  /** The `name` of the error that the job's AbortSignal gives as its reason. */
  readonly name: string;
  /** Its message, and what is recorded. */
  readonly text: string;
}

/** What is recorded of a run that ended, and what is said about it. */
export interface RunEnd {
  readonly ended: Ended;
  readonly summary: string | null;
  readonly error: string | null;
}

/** Milliseconds a job has, after its AbortSignal fired, before what it runs in is ended. */
const ABORT_GRACE_MS = 1_000;

/** One execution of a claimed job, from its start to what is to be recorded of it. */
export class Run implements RunListener {
  readonly job: ClaimedJob;
  readonly timeoutSeconds: number;
  readonly startedAtMs = clock();
  /** Whether a heartbeat may have written the records of this execution. */
  announced = false;
  /** When its time is over, by `performance.now()`; infinite until its code can begin, and without a limit. */
  dueAt = Infinity;
  readonly #limits: RunLimits;
  readonly #onEnd: (run: Run, end: RunEnd) => void;
  readonly #handle: RunHandle;
  #killTimer: NodeJS.Timeout | null = null;
  #interruption: Interruption | null = null;

  /** Begins to perform the job; one that cannot be performed ends at once, with the reason. `onEnd` is called later, once. */
  constructor(job: ClaimedJob, performer: Performer, limits: RunLimits, onEnd: (run: Run, end: RunEnd) => void) {
    this.job = job;
    this.#limits = limits;
    this.#onEnd = onEnd;
    const problem = whyNotPerformable(job);
    this.timeoutSeconds = problem === null && job.timeout !== '' ? Number(job.timeout) : limits.defaultTimeoutSeconds;
    this.#handle = problem === null ? performer.perform(this.#request(), this) : refuse(problem, this);
  }

  onBegun(): void {
    if (this.timeoutSeconds > 0) this.dueAt = performance.now() + this.timeoutSeconds * 1_000;
  }

  onDone(completion: Completion): void {
    if (this.#killTimer) clearTimeout(this.#killTimer);
    this.dueAt = Infinity;
    this.#onEnd(this, this.#end(completion));
  }

  /** How long it may still run, milliseconds; Infinity without a limit. */
  get remainingMs(): number {
    if (this.timeoutSeconds <= 0) return Infinity;
    return Math.max(0, this.startedAtMs + this.timeoutSeconds * 1_000 - clock());
  }

  /** Its time is over. In RQ's words, so that whoever searches for them finds both. */
  expire(): void {
    this.dueAt = Infinity;
    const name = 'JobTimeoutException';
    const text = `${name}: Task exceeded maximum timeout value (${this.timeoutSeconds} seconds)`;
    this.interrupt({ kind: 'failed', name, text });
  }

  /** What is told of this run once it is known what became of it. */
  endedEvent({ ended, summary, error }: RunEnd, ending: Ending): WorkerEvent {
    const { id, queue, description, attempt } = this.job;
    const seconds = (ended.endedAtMs - ended.startedAtMs) / 1_000;
    const job = { id, queue, description, attempt };
    return { type: 'job-ended', ...job, seconds, ending, resultTtlSeconds: ended.resultTtlSeconds, summary, error };
  }

  /** Ends the run from outside: first by its AbortSignal, then by force. The first interruption counts. */
  interrupt(interruption: Interruption, graceMs = ABORT_GRACE_MS): void {
    if (this.#interruption) {
      if (graceMs === 0) this.#handle.kill();
      return;
    }
    this.#interruption = interruption;
    if (graceMs === 0) {
      this.#handle.kill();
      return;
    }
    this.#handle.abort(interruption.name, interruption.text);
    this.#killTimer = setTimeout(() => {
      this.#handle.kill();
    }, graceMs);
  }

  #request(): RunRequest {
    const { job } = this;
    return {
      id: job.id,
      executionId: job.executionId,
      queue: job.queue,
      data: job.data ?? NO_BYTES,
      meta: job.meta,
      workerName: this.#limits.workerName,
      timeoutSeconds: this.timeoutSeconds,
      description: job.description,
      createdAt: job.createdAt,
      enqueuedAt: job.enqueuedAt,
      retriesLeft: job.retriesLeft,
    };
  }

  #end(completion: Completion): RunEnd {
    const interruption = this.#interruption;
    if (interruption) {
      const times = { startedAtMs: this.startedAtMs, endedAtMs: clock() };
      return this.#failure(interruption.kind, interruption.text, interruption.text, times);
    }
    if (completion.kind === 'died') {
      const text = `Work-horse terminated unexpectedly; ${completion.how}`;
      return this.#failure('failed', text, text, { startedAtMs: this.startedAtMs, endedAtMs: clock() });
    }
    const { performed } = completion;
    if (!performed.ok) return this.#failure('failed', performed.error, performed.summary, performed);
    const value = performed.value === null ? null : serialisedBytes(performed.value);
    return { ended: this.#ended('finished', value, performed), summary: performed.note ?? null, error: null };
  }

  #failure(kind: 'failed' | 'stopped', text: string, summary: string, times: Times): RunEnd {
    return { ended: this.#ended(kind, deflateText(text), times), summary, error: text };
  }

  #ended(kind: Ended['kind'], value: Buffer | null, { startedAtMs, endedAtMs }: Times): Ended {
    const { id, executionId, queue } = this.job;
    const resultTtlSeconds = resultTtl(this.job.resultTtl) ?? this.#limits.defaultResultTtlSeconds;
    const { announced } = this;
    return { id, executionId, queue, kind, startedAtMs, endedAtMs, resultTtlSeconds, announced, value };
  }
}

interface Times {
  readonly startedAtMs: number;
  readonly endedAtMs: number;
}

function whyNotPerformable(job: ClaimedJob): string | null {
  if (job.oversizedBytes !== null) {
    return `the payload of job ${job.id} has ${job.oversizedBytes} bytes, more than 64 MiB: it was not read`;
  }
  if (job.data === null) return `the hash of job ${job.id} has no data: there is nothing to run`;
  if (job.timeout !== '' && (!/^-?\d+$/.test(job.timeout) || Number(job.timeout) === 0)) {
    return `the timeout of job ${job.id} is '${job.timeout.slice(0, 80)}': a number of seconds or -1 is needed`;
  }
  return null;
}

const NO_BYTES = Buffer.alloc(0);

function refuse(reason: string, listener: RunListener): RunHandle {
  const now = clock();
  const performed = {
    ...{ functionName: '', startedAtMs: now, endedAtMs: now },
    ...{ ok: false as const, error: reason, summary: reason },
  };
  queueMicrotask(() => {
    listener.onDone({ kind: 'performed', performed });
  });
  return { abort: () => undefined, kill: () => undefined };
}

function resultTtl(text: string | null): number | null {
  return text !== null && /^-?\d+$/.test(text) ? Number(text) : null;
}

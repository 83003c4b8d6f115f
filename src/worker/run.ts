import { clock } from '../clock.js';
import { deflateText, serialisedBytes } from '../protocol/payload.js';
import type { ClaimedJob } from '../queue/claim.js';
import type { Ended, Ending } from '../queue/finish.js';
import type { WorkerEvent } from './events.js';
import { bothErrors } from './horses/error-text.js';
import type { CallbackNote, LateCallback, RunRequest } from './horses/message.js';
import type { Completion, Performer, RunHandle, RunListener } from './horses/performer.js';
import { death, OVERTIME, overtime, problemOf, whyNotPerformable } from './why.js';

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
  /** The callback that is called before that is recorded, if the job has one. */
  readonly callback?: LateCallback['kind'] | undefined;
}

/** What is recorded of a run that ended, and what is said about it. */
export interface RunEnd {
  readonly ended: Ended;
  readonly summary: string | null;
  readonly error: string | null;
}

/** Milliseconds a job, or a callback, has, after its AbortSignal fired, before what it runs in is ended. */
export const ABORT_GRACE_MS = 1_000;

/** One execution of a claimed job, from its start to what is to be recorded of it. */
export class Run implements RunListener {
  readonly job: ClaimedJob;
  readonly timeoutSeconds: number;
  readonly startedAtMs = clock();
  readonly #begunAt = performance.now();
  /** Whether a heartbeat may have written the records of this execution. */
  announced = false;
  /** When its time is over, by `performance.now()`; infinite until its code can begin, and without a limit. */
  dueAt = Infinity;
  readonly #performer: Performer;
  readonly #limits: RunLimits;
  readonly #onEnd: (run: Run, end: RunEnd) => void;
  /** It has written nothing that its end must look after. */
  #isPlain = true;
  #handle: RunHandle;
  /** The job's code has ended, and its run calls this. */
  #callback: CallbackNote | null = null;
  /** The run is over, and a callback of it is called in another. */
  #isLate = false;
  /** Nothing more may be begun. */
  #isHurried = false;
  #killTimer: NodeJS.Timeout | null = null;
  #interruption: Interruption | null = null;

  /** Begins to perform the job; one that cannot be performed ends at once, with the reason. `onEnd` is called later, once. */
  constructor(job: ClaimedJob, performer: Performer, limits: RunLimits, onEnd: (run: Run, end: RunEnd) => void) {
    this.job = job;
    this.#performer = performer;
    this.#limits = limits;
    this.#onEnd = onEnd;
    const problem = whyNotPerformable(job);
    this.timeoutSeconds = problem === null && job.timeout !== '' ? Number(job.timeout) : limits.defaultTimeoutSeconds;
    this.#handle = problem === null ? performer.perform(this.#request(), this) : refuse(problem, this);
  }

  onBegun(): void {
    this.#limit(this.timeoutSeconds);
  }

  onCallback(note: CallbackNote): void {
    this.#callback = note;
    if (!this.#interruption) this.#limit(note.callback.timeoutSeconds);
  }

  onDone(completion: Completion, notes?: Promise<void>): void {
    this.#settle();
    const interruption = this.#interruption;
    // It failed at the moment it was interrupted, and has called its callback itself.
    const called = completion.kind === 'performed' && this.#callback?.kind === 'failure';
    const callback = this.#isHurried ? null : lateCallback(this.job.callbacks, interruption);
    this.#isPlain &&= !notes;
    if (interruption && callback && !(called && callback.kind === 'failure')) this.#callLate(interruption, callback);
    else this.#finish(this.#end(completion), notes);
  }

  /** For how long it has its slot, milliseconds. */
  get ageMs(): number {
    return performance.now() - this.#begunAt;
  }

  /** How long it may still run, milliseconds; Infinity without a limit. */
  get remainingMs(): number {
    if (this.timeoutSeconds <= 0) return Infinity;
    return Math.max(0, this.timeoutSeconds * 1_000 - this.ageMs);
  }

  /** Its time is over. */
  expire(): void {
    this.dueAt = Infinity;
    const callback = this.#callback;
    const { error: text } = overtime(callback?.callback.timeoutSeconds ?? this.timeoutSeconds, callback?.callback.name);
    if (this.#isLate) this.#abort(OVERTIME, text, ABORT_GRACE_MS);
    else if (callback?.kind !== 'failure')
      this.interrupt({ kind: 'failed', name: OVERTIME, text, callback: 'failure' });
    else {
      const first = { error: callback.error ?? '', summary: '' };
      this.interrupt({ kind: 'failed', name: OVERTIME, text: bothErrors(first, { error: text, summary: '' }).error });
    }
  }

  /** What is told of this run once it is known what became of it. */
  endedEvent({ ended, summary, error }: RunEnd, ending: Ending): WorkerEvent {
    const { id, queue, description, attempt } = this.job;
    const seconds = Math.max(0, ended.endedAtMs - ended.startedAtMs) / 1_000;
    const job = { id, queue, description, attempt };
    return { type: 'job-ended', ...job, seconds, ending, resultTtlSeconds: ended.resultTtlSeconds, summary, error };
  }

  /** Ends the run from outside: first by its AbortSignal, then by force. The first interruption counts. */
  interrupt(interruption: Interruption, graceMs = ABORT_GRACE_MS): void {
    if (this.#interruption) {
      this.#isHurried ||= graceMs === 0;
      if (graceMs === 0) this.#handle.kill();
      return;
    }
    this.#interruption = interruption;
    this.#abort(interruption.name, interruption.text, graceMs);
  }

  #abort(name: string, reason: string, graceMs: number): void {
    if (graceMs === 0) {
      this.#handle.kill();
      return;
    }
    this.#handle.abort(name, reason);
    this.#killTimer = setTimeout(() => {
      this.#handle.kill();
    }, graceMs);
  }

  /** `notes`: what the job told of itself, on its way; after its end is recorded it would be refused. */
  #finish(end: RunEnd, notes: Promise<void> | undefined): void {
    if (notes) void notes.then(() => this.#onEnd(this, end));
    else this.#onEnd(this, end);
  }

  #limit(seconds: number): void {
    this.dueAt = seconds > 0 ? performance.now() + seconds * 1_000 : Infinity;
  }

  #settle(): void {
    if (this.#killTimer) clearTimeout(this.#killTimer);
    this.#killTimer = null;
    this.dueAt = Infinity;
  }

  /** What the job ran in is gone or not to be trusted: the callback is called in another. Then the run ends. */
  #callLate({ kind, name, text }: Interruption, late: Pick<LateCallback, 'kind' | 'callback'>): void {
    const times = { startedAtMs: this.startedAtMs, endedAtMs: clock() };
    this.#isLate = true;
    this.#callback = { ...late, kind: 'failure', error: null };
    const instead = { ...late, errorName: name, errorText: text };
    this.#handle = this.#performer.perform(
      { ...this.#request(), instead },
      {
        onBegun: () => {
          this.#limit(late.callback.timeoutSeconds);
        },
        onCallback: () => undefined,
        onDone: (completion, notes) => {
          const wasOvertime = this.#killTimer !== null;
          this.#settle();
          const first = { error: text, summary: text };
          const problem = wasOvertime
            ? overtime(late.callback.timeoutSeconds, late.callback.name)
            : problemOf(completion);
          const { error, summary } = problem ? bothErrors(first, problem) : first;
          this.#finish(this.#failure(kind, error, summary, times), notes);
        },
      },
    );
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
      callbacks: job.callbacks ?? undefined,
    };
  }

  #end(completion: Completion): RunEnd {
    const interruption = this.#interruption;
    if (interruption) {
      const times = { startedAtMs: this.startedAtMs, endedAtMs: clock() };
      return this.#failure(interruption.kind, interruption.text, interruption.text, times);
    }
    if (completion.kind === 'died') {
      const { error, summary } = death(completion.how);
      return this.#failure('failed', error, summary, { startedAtMs: this.startedAtMs, endedAtMs: clock() });
    }
    if (completion.kind === 'unbegun') {
      const now = clock();
      return {
        ended: this.#ended('returned', null, { startedAtMs: now, endedAtMs: now }),
        summary: completion.how,
        error: null,
      };
    }
    const { performed } = completion;
    if (!performed.ok) {
      const end = this.#failure('failed', performed.error, performed.summary, performed);
      if (!performed.retry) return end;
      const retry = { ...performed.retry, value: serialisedBytes(performed.retry.value) };
      return { ...end, ended: { ...end.ended, retry } };
    }
    const value = performed.value === null ? null : serialisedBytes(performed.value);
    return { ended: this.#ended('finished', value, performed), summary: performed.note ?? null, error: null };
  }

  #failure(kind: 'failed' | 'stopped', text: string, summary: string, times: Times): RunEnd {
    const value = text === '' ? null : deflateText(text);
    return { ended: this.#ended(kind, value, times), summary, error: text === '' ? null : text };
  }

  #ended(kind: Ended['kind'], value: Buffer | null, { startedAtMs, endedAtMs }: Times): Ended {
    const { id, executionId, queue } = this.job;
    const resultTtlSeconds = resultTtl(this.job.resultTtl) ?? this.#limits.defaultResultTtlSeconds;
    const { announced } = this;
    const since = announced || !this.#isPlain ? null : this.job.plainSince;
    const plainEndRedisMs = since && since.redisMs + performance.now() - since.atMs;
    return {
      ...{ id, executionId, queue, kind, startedAtMs, endedAtMs, resultTtlSeconds, announced, value, plainEndRedisMs },
    };
  }
}

interface Times {
  readonly startedAtMs: number;
  readonly endedAtMs: number;
}

/** The callback that an interrupted job has for its end. */
function lateCallback(
  callbacks: ClaimedJob['callbacks'],
  interruption: Interruption | null,
): Pick<LateCallback, 'kind' | 'callback'> | null {
  const kind = interruption?.callback;
  const callback = kind === 'stopped' ? callbacks?.onStopped : kind === 'failure' ? callbacks?.onFailure : null;
  return kind && callback ? { kind, callback } : null;
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

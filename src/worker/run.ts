import { deflateText } from '../protocol/payload.js';
import type { ClaimedJob } from '../queue/claim.js';
import type { Ended, Ending } from '../queue/finish.js';
import type { WorkerEvent } from './events.js';
import { clock } from './horses/perform.js';
import type { Completion, Performer, RunHandle } from './horses/performer.js';

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
export class Run {
  readonly job: ClaimedJob;
  readonly timeoutSeconds: number;
  readonly startedAtMs = clock();
  readonly done: Promise<RunEnd>;
  /** Whether a heartbeat may have written the records of this execution. */
  announced = false;
  readonly #limits: RunLimits;
  readonly #handle: RunHandle;
  readonly #timers: NodeJS.Timeout[] = [];
  #interruption: Interruption | null = null;

  /** Begins to perform the job; one that cannot be performed ends at once, with the reason. */
  constructor(job: ClaimedJob, performer: Performer, limits: RunLimits) {
    this.job = job;
    this.#limits = limits;
    const problem = whyNotPerformable(job);
    this.timeoutSeconds = problem === null && job.timeout !== '' ? Number(job.timeout) : limits.defaultTimeoutSeconds;
    if (problem === null) {
      this.#handle = performer.perform(this.#message());
      this.#watchTime();
    } else {
      this.#handle = refusal(problem);
    }
    this.done = this.#handle.done.then((completion) => {
      for (const timer of this.#timers) clearTimeout(timer);
      return this.#end(completion);
    });
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
    this.#timers.push(
      setTimeout(() => {
        this.#handle.kill();
      }, graceMs),
    );
  }

  #watchTime(): void {
    const seconds = this.timeoutSeconds;
    // Longer than a timer can wait (24 days): no limit.
    if (seconds <= 0 || seconds * 1_000 > 2 ** 31 - 1) return;
    void this.#handle.begun.then(() => {
      this.#timers.push(
        setTimeout(() => {
          // RQ's words, so that whoever searches for them finds both.
          const name = 'JobTimeoutException';
          this.interrupt({
            kind: 'failed',
            name,
            text: `${name}: Task exceeded maximum timeout value (${seconds} seconds)`,
          });
        }, seconds * 1_000),
      );
    });
  }

  #message() {
    const { job } = this;
    return {
      id: job.id,
      executionId: job.executionId,
      queue: job.queue,
      data: job.data?.toString('base64') ?? '',
      meta: job.meta?.toString('base64') ?? '',
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
    const value = performed.value === null ? null : Buffer.from(performed.value);
    return { ended: this.#ended('finished', value, performed), summary: performed.note ?? null, error: null };
  }

  #failure(kind: 'failed' | 'stopped', text: string, summary: string, times: Times): RunEnd {
    return { ended: this.#ended(kind, deflateText(text), times), summary, error: text };
  }

  #ended(kind: Ended['kind'], value: Buffer | null, { startedAtMs, endedAtMs }: Times): Ended {
    const { id, executionId, queue } = this.job;
    const resultTtlSeconds = resultTtl(this.job.resultTtl) ?? this.#limits.defaultResultTtlSeconds;
    return { id, executionId, queue, kind, startedAtMs, endedAtMs, resultTtlSeconds, value };
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

function refusal(reason: string): RunHandle {
  const now = clock();
  const performed = {
    functionName: '',
    startedAtMs: now,
    endedAtMs: now,
    ok: false as const,
    error: reason,
    summary: reason,
  };
  return {
    begun: Promise.resolve(),
    done: Promise.resolve({ kind: 'performed', performed }),
    abort: () => undefined,
    kill: () => undefined,
  };
}

function resultTtl(text: string | null): number | null {
  return text !== null && /^-?\d+$/.test(text) ? Number(text) : null;
}

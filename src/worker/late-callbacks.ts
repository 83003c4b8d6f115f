import { setTimeout as sleep } from 'node:timers/promises';
import { LONGEST_TIMER_MS } from '../clock.js';
import { readCallbackTimeout, type Callback } from '../protocol/callbacks.js';
import { jobKey } from '../protocol/keys.js';
import type { Abandoned } from '../queue/abandoned.js';
import type { BufferReply, Redis } from '../redis/redis.js';
import type { WorkerEvent } from './events.js';
import type { Performer, RunHandle } from './horses/performer.js';
import { ABORT_GRACE_MS } from './run.js';
import { OVERTIME, overtime, problemOf } from './why.js';

export interface LateCallbacksParts {
  readonly redis: Redis;
  readonly performer: Performer;
  readonly workerName: string;
  readonly tell: (event: WorkerEvent) => void;
}

/** How long Redis may take to tell of it, milliseconds: a worker that ends does not wait for one that is away. */
const ANSWER_MS = 5_000;

const FIELDS = [
  ...['failure_callback_name', 'failure_callback_timeout', 'data', 'meta', 'description', 'created_at', 'enqueued_at'],
  ...['retries_left'],
] as const;

/**
 * The failure callbacks of jobs whose workers have died: RQ calls them where that is found, and so does this, one after the other, after
 * the end of the job is recorded. They change nothing of it. Of a worker that dies before it has called one nobody does.
 */
export class LateCallbacks {
  readonly #parts: LateCallbacksParts;
  #calls: Promise<void> = Promise.resolve();
  #current: RunHandle | null = null;
  #isOver = false;

  constructor(parts: LateCallbacksParts) {
    this.#parts = parts;
  }

  /** Calls that of a job, if it has one, when those before have ended. */
  add(queue: string, job: Abandoned): void {
    const { tell } = this.#parts;
    this.#calls = this.#calls
      .then(() => this.#call(queue, job))
      .catch((error: unknown) => {
        if (this.#isOver) return;
        const why = error instanceof Error ? error.message : String(error);
        tell({ type: 'warning', message: `the failure callback of job ${job.id} was not called: ${why}` });
      });
  }

  /** Resolves when all have ended. */
  async settled(): Promise<void> {
    await this.#calls;
  }

  /** Ends the one that goes on, and calls no more. */
  giveUp(): void {
    this.#isOver = true;
    this.#current?.kill();
  }

  async #call(queue: string, { id, executionId }: Abandoned): Promise<void> {
    if (this.#isOver) return;
    const { redis, performer, workerName, tell } = this.#parts;
    const asked = redis.callBuffer(['HMGET', jobKey(id), ...FIELDS]);
    const reply = await Promise.race([asked, sleep(ANSWER_MS, null, { ref: false })]);
    if (reply === null) throw new Error('Redis does not answer');
    const [name, timeout, data, meta, ...rest] = (Array.isArray(reply) ? reply : []).map(bytes);
    if (!name || name.length === 0 || this.#isOver) return;
    const [description = null, createdAt = null, enqueuedAt = null, retriesLeft] = rest.map((item) => text(item));
    const callback: Callback = { name: name.toString(), timeoutSeconds: readCallbackTimeout(text(timeout)) };
    const problem = await this.#perform(callback, (listener) =>
      performer.perform(
        {
          ...{ id, executionId, queue, workerName, timeoutSeconds: callback.timeoutSeconds },
          ...{ data: data ?? Buffer.alloc(0), meta: meta ?? null, description, createdAt, enqueuedAt },
          retriesLeft: retriesLeft ? Number(retriesLeft) : null,
          instead: { kind: 'failure', callback, ...ABANDONED },
        },
        listener,
      ),
    );
    if (problem === null || this.#isOver) return;
    tell({ type: 'warning', message: `the failure callback ${callback.name} of job ${id} failed: ${problem}` });
  }

  /** Returns why it failed, in a line; null for not at all. */
  async #perform(
    callback: Callback,
    perform: (listener: Parameters<Performer['perform']>[1]) => RunHandle,
  ): Promise<string | null> {
    let timer: NodeJS.Timeout | undefined;
    const late = overtime(callback.timeoutSeconds, callback.name).summary;
    let isLate = false;
    try {
      return await new Promise<string | null>((resolve) => {
        const handle = perform({
          onBegun: () => {
            if (callback.timeoutSeconds <= 0) return;
            timer = setTimeout(
              () => {
                isLate = true;
                this.#current?.abort(OVERTIME, late);
                timer = setTimeout(() => this.#current?.kill(), ABORT_GRACE_MS);
              },
              Math.min(LONGEST_TIMER_MS, callback.timeoutSeconds * 1_000),
            );
          },
          onCallback: () => undefined,
          onDone: (completion) => {
            resolve(isLate ? late : (problemOf(completion)?.summary ?? null));
          },
        });
        this.#current = handle;
      });
    } finally {
      clearTimeout(timer);
      this.#current = null;
    }
  }
}

/** What it is given for its error. */
const ABANDONED = {
  errorName: 'AbandonedJobError',
  errorText: 'the worker that had the job has died, or was cut off for longer than its lease',
} as const;

const bytes = (reply: BufferReply | undefined): Buffer | null => (Buffer.isBuffer(reply) ? reply : null);
const text = (item: Buffer | null | undefined): string | null => item?.toString() ?? null;

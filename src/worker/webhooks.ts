import { LONGEST_TIMER_MS } from '../clock.js';
import { dumps } from '../protocol/json-writer.js';
import { decodePayload } from '../protocol/payload.js';
import { isoFormat, parseDate } from '../protocol/time.js';
import { readWebhooks, type Webhook } from '../protocol/webhooks.js';
import type { ClaimedJob } from '../queue/claim.js';
import type { Ending } from '../queue/finish.js';
import type { RunEnd } from './run.js';

/** Requests under way at once, and those that may wait before the worker takes no more jobs. */
const MOST_AT_ONCE = 32;
const MOST_WAITING = 1_000;

/**
 * Sends the requests that jobs have asked for, after their ends are recorded; what goes wrong is only told, as in RQ. They are sent once or,
 * when the worker dies, not at all.
 */
export class Webhooks {
  readonly #userAgent: string;
  readonly #warn: (message: string) => void;
  readonly #onRoom: () => void;
  readonly #waiting: (() => Promise<void>)[] = [];
  readonly #underWay = new Set<Promise<void>>();
  /** One each: a signal that all of them would depend on remembers every one. */
  readonly #stops = new Set<AbortController>();

  /** `onRoom`: called when `isFull` is over. */
  constructor(version: string, { warn, onRoom }: { warn: (message: string) => void; onRoom: () => void }) {
    this.#userAgent = `tsrq/${version}`;
    this.#warn = warn;
    this.#onRoom = onRoom;
  }

  /** Too many wait: no job should be begun that may ask for more. */
  get isFull(): boolean {
    return this.#waiting.length >= MOST_WAITING;
  }

  /** Sends what a job that ended so has asked for. */
  send(job: ClaimedJob, end: RunEnd, ending: Ending): void {
    if (job.webhooks === null) return;
    const status = statusOf(job, end, ending);
    const webhooks = readWebhooks(job.webhooks);
    if (!webhooks) this.#warn(`the webhooks of job ${job.id} are not as RQ writes them: none is sent`);
    for (const webhook of webhooks ?? []) {
      if (webhook.jobStatus === status) this.#waiting.push(() => this.#request(webhook, job, end));
    }
    this.#next();
  }

  /** Sends no more, and waits for no answer. */
  giveUp(): void {
    this.#waiting.length = 0;
    for (const stop of this.#stops) stop.abort(new Error('the worker was told to stop at once'));
  }

  /** Returns when all are sent. */
  async settle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.race(this.#underWay);
  }

  #next(): void {
    while (this.#underWay.size < MOST_AT_ONCE) {
      const wasFull = this.isFull;
      const work = this.#waiting.shift();
      if (!work) return;
      if (wasFull && !this.isFull) this.#onRoom();
      const request = work().finally(() => {
        this.#underWay.delete(request);
        this.#next();
      });
      this.#underWay.add(request);
    }
  }

  async #request(webhook: Required<Webhook>, job: ClaimedJob, end: RunEnd): Promise<void> {
    const { url, method, timeoutSeconds } = webhook;
    const stop = new AbortController();
    this.#stops.add(stop);
    try {
      const headers = new Headers({ 'user-agent': this.#userAgent });
      if (method === 'POST') headers.set('content-type', 'application/json');
      for (const [name, value] of Object.entries(webhook.headers)) headers.set(name, value);
      const body = method === 'POST' ? dumps(payloadOf(webhook, job, end)) : null;
      const limit = AbortSignal.timeout(Math.ceil(Math.min(timeoutSeconds * 1_000, LONGEST_TIMER_MS)));
      const signal = AbortSignal.any([limit, stop.signal]);
      const response = await fetch(url, { method, headers, body, signal });
      await response.body?.cancel();
      if (!response.ok) throw new Error(`it answered ${response.status} ${response.statusText}`.trimEnd());
    } catch (error) {
      const { origin, pathname } = new URL(url);
      this.#warn(`the webhook of job ${job.id} to ${origin}${pathname} was not delivered: ${reasonOf(error)}`);
    } finally {
      this.#stops.delete(stop);
    }
  }
}

/** The status that webhooks are sent for; null for none: RQ sends none for jobs that are retried or were stopped. */
function statusOf(job: ClaimedJob, { ended }: RunEnd, { state }: Ending): Webhook['jobStatus'] | null {
  if (state === 'finished' || state === 'failed') return state;
  // The reply of the call that recorded it was lost, and with it what became of the job.
  if (state !== 'repeated' || ended.retry) return null;
  if (ended.kind === 'failed') return (job.retriesLeft ?? 0) > 0 ? null : 'failed';
  return ended.kind === 'finished' ? 'finished' : null;
}

function payloadOf({ jobStatus }: Webhook, job: ClaimedJob, { ended, error }: RunEnd): Record<string, unknown> {
  const enqueuedAtMs = job.enqueuedAt === null ? null : parseDate(job.enqueuedAt);
  return {
    job_id: job.id,
    func_name: functionNameOf(job.data),
    status: jobStatus,
    enqueued_at: enqueuedAtMs === null ? null : isoFormat(enqueuedAtMs),
    ended_at: isoFormat(ended.endedAtMs),
    ...(jobStatus === 'failed' ? { exc_info: error ?? '' } : {}),
  };
}

function functionNameOf(data: Buffer | null): string | null {
  try {
    return data === null ? null : decodePayload(data).functionName;
  } catch {
    return null;
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

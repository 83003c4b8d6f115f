/**
 * Channels of node:diagnostics_channel, for metrics and reports of errors. Where nobody subscribes nothing is published, and
 * no message is made. A subscriber is called at once, and must be quick; what it throws is an uncaught exception, as Node has it.
 */
import { channel } from 'node:diagnostics_channel';

/** A job was stored: it is queued, or waits for its time, its parents or its rate limit. In the process that enqueued it. */
export interface JobEnqueued {
  readonly id: string;
  readonly queue: string;
  readonly functionName: string;
  readonly status: 'queued' | 'scheduled' | 'deferred' | 'rate_limited';
  /** The address, without secrets. */
  readonly redis: string;
}

interface JobOfWorker {
  /** The name of the worker that tells. */
  readonly worker: string;
  readonly id: string;
  readonly queue: string;
}

/** A worker begins a job. */
export interface JobStarted extends JobOfWorker {
  readonly description: string | null;
  /** 1 for the first. */
  readonly attempt: number;
  /** As in the job's hash. */
  readonly enqueuedAt: string | null;
}

/** A job has ended, and that is recorded. */
export interface JobEnded extends JobOfWorker {
  readonly description: string | null;
  readonly attempt: number;
  /** How long it ran. */
  readonly seconds: number;
  /** The whole text of the error; null for a success. */
  readonly error: string | null;
  /** Of a job that is run again: in how many seconds. Else null. */
  readonly againInSeconds: number | null;
}

/** An execution is not this worker's any more: the job was canceled or deleted, or another worker has it. Nothing of it is recorded. */
export type JobLost = JobOfWorker;

/** This worker has found a job of one that is dead, and has failed or retried it. */
export interface JobAbandoned extends JobOfWorker {
  /** The dead one; '' where nobody is named. */
  readonly deadWorker: string;
  readonly outcome: 'failed' | 'retried';
}

/** The channels and what is published on each. */
export interface ChannelMessages {
  'tsrq:job:enqueued': JobEnqueued;
  'tsrq:job:started': JobStarted;
  'tsrq:job:finished': JobEnded;
  'tsrq:job:failed': JobEnded;
  'tsrq:job:retried': JobEnded;
  'tsrq:job:stopped': JobEnded;
  'tsrq:job:lost': JobLost;
  'tsrq:job:abandoned': JobAbandoned;
}

const CHANNELS = {
  'tsrq:job:enqueued': channel('tsrq:job:enqueued'),
  'tsrq:job:started': channel('tsrq:job:started'),
  'tsrq:job:finished': channel('tsrq:job:finished'),
  'tsrq:job:failed': channel('tsrq:job:failed'),
  'tsrq:job:retried': channel('tsrq:job:retried'),
  'tsrq:job:stopped': channel('tsrq:job:stopped'),
  'tsrq:job:lost': channel('tsrq:job:lost'),
  'tsrq:job:abandoned': channel('tsrq:job:abandoned'),
} satisfies Record<keyof ChannelMessages, unknown>;

/** Publishes what `message` makes, if anybody listens. */
export function publish<Name extends keyof ChannelMessages>(name: Name, message: () => ChannelMessages[Name]): void {
  const to = CHANNELS[name];
  if (to.hasSubscribers) to.publish(message());
}

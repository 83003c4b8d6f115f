export const QUEUES = ['a', 'b', 'c'] as const;
export type Queue = (typeof QUEUES)[number];
export const YEAR = 31_536_000;

export type Status = 'queued' | 'started' | 'scheduled' | 'finished' | 'failed' | 'stopped' | 'canceled';

export interface Job {
  status: Status;
  origin: Queue;
  /** The moment of its enqueue: tells two jobs apart that had one id after another. */
  readonly life: string;
  readonly resultTtl: number | null;
  readonly failureTtl: number | null;
  readonly intervals: readonly number[];
  retriesLeft: number | null;
  retriesMax: number | null;
  worker: string;
  /** '' before the first end, 'swept' when a sweep wrote it. */
  endedAt: string;
  /** Seconds its hash lives; null for ever. */
  expires: number | null;
}

export interface Execution {
  readonly id: string;
  readonly executionId: string;
  readonly queue: Queue;
  /** Its lease is over. */
  over: boolean;
  /** A heartbeat has written its records. */
  recorded: boolean;
}

export interface Outcome {
  readonly id: string;
  readonly executionId: string;
  readonly queue: Queue;
  readonly kind: 'finished' | 'failed' | 'stopped' | 'returned';
  readonly endedAt: string;
  readonly resultTtl: number;
}

export interface Call {
  readonly id: string;
  readonly queue: Queue;
  readonly front: boolean;
  readonly rule: 'refuse' | 'unique' | 'replace';
  readonly life: string;
  readonly resultTtl: number | null;
  readonly failureTtl: number | null;
  readonly retry: { readonly max: number; readonly intervals: readonly number[] } | null;
}

export interface Taken {
  readonly jobs: { id: string; executionId: string; queue: Queue; retriesLeft: number | null; attempt: number }[];
  readonly skipped: { queue: Queue; id: string; reason: string }[];
}

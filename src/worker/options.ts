import type { DequeueStrategy } from '../queue/claim.js';
import type { Durability } from '../redis/redis.js';
import type { RedisTarget } from '../redis/target.js';
import type { WorkerEvent } from './events.js';
import type { Handler } from '../jobs/define.js';
import type { HandlerSources } from './horses/handlers.js';
import type { Note } from '../queue/note.js';
import type { RunRequest } from './horses/message.js';
import type { Performer } from './horses/performer.js';
import type { WeightedQueue } from './intake.js';

/** All a worker needs to know; every value is given. */
export interface WorkerOptions {
  readonly name: string;
  /** Written to the worker hash. */
  readonly version: string;
  readonly target: RedisTarget;
  readonly queues: readonly WeightedQueue[];
  readonly strategy: DequeueStrategy;
  readonly concurrency: number;
  /** Claim short jobs before there is a slot for them. */
  readonly claimAhead: boolean;
  readonly isolation: 'process' | 'none';
  readonly sources: HandlerSources;
  /** Functions by their names, for `isolation: 'none'`: they are looked at first. */
  readonly handlers?: Readonly<Record<string, Handler>>;
  /** Runs the jobs in place of what `isolation` says; `note` writes what a running job tells of itself. */
  readonly performer?: (note: (run: RunRequest, note: Note) => Promise<void>) => Performer;
  readonly jobsPerHorse: number;
  readonly maxJobsPerHorse: number | null;
  readonly maxMemoryBytes: number | null;
  /** On how many replicas the end of a job must be before the worker goes on; null: it does not wait for replicas. */
  readonly durability: Durability | null;
  /** Quit when all queues are empty and the running jobs have ended. */
  readonly burst: boolean;
  readonly maxJobs: number | null;
  readonly maxIdleSeconds: number | null;
  /** For jobs that carry none, seconds. */
  readonly defaultTimeoutSeconds: number;
  /** For jobs that carry none, seconds: 0 not at all, -1 for ever. */
  readonly resultTtlSeconds: number;
  readonly workerTtlSeconds: number;
  readonly monitoringIntervalSeconds: number;
  readonly maintenanceIntervalSeconds: number;
  /** Seconds a warm stop waits before it goes cold; null for ever. */
  readonly shutdownTimeoutSeconds: number | null;
  readonly withScheduler: boolean;
  /** Told of everything that happens, in order; must not throw. */
  readonly onEvent: (event: WorkerEvent) => void;
  /** Output of the horses. */
  readonly onStderr: (chunk: Buffer) => void;
}

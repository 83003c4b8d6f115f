import { clock } from '../clock.js';
import { formatDate } from '../protocol/time.js';
import type { WorkerNotes } from '../protocol/worker.js';
import type { WorkerStamp } from '../queue/claim.js';
import type { Redis } from '../redis/redis.js';
import type { WorkerOptions } from './options.js';
import { note, register, unregister, type Birth } from './registration.js';

/** How a worker shows in Redis: its registration, and what it says of itself there. */
export class Presence {
  readonly stamp: WorkerStamp;
  readonly #redis: Redis;
  readonly #birth: Birth;
  readonly #notes: () => Omit<WorkerNotes, 'shutdownRequested'>;
  #shutdownRequested = '';
  #noted: Promise<void> = Promise.resolve();

  /** `notes`: what it is set to now. */
  constructor(options: WorkerOptions, redis: Redis, notes: () => Omit<WorkerNotes, 'shutdownRequested'>) {
    const date = formatDate(clock());
    this.#redis = redis;
    this.#notes = notes;
    this.stamp = {
      name: options.name,
      birth: date,
      monitoringIntervalSeconds: options.monitoringIntervalSeconds,
      idleTtlSeconds: options.workerTtlSeconds + 60,
      defaultTimeoutSeconds: options.defaultTimeoutSeconds,
    };
    const queues = options.queues.map((queue) => queue.name);
    this.#birth = { stamp: this.stamp, queues, date, version: options.version };
  }

  get queues(): readonly string[] {
    return this.#birth.queues;
  }

  /** Throws NAME_TAKEN if a live worker has the name. */
  async register(): Promise<void> {
    await register(this.#redis, this.#birth, this.#now());
  }

  async unregister(): Promise<void> {
    await unregister(this.#redis, this.#birth, formatDate(clock()));
  }

  /** A command has told the worker to end. */
  noteShutdown(): void {
    this.#shutdownRequested = formatDate(clock());
    this.note();
  }

  /** Lets others see what has changed; one after the other, so that the last word stands. Births carry it as well. */
  note(): void {
    this.#noted = this.#noted.then(() => note(this.#redis, this.stamp, this.#now())).catch(() => undefined);
  }

  #now(): WorkerNotes {
    return { ...this.#notes(), shutdownRequested: this.#shutdownRequested };
  }
}

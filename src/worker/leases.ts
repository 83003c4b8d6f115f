import type { ClaimedJob, WorkerStamp } from '../queue/claim.js';
import { heartbeat, type Heartbeat } from '../queue/heartbeat.js';
import type { Redis } from '../redis/redis.js';
import type { WorkerEvent } from './events.js';
import type { Exchange } from './exchange.js';
import type { Run } from './run.js';
import type { Slots } from './slots.js';

export interface LeaseParts {
  readonly redis: Redis;
  readonly stamp: WorkerStamp;
  readonly slots: Slots;
  readonly exchange: Exchange;
  readonly tell: (event: WorkerEvent) => void;
}

/** Age at which a run gets the records that most are too short for, milliseconds. */
const ANNOUNCE_AFTER_MS = 1_000;

/** Shows Redis that a worker and what it has in hand are alive. */
export class Leases {
  readonly #parts: LeaseParts;

  constructor(parts: LeaseParts) {
    this.#parts = parts;
  }

  /** One heartbeat: leases, worker hash, registration. Runs that are not the worker's any more are ended. */
  async beat(): Promise<Heartbeat['state']> {
    const { slots } = this.#parts;
    const beaten = await this.#prolong(slots.running, slots.held);
    if (beaten.state === 'ok') for (const executionId of beaten.lost) this.#lose(executionId);
    return beaten.state;
  }

  /** Gives runs that have outlived their first moments the records by which others see them. */
  async announce(): Promise<void> {
    const isDue = (run: Run): boolean => !run.announced && run.ageMs >= ANNOUNCE_AFTER_MS;
    const due = this.#parts.slots.running.filter(isDue);
    if (due.length > 0) await this.#prolong(due, []);
  }

  #prolong(runs: readonly Run[], waiting: readonly ClaimedJob[]): Promise<Heartbeat> {
    const { redis, stamp, exchange } = this.#parts;
    // Before the call: whether it arrives before or after the end of the run, that end must clear up.
    for (const run of runs) run.announced = true;
    const running = runs.map((run) => ({ ...run.job, timeoutSeconds: run.timeoutSeconds }));
    const held = waiting.map((job) => ({ ...job, timeoutSeconds: null }));
    const oldest = runs[0];
    const workingSeconds = oldest ? oldest.ageMs / 1_000 : 0;
    const state = running.length > 0 ? '' : exchange.suspended ? 'suspended' : 'idle';
    return heartbeat(redis, stamp, [...running, ...held], { state, workingSeconds });
  }

  #lose(executionId: string): void {
    const run = this.#parts.slots.find(executionId);
    if (!run) return;
    this.#parts.tell({ type: 'job-lost', id: run.job.id, queue: run.job.queue });
    const text = 'the execution is not ours any more: the job was taken over, canceled or deleted';
    run.interrupt({ kind: 'failed', name: 'LostLeaseError', text });
  }
}

import type { ClaimedJob, WorkerStamp } from '../../src/queue/claim.js';
import type { Ended } from '../../src/queue/finish.js';
import type { Birth } from '../../src/worker/registration.js';
import { QUEUES, type Queue } from './records.js';

/** A worker as the model knows it: what it believes to run, and what it has said so far. */
export interface Worker {
  readonly name: string;
  readonly processPrefix: string;
  stamp: WorkerStamp;
  registered: boolean;
  successes: number;
  failures: number;
  /** Executions that it opened and has not ended, lost ones too: it may not know. */
  holds: ClaimedJob[];
  /** What its waits have moved and it has not claimed. */
  /** Queues of which its waits have moved an id. */
  waits: Queue[];
  /** Outcomes that Redis has answered. */
  readonly told: Ended[];
  /** The process that had the name before. */
  ghost: { readonly stamp: WorkerStamp; readonly holds: ClaimedJob[] } | null;
}

export class Staff {
  #births = 0;
  #moments = 0;
  readonly workers: readonly Worker[] = ['w0', 'w1', 'w2'].map((name, i) => ({
    ...{ name, processPrefix: `feed${i}`.padEnd(16, '0'), stamp: this.#stamp(name), registered: true },
    ...{ successes: 0, failures: 0, holds: [], waits: [], told: [], ghost: null },
  }));

  /** A moment of the year 2001 that nothing else happens at. */
  moment(): number {
    this.#moments += 1;
    return 1e12 + this.#moments;
  }

  bear(worker: Worker): void {
    worker.stamp = this.#stamp(worker.name);
    this.rebirth(worker);
  }

  /** Its hash begins anew. */
  rebirth(worker: Worker): void {
    worker.registered = true;
    worker.successes = 0;
    worker.failures = 0;
  }

  #stamp(name: string): WorkerStamp {
    this.#births += 1;
    const birth = new Date(1e12 + this.#births).toISOString();
    return { name, birth, monitoringIntervalSeconds: 30, idleTtlSeconds: 480, defaultTimeoutSeconds: 180 };
  }
}

export const birthOf = ({ stamp }: Worker): Birth => ({ stamp, queues: QUEUES, date: stamp.birth, version: 'model' });

import { adopt, type ClaimedJob } from '../queue/claim.js';
import type { Redis } from '../redis/redis.js';
import type { Intake } from './intake.js';
import type { Slots } from './slots.js';

export interface AdoptionParts {
  readonly redis: Redis;
  readonly slots: Slots;
  readonly intake: Intake;
  /** The names of the worker's queues. */
  readonly queues: readonly string[];
}

/** Executions that are remembered: their replies can only be seconds late. */
const MOST_REMEMBERED = 1_000;

/** Jobs that were claimed for this worker by calls whose replies were lost: it looks for them, and takes them in. */
export class Adoption {
  readonly #parts: AdoptionParts;
  readonly #adopted = new Set<string>();
  #isDue = false;

  constructor(parts: AdoptionParts) {
    this.#parts = parts;
  }

  /** Replies may have been lost since it has looked last. */
  get isDue(): boolean {
    return this.#isDue;
  }

  /** A reply may have been lost. */
  soon(): void {
    this.#isDue = true;
  }

  /** Takes in what it finds. No call for jobs may be under way but waits, which `fresh` is for. */
  async adopt(): Promise<void> {
    const { redis, slots, intake, queues } = this.#parts;
    this.#isDue = false;
    try {
      const known = slots.executionIds;
      const jobs = await adopt(redis, { processPrefix: intake.processPrefix, known, queues });
      if (this.#adopted.size > MOST_REMEMBERED) this.#adopted.clear();
      for (const { executionId } of jobs) this.#adopted.add(executionId);
      if (jobs.length > 0) await slots.mark.forgo(redis);
      slots.addFirst(jobs);
    } catch (error) {
      this.#isDue = true;
      throw error;
    }
  }

  /** Those of the jobs that it has not taken in: their reply may have been late, and not lost. */
  fresh(jobs: readonly ClaimedJob[]): ClaimedJob[] {
    return jobs.filter(({ executionId }) => !this.#adopted.has(executionId));
  }
}

import type { Redis } from '../redis/redis.js';
import type { EnqueuedJob, PreparedJob } from './new-job.js';
import { storeOne } from './store.js';
import { isStored, split, storeTogether } from './store-together.js';

interface Call {
  readonly job: PreparedJob;
  readonly resolve: (job: EnqueuedJob) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The jobs that are enqueued one by one in the same turn of the event loop: the first goes to Redis at once, the others together when the turn
 * is over, in their order.
 */
class Gathered {
  readonly #redis: Redis;
  #calls: Call[] = [];
  /** The moment of the first of them, milliseconds since the epoch, which is that of all; null before the first. */
  nowMs: number | null = null;

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  /** `nowMs`: of when the job says it is; the others of this turn shall say the same. */
  add(job: PreparedJob, nowMs: number): Promise<EnqueuedJob> {
    if (this.nowMs !== null) {
      return new Promise((resolve, reject) => {
        this.#calls.push({ job, resolve, reject });
      });
    }
    const first = storeOne(this.#redis, job);
    this.nowMs = nowMs;
    process.nextTick(() => {
      this.nowMs = null;
      this.flush();
    });
    return first;
  }

  /** Sends what is here: whatever is sent next comes after it. */
  flush(): void {
    if (this.#calls.length === 0) return;
    const calls = this.#calls;
    this.#calls = [];
    for (const portion of split(calls, ({ job }) => job.payload.length)) {
      void this.#send(portion);
    }
  }

  async #send(calls: readonly Call[]): Promise<void> {
    const [first] = calls;
    if (calls.length === 1 && first) {
      storeOne(this.#redis, first.job).then(first.resolve, first.reject);
      return;
    }
    try {
      const outcomes = await storeTogether(
        this.#redis,
        calls.map(({ job }) => job),
      );
      calls.forEach((call, i) => {
        const outcome = outcomes[i];
        const { id, queue, description } = call.job;
        if (outcome && isStored(outcome)) call.resolve({ id, queue, description, status: outcome.state });
        // Nothing of it is stored; by itself it is told why.
        else storeOne(this.#redis, call.job).then(call.resolve, call.reject);
      });
    } catch (error) {
      for (const { reject } of calls) reject(error);
    }
  }
}

const gatherings = new WeakMap<Redis, Gathered>();

/** What is gathered for a connection. */
export function gatheredBy(redis: Redis): Gathered {
  let gathered = gatherings.get(redis);
  if (!gathered) {
    gathered = new Gathered(redis);
    gatherings.set(redis, gathered);
  }
  return gathered;
}

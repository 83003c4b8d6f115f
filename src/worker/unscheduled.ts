import { registryKey, schedulerLockKey } from '../protocol/keys.js';
import type { Redis } from '../redis/redis.js';
import type { WorkerEvent } from './events.js';

/** How long a job must have been due before its waiting means anything, seconds: a scheduler looks each second. */
const DUE_SECONDS = 2;

/** Tells of due jobs that nobody will move to their queue: a worker without a scheduler would seem to forget them. */
export class Unscheduled {
  readonly #queues: readonly string[];
  readonly #tell: (event: WorkerEvent) => void;
  readonly #told = new Set<string>();

  constructor(queues: readonly string[], tell: (event: WorkerEvent) => void) {
    this.#queues = queues;
    this.#tell = tell;
  }

  /** Tells of each queue once while it lasts. A queue whose keys may not be read, or are none of RQ's, is passed over. */
  async look(redis: Redis): Promise<void> {
    const until = Math.floor(Date.now() / 1_000) - DUE_SECONDS;
    const replies = await redis.pipeline(
      this.#queues.flatMap((queue) => [
        ['ZCOUNT', registryKey('scheduled', queue), '-inf', until] as const,
        ['EXISTS', schedulerLockKey(queue)] as const,
      ]),
    );
    for (const [i, queue] of this.#queues.entries()) {
      const [due, locks] = replies.slice(2 * i);
      if (typeof due !== 'number' || typeof locks !== 'number') continue;
      const isLeft = due > 0 && locks === 0;
      if (isLeft && !this.#told.has(queue)) this.#tell({ type: 'warning', message: messageOf(queue, due) });
      if (isLeft) this.#told.add(queue);
      else this.#told.delete(queue);
    }
  }
}

const messageOf = (queue: string, due: number): string =>
  `queue ${queue}: ${due} scheduled ${due === 1 ? 'job is' : 'jobs are'} due and no scheduler moves ${due === 1 ? 'it' : 'them'}: start a worker of this queue with --with-scheduler, or \`tsrq scheduler\``;

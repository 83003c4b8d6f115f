import { deleteGroup, groupMembers, groupNames, groupStatus, type GroupStatus } from '../queue/group.js';
import type { Redis } from '../redis/redis.js';
import { connectionsFor, type ConnectionLike } from './connections.js';
import { Job } from './queued-job.js';

/**
 * Jobs of one Redis that belong together, on whatever queues (RQ's `Group`); `for await` goes through them, in no order. It comes to be
 * with its first job (`queue.enqueueGroup`, or the option `group`), and is gone with its last.
 */
export class Group implements AsyncIterable<Job> {
  readonly name: string;
  readonly #redis: Redis;

  /** `queue`: on whose Redis it is, where an application has several. */
  constructor(name: string, options: { readonly connection?: ConnectionLike; readonly queue?: string } = {}) {
    this.name = name;
    this.#redis = redisOf(options);
  }

  /** The groups of a Redis, by name. */
  static async all(options: { readonly connection?: ConnectionLike; readonly queue?: string } = {}): Promise<Group[]> {
    const redis = redisOf(options);
    return (await groupNames(redis)).map((name) => new Group(name, { connection: redis }));
  }

  /** What has become of its jobs (`groupStatus`); null if there is no such group. */
  status(): Promise<GroupStatus | null> {
    return groupStatus(this.#redis, this.name);
  }

  /** Takes all jobs out of it (`deleteGroup`); the jobs stay. Returns how many there were. */
  delete(): Promise<number> {
    return deleteGroup(this.#redis, this.name);
  }

  /** Its jobs, a page at a time; those that are gone are left out. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Job> {
    for await (const page of groupMembers(this.#redis, this.name)) {
      const ids = page.filter(({ status }) => status !== null).map(({ id }) => id);
      for (const job of await Job.read(this.#redis, ids)) if (job) yield job;
    }
  }
}

const redisOf = ({ connection, queue = 'default' }: { connection?: ConnectionLike; queue?: string }): Redis =>
  connectionsFor(connection).redisOf(queue);

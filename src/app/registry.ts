import { TsrqError } from '../errors.js';
import type { RegistryName as KeyName } from '../protocol/keys.js';
import { emptyRegistry } from '../queue/empty-registry.js';
import { registrySize, walkRegistry } from '../queue/list-jobs.js';
import type { Redis } from '../redis/redis.js';
import type { EmptyOptions } from './bulk-options.js';
import { Job } from './queued-job.js';

/** The registries of a queue: the states in which a job is that does not wait on it. */
export type RegistryName = Exclude<KeyName, 'wip'> | 'started';

/** The jobs of a queue that are in one state; `for await` goes through them, a page at a time. */
export class Registry implements AsyncIterable<Job> {
  readonly name: RegistryName;
  readonly queueName: string;
  readonly #redis: Redis;
  readonly #key: KeyName;

  constructor(redis: Redis, name: RegistryName, queueName: string) {
    this.#redis = redis;
    this.name = name;
    this.queueName = queueName;
    this.#key = name === 'started' ? 'wip' : name;
  }

  /** How many entries it has. */
  count(): Promise<number> {
    return registrySize(this.#redis, this.#key, this.queueName);
  }

  /**
   * Removes its jobs with their results, or those from before a moment; returns how many entries are gone (`emptyRegistry`). Throws USAGE
   * for started jobs.
   */
  empty({ before, ...options }: EmptyOptions = {}): Promise<number> {
    if (this.#key === 'wip') {
      throw new TsrqError('USAGE', `the jobs of ${this.queueName} that run cannot be removed together`, {
        hint: 'stop them: for await (const job of registry) await job.stop()',
      });
    }
    const age = before ? { beforeMs: before.getTime() } : {};
    return emptyRegistry(this.#redis, this.#key, this.queueName, { ...options, ...age });
  }

  /** Ids, lowest score first, a page at a time (`walkRegistry`): entries may be taken out meanwhile. */
  async *ids(): AsyncGenerator<string> {
    for await (const page of walkRegistry(this.#redis, this.#key, this.queueName)) yield* page;
  }

  /** The same as jobs; entries whose job is gone are left out. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Job> {
    for await (const page of walkRegistry(this.#redis, this.#key, this.queueName)) {
      for (const job of await Job.read(this.#redis, page)) if (job) yield job;
    }
  }
}

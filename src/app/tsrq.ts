import type { Connections } from '../jobs/connections.js';
import type { Settings } from '../config/settings.js';
import type { Redis } from '../redis/redis.js';
import type { RedisTarget } from '../redis/target.js';
import { ConnectionSet, defaultConnections, type ConnectionOptions } from './connections.js';
import { Queue, type AnyJobs, type JobMap } from './queue.js';
import { Worker } from './worker.js';
import type { WorkerOptions } from './worker-options.js';

export type { NamedConnection, Settings, WorkerSettings } from '../config/settings.js';

let cached: Tsrq | null = null;

/**
 * The Redis servers of an application and its queues. Without options: what the command line uses, from environment and
 * file, read at the first call. Close it at the end, or its connections keep the process alive.
 */
export class Tsrq implements Connections {
  readonly #connections: ConnectionSet;
  /** `app.queues.email` is `app.queue('email')`. */
  readonly queues: Readonly<Record<string, Queue>>;

  /** Throws USAGE for options that exclude each other and for a client that cannot be used, CONFIG for a wrong url. */
  constructor(options: ConnectionOptions = {}) {
    this.#connections = options instanceof ConnectionSet ? options : new ConnectionSet(options);
    this.queues = new Proxy<Record<string, Queue>>(
      {},
      { get: (_, name) => (typeof name === 'string' && name !== 'then' ? this.queue(name) : undefined) },
    );
  }

  /** What serves code that says nothing of a connection. Once closed, the next question makes a new one. */
  static get default(): Tsrq {
    const connections = defaultConnections();
    if (cached === null || cached.#connections !== connections) cached = new Tsrq(connections as ConnectionOptions);
    return cached;
  }

  /**
   * The queue of that name, on the connection that is meant for it.
   *
   * @typeParam Jobs - the jobs that can be enqueued by name
   */
  queue<Jobs extends JobMap<Jobs> = AnyJobs>(name = 'default'): Queue<Jobs> {
    return new Queue<Jobs>(name, { connection: this });
  }

  /** A worker for queues of one of its Redis servers. */
  worker(queues: string | readonly string[], options: Omit<WorkerOptions, 'connection'> = {}): Worker {
    return new Worker(queues, { ...options, connection: this });
  }

  /** The connection of a queue, for the verbs of the library. */
  redisOf(queue = 'default'): Redis {
    return this.#connections.redisOf(queue);
  }

  /** Where the Redis of a queue is. Throws CONFIG. */
  targetOf(queue = 'default'): Promise<RedisTarget> {
    return this.#connections.targetOf(queue);
  }

  /** The effective configuration, as `tsrq config` shows it. Throws CONFIG with every problem. */
  settings(): Promise<Settings> {
    return this.#connections.settings();
  }

  /** Closes its connections; a client that was given stays open. May be called twice. */
  close(): Promise<void> {
    this.#connections.close();
    return Promise.resolve();
  }

  /** `await using app = …`: the same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

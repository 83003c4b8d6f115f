import type { FileConfig, RedisConfig, SentinelConfig } from '../config/schema.js';
import type { Settings } from '../config/settings.js';
import { TsrqError } from '../errors.js';
import { currentConnections, type Connections } from '../jobs/connections.js';
import { connect } from '../redis/connect.js';
import { givenClient, isClient, type GivenClient } from '../redis/given.js';
import { LazyRedis } from '../redis/lazy.js';
import type { Redis } from '../redis/redis.js';
import { parseRedisUrl, type RedisTarget } from '../redis/target.js';

/** Which Redis; with none of these the configuration that the command line reads: environment and file. */
export interface ConnectionOptions {
  /** `redis://localhost:6379/0`, or any other that `--url` takes. */
  readonly url?: string;
  /** The sections of the configuration file, in its words. Where one is given, neither file nor environment is read. */
  readonly redis?: RedisConfig;
  readonly sentinel?: SentinelConfig;
  readonly connections?: NonNullable<FileConfig['connections']>;
  /** Queue → name of a connection, URL, or another queue whose connection it shares. */
  readonly queueConnections?: Readonly<Record<string, string>>;
  /** A configuration file; the environment counts too. */
  readonly config?: string;
  /** A client of ioredis that is there already; it stays yours to close. */
  readonly client?: GivenClient;
  /** How long one call may take in all, milliseconds, and wait for a Redis that has gone away; default 5,000. */
  readonly deadlineMs?: number;
}

/** The connections of an application: one for each Redis that its queues are on, opened by the first call. */
export class ConnectionSet implements Connections {
  readonly #options: ConnectionOptions;
  readonly #given: Redis | null;
  readonly #lazy = new Map<string, LazyRedis>();
  readonly #open = new Map<string, Redis>();
  #settings: Promise<Settings> | null = null;
  #closed = false;

  /** Throws USAGE for options that exclude each other and for a client that cannot be used, CONFIG for a wrong url. */
  constructor(options: ConnectionOptions = {}) {
    this.#options = options;
    refuseBoth(options);
    if (options.url !== undefined) parseRedisUrl(options.url);
    this.#given = options.client ? givenClient(options.client, this.#deadline) : null;
  }

  redisOf(queue: string): Redis {
    if (this.#given) return this.#given;
    let redis = this.#lazy.get(queue);
    if (!redis) {
      redis = new LazyRedis(async () => this.#connectionTo(await this.targetOf(queue)));
      this.#lazy.set(queue, redis);
      if (this.#closed) redis.close();
    }
    return redis;
  }

  /** Where the Redis of a queue is. Throws CONFIG, and USAGE where only a client was given. */
  async targetOf(queue: string): Promise<RedisTarget> {
    const { url, connections, queueConnections } = this.#options;
    // What needs no configuration does not wait for its reader.
    if (url !== undefined && !connections && !queueConnections) return parseRedisUrl(url);
    return (await this.settings()).targetOf(queue);
  }

  /** The effective configuration. Throws CONFIG with every problem; then the next call reads again. */
  settings(): Promise<Settings> {
    if (this.#given) {
      return Promise.reject(
        new TsrqError(
          'USAGE',
          'a worker opens connections of its own, and of a client it is not known where it leads',
          {
            hint: "give the worker an address: new Worker(['high'], { connection: 'redis://…' })",
          },
        ),
      );
    }
    this.#settings ??= this.#load().catch((error: unknown) => {
      this.#settings = null;
      throw error;
    });
    return this.#settings;
  }

  /** Closes what was opened; a client that was given stays open. May be called twice. */
  close(): void {
    this.#closed = true;
    for (const redis of [...this.#lazy.values(), ...this.#open.values()]) redis.close();
    this.#given?.close();
    if (shared[DEFAULT] === this) shared[DEFAULT] = undefined;
  }

  get #deadline(): { readonly deadlineMs?: number } {
    const { deadlineMs } = this.#options;
    return deadlineMs === undefined ? {} : { deadlineMs };
  }

  #connectionTo(target: RedisTarget): Redis {
    const key = JSON.stringify(target);
    let redis = this.#open.get(key);
    if (!redis) {
      redis = connect(target, { role: 'producer', waits: true, name: 'tsrq', ...this.#deadline });
      this.#open.set(key, redis);
    }
    return redis;
  }

  async #load(): Promise<Settings> {
    const { loadSettings } = await import('../config/load.js');
    const { url, redis, sentinel, connections, queueConnections, config } = this.#options;
    const cwd = process.cwd();
    if (config !== undefined) return loadSettings({ flags: { config }, env: process.env, cwd });
    const main = url === undefined ? redis : { url };
    const values = Object.entries({ redis: main, sentinel, connections, queueConnections });
    const given = Object.fromEntries(values.filter(([, value]) => value !== undefined));
    if (Object.keys(given).length === 0) return loadSettings({ flags: {}, env: process.env, cwd });
    return loadSettings({ flags: {}, env: {}, cwd, given: { values: given, name: 'new Tsrq()' } });
  }
}

function refuseBoth(options: ConnectionOptions): void {
  const { url, redis, sentinel, config, client, connections, queueConnections } = options;
  const main = Object.entries({ url, redis, sentinel, config, client }).filter(([, value]) => value !== undefined);
  const mapped = connections !== undefined || queueConnections !== undefined;
  if (main.length <= 1 && !(mapped && (config ?? client) !== undefined)) return;
  const names = [...main.map(([name]) => name), ...(mapped ? ['connections or queueConnections'] : [])];
  throw new TsrqError('USAGE', `${names.join(' and ')} are given together: which Redis is meant?`, {
    hint: 'give one of url, redis, sentinel, config and client; connections and queueConnections go with the first three',
  });
}

/** Something that leads to a Redis: a `Tsrq`, a connection of `connect()`, or a client of ioredis. */
export type ConnectionLike = Connections | Redis | GivenClient;

const adopted = new WeakMap<GivenClient, Connections>();

/** Throws USAGE for what leads to no Redis. */
export function asConnections(connection: ConnectionLike): Connections {
  if (typeof connection === 'object' && connection !== null) {
    if ('redisOf' in connection) return connection;
    if ('evaluate' in connection) return { redisOf: () => connection };
    if (isClient(connection)) {
      const known = adopted.get(connection) ?? new ConnectionSet({ client: connection });
      adopted.set(connection, known);
      return known;
    }
  }
  throw new TsrqError('USAGE', `${typeof connection} is no connection`, {
    hint: "give a Tsrq, a client of ioredis, or connect(parseRedisUrl('redis://…'), { role: 'producer' })",
  });
}

const DEFAULT = Symbol.for('tsrq.default');
const shared = globalThis as { [DEFAULT]?: ConnectionSet | undefined };

/** What the command line would use; shared by all copies of this module. Once closed, the next question makes a new one. */
export const defaultConnections = (): ConnectionSet => (shared[DEFAULT] ??= new ConnectionSet());

/** The connection that was given, else those of the calling code, else the default. */
export const connectionsFor = (connection: ConnectionLike | undefined): Connections =>
  connection === undefined ? (currentConnections() ?? defaultConnections()) : asConnections(connection);

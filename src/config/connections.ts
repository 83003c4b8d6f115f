import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { parseHostPort, parseRedisUrl, type RedisTarget, type TlsSettings } from '../redis/target.js';
import { shown, type Problems } from './problems.js';
import { nearest } from './suggest.js';
import type { ConnectionConfig, RedisConfig, SentinelConfig, TlsConfig } from './schema.js';

/** Where files named in the configuration are looked for. */
export interface Place {
  readonly configFile: string | null;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Turns sections of the configuration into targets; what is wrong becomes a problem. */
export class TargetBuilder {
  readonly #place: Place;
  readonly #problems: Problems;
  readonly #sourceOf: (path: string) => string;

  constructor(place: Place, problems: Problems, sourceOf: (path: string) => string) {
    this.#place = place;
    this.#problems = problems;
    this.#sourceOf = sourceOf;
  }

  /** The connection of the sections `redis` or `sentinel`. */
  main(redis: RedisConfig | undefined, sentinel: SentinelConfig | undefined): RedisTarget {
    if (sentinel && Object.keys(sentinel).length > 0) {
      const said = Object.keys(redis ?? {}).filter((key) => ['host', 'path', 'port', 'url'].includes(key));
      if (said.length > 0) {
        this.#problems.add(
          this.#sourceOf(`redis.${said[0]}`),
          `redis.${said[0]}`,
          'stands beside sentinel: either redis or sentinel',
        );
      }
      return this.#sentinel(sentinel, 'sentinel');
    }
    return this.#redis(redis ?? {}, 'redis');
  }

  /** A connection of `connections` or `queueConnections`, by the path of its value. */
  named(config: ConnectionConfig, path: string): RedisTarget {
    if (typeof config === 'string') return this.#url(config, path);
    if ('sentinel' in config) return this.#sentinel(config.sentinel, `${path}.sentinel`);
    if (config.url === undefined) return this.#redis(config, path);
    const base = this.#url(config.url, `${path}.url`);
    const target = { ...base, ...this.#login(config, path), ...(config.db === undefined ? {} : { db: config.db }) };
    const tls = this.#tls(config.tls, `${path}.tls`);
    return tls && target.kind !== 'socket' ? { ...target, tls: { ...target.tls, ...tls } } : target;
  }

  #url(url: string, path: string): RedisTarget {
    const target = this.#problems.attempt(this.#sourceOf(path), path, () => parseRedisUrl(url));
    return target ?? NOWHERE;
  }

  #redis(config: RedisConfig, path: string): RedisTarget {
    const login = { db: config.db ?? 0, ...this.#login(config, path) };
    if (config.path !== undefined) {
      if (config.host !== undefined || config.port !== undefined) {
        this.#problems.add(
          this.#sourceOf(`${path}.path`),
          `${path}.path`,
          'a unix socket stands beside host or port: either one',
        );
      }
      return { kind: 'socket', path: config.path, ...login };
    }
    const tls = this.#tls(config.tls, `${path}.tls`);
    return {
      kind: 'tcp',
      host: config.host ?? 'localhost',
      port: config.port ?? 6379,
      ...login,
      ...(tls ? { tls } : {}),
    };
  }

  #sentinel(config: SentinelConfig, path: string): RedisTarget {
    const instances = (config.instances ?? []).flatMap((text) => {
      const instance = parseHostPort(text, 26379);
      if (instance) return [instance];
      this.#problems.add(
        this.#sourceOf(`${path}.instances`),
        `${path}.instances`,
        `${shown('', text)} is no host:port`,
      );
      return [];
    });
    if ((config.instances ?? []).length === 0)
      this.#problems.add(this.#sourceOf(path), `${path}.instances`, 'no sentinel is named');
    const tls = this.#tls(config.tls, `${path}.tls`);
    const sentinelTls = this.#tls(config.sentinelTls, `${path}.sentinelTls`);
    return {
      kind: 'sentinel',
      instances,
      masterName: config.masterName ?? 'mymaster',
      db: config.db ?? 0,
      ...this.#login(config, path),
      ...(tls ? { tls } : {}),
      ...(sentinelTls ? { sentinelTls } : {}),
      ...(config.sentinelUsername == null ? {} : { sentinelUsername: config.sentinelUsername }),
      ...(config.sentinelPassword == null ? {} : { sentinelPassword: config.sentinelPassword }),
      ...(config.socketTimeoutSeconds == null ? {} : { socketTimeoutSeconds: config.socketTimeoutSeconds }),
    };
  }

  #login(config: RedisConfig | SentinelConfig, path: string): { username?: string; password?: string } {
    const { username, passwordFile } = config;
    const password =
      config.password ?? (passwordFile == null ? undefined : this.#password(passwordFile, `${path}.passwordFile`));
    return { ...(username == null ? {} : { username }), ...(password == null ? {} : { password }) };
  }

  /** Relative to systemd's credentials directory where there is one. */
  #password(file: string, path: string): string | undefined {
    const credentials = this.#place.env['CREDENTIALS_DIRECTORY'];
    const text = this.#read(credentials && !isAbsolute(file) ? join(credentials, file) : file, path);
    return text?.replace(/\r?\n$/, '');
  }

  #tls(config: TlsConfig | undefined, path: string): TlsSettings | null {
    if (config === undefined || config === false) return null;
    if (config === true) return {};
    const files = (['ca', 'cert', 'key'] as const).flatMap((key) => {
      const value = config[key];
      if (value === undefined) return [];
      const text = value.includes('-----BEGIN') ? value : this.#read(value, `${path}.${key}`);
      return text === undefined ? [] : [[key, text] as const];
    });
    const { servername, rejectUnauthorized, checkHostname } = config;
    return {
      ...Object.fromEntries(files),
      ...(servername === undefined ? {} : { servername }),
      ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
      ...(checkHostname === undefined ? {} : { checkHostname }),
    };
  }

  #read(file: string, path: string): string | undefined {
    const { configFile, cwd } = this.#place;
    const base = configFile === null ? cwd : dirname(configFile);
    try {
      return readFileSync(isAbsolute(file) ? file : join(base, file), 'utf8');
    } catch (error) {
      this.#problems.add(
        this.#sourceOf(path),
        path,
        `the file '${file}' cannot be read (${(error as NodeJS.ErrnoException).code ?? ''})`,
      );
      return undefined;
    }
  }
}

/** Stands for a connection that could not be built; a problem has been reported. */
const NOWHERE: RedisTarget = { kind: 'tcp', host: 'localhost', port: 6379, db: 0 };

/**
 * Flask-RQ's rules: a queue maps to a connection's name, a URL, or another queue whose connection it shares; what is not
 * mapped uses the default. Returns the name of each mapped queue's connection; URLs become connections named by the queue.
 */
export function resolveQueues(
  mapping: Readonly<Record<string, string>>,
  connections: Record<string, RedisTarget>,
  builder: TargetBuilder,
  problems: Problems,
  sourceOf: (path: string) => string,
): Map<string, string> {
  const resolved = new Map<string, string>();
  const resolve = (queue: string, way: readonly string[]): string => {
    const known = resolved.get(queue);
    if (known !== undefined) return known;
    const path = `queueConnections.${queue}`;
    const to = Object.hasOwn(mapping, queue) ? mapping[queue] : undefined;
    let name = 'default';
    if (to === undefined) name = 'default';
    else if (way.includes(queue))
      problems.add(sourceOf(path), path, `goes in a circle: ${[...way, queue].join(' → ')}`);
    else if (to.includes('://')) {
      name = `queue ${queue}`;
      connections[name] = builder.named(to, path);
    } else if (to === 'default' || Object.hasOwn(connections, to)) name = to;
    else if (Object.hasOwn(mapping, to)) name = resolve(to, [...way, queue]);
    else {
      const candidates = [
        ...Object.keys(connections),
        ...Object.keys(mapping).filter((other) => other !== queue),
        'default',
      ];
      const near = nearest(to, candidates);
      const hint = near === null ? '' : `; did you mean "${near}"?`;
      problems.add(
        sourceOf(path),
        path,
        `${shown('', to)} is neither a connection nor a mapped queue nor a URL${hint}`,
      );
    }
    resolved.set(queue, name);
    return name;
  };
  for (const queue of Object.keys(mapping)) resolve(queue, []);
  return resolved;
}

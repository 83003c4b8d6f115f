import { parseRedisUrl, type RedisTarget } from '../redis/target.js';
import { isSecret, type Problems } from './problems.js';
import { isRecord } from './rq-settings.js';
import type { Entry } from './settings.js';

/** One source of settings, in the form of the configuration file. `nameOf`: how this source calls a value. */
export interface Layer {
  readonly values: Readonly<Record<string, unknown>>;
  readonly nameOf: (path: string) => string;
}

interface Leaf {
  readonly value: unknown;
  readonly source: string;
}

/**
 * The layers merged value by value, later ones above earlier ones; each value remembers its source.
 * Saying where Redis is (a URL, a host, a socket, sentinels) in a higher layer makes lower layers' words about that void:
 * a password meant for one server must not be sent to another.
 */
export class MergedLayers {
  readonly #leaves = new Map<string, Leaf>();
  readonly #problems: Problems;

  constructor(layers: readonly Layer[], problems: Problems) {
    this.#problems = problems;
    for (const layer of layers) this.#add(layer);
  }

  /** Where the value at the path, or the nearest one around it, comes from. */
  sourceOf(path: string): string {
    const exact = this.#leaves.get(path)?.source;
    if (exact !== undefined) return exact;
    for (const [other, leaf] of this.#leaves) {
      if (other.startsWith(`${path}.`) || path.startsWith(`${other}.`)) return leaf.source;
    }
    return 'default';
  }

  /** The values that are not defaults, by path. */
  changed(): [path: string, value: unknown][] {
    return [...this.#leaves].flatMap(([path, { value, source }]) => (source === 'default' ? [] : [[path, value]]));
  }

  /** The merged values as one object. */
  toObject(): Record<string, unknown> {
    const root: Record<string, unknown> = {};
    for (const [path, { value }] of this.#leaves) {
      // Two levels, no more: the name of a queue or a connection may have dots.
      const dot = path.indexOf('.');
      const section = dot < 0 ? path : path.slice(0, dot);
      const own = Object.hasOwn(root, section);
      // An empty section says nothing; what stands in place of a section is left there, to be named as a problem.
      if (dot < 0) {
        if (!own || !isRecord(value)) define(root, section, isRecord(value) ? {} : value);
        continue;
      }
      if (!own) define(root, section, {});
      const inner = root[section];
      if (isRecord(inner)) define(inner, path.slice(dot + 1), value);
    }
    return root;
  }

  entries(): Entry[] {
    return [...this.#leaves].map(([path, { value, source }]) => ({
      path,
      value: isSecret(path) && value !== null ? '******' : value,
      source,
    }));
  }

  #add({ values, nameOf }: Layer): void {
    const leaves = new Map<string, Leaf>();
    collect(values, [], (path, value) => leaves.set(path, { value, source: nameOf(path) }));
    this.#expandUrl(leaves);
    const paths = [...leaves.keys()];
    const moves = paths.some((path) => /^(redis\.(host|path|url)|sentinel\.(instances|masterName))$/.test(path));
    if (moves) {
      for (const path of [...this.#leaves.keys()]) {
        if (path.startsWith('redis.') || path.startsWith('sentinel.')) this.#leaves.delete(path);
      }
    }
    for (const [path, leaf] of leaves) this.#leaves.set(path, leaf);
  }

  /** A URL stands for its parts; what the same source says besides fills what the URL leaves open. */
  #expandUrl(leaves: Map<string, Leaf>): void {
    const url = leaves.get('redis.url');
    if (typeof url?.value !== 'string') return;
    const text = url.value;
    const target = this.#problems.attempt(url.source, '', () => parseRedisUrl(text));
    leaves.delete('redis.url');
    if (!target) return;
    const parts = partsOf(target);
    const section = target.kind === 'sentinel' ? 'sentinel' : 'redis';
    for (const [path, leaf] of [...leaves]) {
      if (!path.startsWith('redis.')) continue;
      leaves.delete(path);
      const part = path.replace('redis', section);
      // rediss:// says that there is TLS; only an object beside it can say which certificates.
      const open = !parts.has(part) || (part.endsWith('.tls') && typeof leaf.value === 'object');
      if (!FILLING.has(path) || !open) continue;
      const said = parts.get(part);
      parts.delete(part);
      leaves.set(part, said === undefined ? leaf : { ...leaf, value: { ...said, ...(leaf.value as object) } });
    }
    for (const [path, value] of parts) leaves.set(path, { value, source: url.source });
  }
}

/** What may stand beside a URL that does not say it itself. */
const FILLING = new Set(['redis.username', 'redis.password', 'redis.passwordFile', 'redis.tls']);

function define(place: Record<string, unknown>, key: string, value: unknown): void {
  // Not by assignment: a key such as __proto__ is a key like others.
  Object.defineProperty(place, key, { value, enumerable: true, configurable: true, writable: true });
}

function collect(value: unknown, path: readonly string[], leaf: (path: string, value: unknown) => void): void {
  const isSection = typeof value === 'object' && value !== null && !Array.isArray(value) && path.length < 2;
  if (isSection && Object.keys(value).length > 0) {
    for (const [key, inner] of Object.entries(value)) {
      if (inner !== undefined) collect(inner, [...path, key], leaf);
    }
    return;
  }
  if (path.length > 0) leaf(path.join('.'), value);
}

function partsOf(target: RedisTarget): Map<string, unknown> {
  const section = target.kind === 'sentinel' ? 'sentinel' : 'redis';
  const { kind, ...rest } = target;
  const parts = new Map<string, unknown>();
  for (const [key, value] of Object.entries(rest)) parts.set(`${section}.${key}`, value);
  if (kind === 'sentinel') {
    const { instances } = target;
    parts.set(
      'sentinel.instances',
      instances.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`),
    );
  }
  // Shown as the switch that it is, where nothing more is said.
  if ('tls' in rest && rest.tls) parts.set(`${section}.tls`, Object.keys(rest.tls).length === 0 ? true : rest.tls);
  return parts;
}

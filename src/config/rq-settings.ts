import { shown, type Problems } from './problems.js';

/**
 * RQ's own settings, as its users have them in the environment or in a file. Each stands for values of our own file:
 * `[setting of RQ, path, how its text is read]`.
 */
const SCALARS: readonly (readonly [setting: string, path: string, read: (text: string) => unknown])[] = [
  ['REDIS_URL', 'redis.url', (text) => text],
  ['REDIS_HOST', 'redis.host', (text) => text],
  ['REDIS_PORT', 'redis.port', number],
  ['REDIS_DB', 'redis.db', number],
  ['REDIS_USERNAME', 'redis.username', (text) => text],
  ['REDIS_PASSWORD', 'redis.password', (text) => text],
  ['NAME', 'worker.name', (text) => text],
];

const TLS: readonly (readonly [setting: string, key: string])[] = [
  ['REDIS_SSL_CA_CERTS', 'ca'],
  ['REDIS_SSL_CA_DATA', 'ca'],
  ['REDIS_SSL_CERTFILE', 'cert'],
  ['REDIS_SSL_KEYFILE', 'key'],
];

/** Where an address may say that TLS is wanted. */
const URLS = ['TSRQ_REDIS_URL', 'RQ_REDIS_URL', 'REDIS_URL'] as const;

const SENTINEL: Readonly<Record<string, string>> = {
  MASTER_NAME: 'masterName',
  DB: 'db',
  USERNAME: 'username',
  PASSWORD: 'password',
  SOCKET_TIMEOUT: 'socketTimeoutSeconds',
  SSL: 'tls',
};

const CONNECTION_KWARGS: Readonly<Record<string, string>> = {
  username: 'username',
  password: 'password',
  db: 'db',
  ssl: 'tls',
  socket_timeout: 'socketTimeoutSeconds',
};

const SENTINEL_KWARGS: Readonly<Record<string, string>> = {
  username: 'sentinelUsername',
  password: 'sentinelPassword',
  ssl: 'sentinelTls',
};

/** All names of settings that RQ knows. */
export const RQ_SETTINGS: readonly string[] = [
  ...SCALARS.map(([setting]) => setting),
  ...TLS.map(([setting]) => setting),
  'REDIS_SSL',
  'REDIS_SSL_CERT_REQS',
  'SENTINEL',
  'QUEUES',
];

export interface Translated {
  /** In the form of our own file. */
  readonly values: Record<string, unknown>;
  /** The setting of RQ that a path comes from. */
  readonly settingOf: Map<string, string>;
}

/** Brings RQ's settings into the form of our own file. `NAME` and `QUEUES` are taken from files only. */
export function translate(settings: Readonly<Record<string, unknown>>, source: string, problems: Problems): Translated {
  const result: Translated = { values: {}, settingOf: new Map() };
  const has = (setting: string): boolean =>
    settings[setting] !== undefined && settings[setting] !== '' && settings[setting] !== null;
  for (const [setting, path, read] of SCALARS) {
    if (!has(setting)) continue;
    const value = settings[setting];
    put(result, path, typeof value === 'string' ? read(value) : value, setting);
  }
  if (has('QUEUES')) put(result, 'queues', settings['QUEUES'], 'QUEUES');
  translateTls(settings, has, source, problems, result);
  if (has('SENTINEL')) translateSentinel(settings['SENTINEL'], source, problems, result);
  return result;
}

function translateTls(
  settings: Readonly<Record<string, unknown>>,
  has: (setting: string) => boolean,
  source: string,
  problems: Problems,
  result: Translated,
): void {
  const url = URLS.map((name) => settings[name]).find((value) => typeof value === 'string');
  const isSecure = url !== undefined && /^(?:rediss|valkeys):/i.test(url);
  const on = has('REDIS_SSL') ? boolean(settings['REDIS_SSL']) : isSecure;
  if (on === null) {
    problems.add(source, 'REDIS_SSL', `is ${shown('REDIS_SSL', settings['REDIS_SSL'])}: true or false is needed`);
    return;
  }
  if (!on) return;
  const tls: Record<string, unknown> = {};
  for (const [setting, key] of TLS) if (has(setting)) tls[key] = settings[setting];
  const requirement = settings['REDIS_SSL_CERT_REQS'];
  if (typeof requirement === 'string' && requirement.toLowerCase() === 'none') tls['rejectUnauthorized'] = false;
  put(result, 'redis.tls', Object.keys(tls).length === 0 ? true : tls, 'REDIS_SSL');
}

function translateSentinel(value: unknown, source: string, problems: Problems, result: Translated): void {
  if (!isRecord(value)) {
    problems.add(source, 'SENTINEL', 'is not an object');
    return;
  }
  const instances = value['INSTANCES'] ?? ['localhost:26379'];
  const read: unknown = Array.isArray(instances) ? instances.map(instance) : instances;
  put(result, 'sentinel.instances', read, 'SENTINEL.INSTANCES');
  put(result, 'sentinel.masterName', value['MASTER_NAME'] ?? 'mymaster', 'SENTINEL.MASTER_NAME');
  // The KWARGS last: in RQ they stand above the keys beside them.
  const keys = Object.entries(value).toSorted(
    ([a], [b]) => Number(a.endsWith('_KWARGS')) - Number(b.endsWith('_KWARGS')),
  );
  for (const [key, inner] of keys) {
    if (key === 'INSTANCES' || inner === null || inner === undefined) continue;
    const path = Object.hasOwn(SENTINEL, key) ? SENTINEL[key] : undefined;
    if (path !== undefined) put(result, `sentinel.${path}`, truth(path, inner), `SENTINEL.${key}`);
    else if (key === 'CONNECTION_KWARGS') options(inner, CONNECTION_KWARGS, key, source, problems, result);
    else if (key === 'SENTINEL_KWARGS') options(inner, SENTINEL_KWARGS, key, source, problems, result);
    else problems.add(source, `SENTINEL.${key}`, 'unknown key');
  }
}

function options(
  value: unknown,
  known: Readonly<Record<string, string>>,
  name: string,
  source: string,
  problems: Problems,
  result: Translated,
): void {
  if (!isRecord(value)) {
    problems.add(source, `SENTINEL.${name}`, 'is not an object');
    return;
  }
  for (const [key, inner] of Object.entries(value)) {
    const path = Object.hasOwn(known, key) ? known[key] : undefined;
    if (path === undefined)
      problems.add(source, `SENTINEL.${name}.${key}`, `is an option of Python's client that tsrq does not have`);
    else if (inner !== null) put(result, `sentinel.${path}`, truth(path, inner), `SENTINEL.${name}.${key}`);
  }
}

function put(result: Translated, path: string, value: unknown, setting: string): void {
  const [section = '', key] = path.split('.');
  if (key === undefined) result.values[section] = value;
  else result.values[section] = { ...(result.values[section] as object | undefined), [key]: value };
  result.settingOf.set(path, setting);
}

function instance(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  const [host, port = 26379] = value as unknown[];
  if (typeof host !== 'string' || (typeof port !== 'number' && typeof port !== 'string')) return value;
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** RQ takes words for its switches as well. */
function truth(path: string, value: unknown): unknown {
  return typeof value === 'string' && /tls$/i.test(path) ? (boolean(value) ?? value) : value;
}

function number(text: string): unknown {
  return /^\d+$/.test(text) ? Number(text) : text;
}

/** RQ's words for yes and no; null for others. */
function boolean(value: unknown): boolean | null {
  // Of an object that has a toString of its own no text can be made.
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return null;
  const text = String(value).toLowerCase();
  if (['true', 'yes', 'y', 't', '1'].includes(text)) return true;
  return ['false', 'no', 'n', 'f', '0', ''].includes(text) ? false : null;
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

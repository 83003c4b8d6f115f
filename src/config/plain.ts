/**
 * True for a value that needs no look at the schema. Most commands are given an address, queues and a few flags: to load the
 * schema would take longer than their work. A test holds this against the schema.
 */
export function isPlain([path, value]: readonly [path: string, value: unknown]): boolean {
  return Object.hasOwn(PLAIN, path) && PLAIN[path]?.(value) === true;
}

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === 'string' && value !== '';
const isTextOrNull: Check = (value) => value === null || isText(value);
const isTexts: Check = (value) => Array.isArray(value) && value.every(isText);
const isBoolean: Check = (value) => typeof value === 'boolean';
const isOneOf =
  (...words: readonly unknown[]): Check =>
  (value) =>
    words.includes(value);
const isInteger =
  (least: number, most = Number.MAX_SAFE_INTEGER): Check =>
  (value) =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= most;

/** The parts of a URL and the usual flags, and what they may be. */
export const PLAIN: Readonly<Record<string, Check>> = {
  queues: (value) => isTexts(value) && (value as unknown[]).length > 0,
  'redis.host': (value) => isText(value) && !/[\s/@]/.test(String(value)),
  'redis.path': isText,
  'redis.port': isInteger(1, 65_535),
  'redis.db': isInteger(0),
  'redis.username': isTextOrNull,
  'redis.password': isTextOrNull,
  'redis.tls': isBoolean,
  'worker.burst': isBoolean,
  'worker.claimAhead': isBoolean,
  'worker.concurrency': isInteger(1),
  'worker.isolation': isOneOf('process', 'none'),
  'worker.jobs': isTexts,
  'worker.name': isText,
  'worker.onlyRegistered': isBoolean,
  'worker.path': isTexts,
  'worker.withScheduler': isBoolean,
  'log.level': isOneOf('debug', 'info', 'warning', 'error'),
  'log.format': isOneOf('auto', 'pretty', 'json', 'logfmt'),
};

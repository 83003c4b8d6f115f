import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as keys from '../../../src/protocol/keys.js';

const folder = new URL('../../../src/redis/lua/', import.meta.url);
const scripts = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.lua'));

/** The keys that scripts build from texts, with `*` for what is put between: `'rq:job:' .. id .. ':dependents'`. */
const builtBy = (source: string): string[] =>
  [...source.matchAll(/'rq:[^']*'(?:\s*\.\.\s*(?:'[^']*'|[\w.]+(?:\[\w+\])?))*/g)].map(([expression]) =>
    expression
      .split(/\s*\.\.\s*/)
      .map((part) => (part.startsWith("'") ? part.slice(1, -1) : '*'))
      .join(''),
  );

const KNOWN = new Set([
  keys.QUEUES_KEY,
  keys.WORKERS_KEY,
  keys.SUSPENDED_KEY,
  keys.queueKey('*'),
  keys.intermediateKey('*'),
  keys.movedKey('*'),
  keys.firstSeenKey('*', '*'),
  keys.jobKey('*'),
  keys.dependentsKey('*'),
  keys.dependenciesKey('*'),
  keys.resultsKey('*'),
  keys.executionsKey('*'),
  keys.executionKey('*', '*'),
  keys.workerKey('*'),
  keys.queueWorkersKey('*'),
  keys.maintenanceLockKey('*'),
  keys.begunKey('*'),
  keys.pubsubKey('*'),
  keys.logKey('*'),
  keys.GROUPS_KEY,
  keys.groupKey('*'),
  keys.RATE_LIMITS_KEY,
  keys.rateLimitKey('*'),
  keys.allowedKey('*'),
  keys.rateLimitedKey('*'),
  keys.startsKey('*', '*'),
  keys.schedulerLockKey('*'),
  keys.schedulerKey('*'),
  keys.CRON_SCHEDULERS_KEY,
  keys.cronSchedulerKey('*'),
  keys.CRON_JOBS_KEY,
  keys.cronJobsKey('*'),
  keys.cronEntryKey('*'),
  keys.PAUSED_KEY,
  ...keys.REGISTRIES.map((registry) => keys.registryKey(registry, '*')),
]);
/** Not RQ's: a registry chosen at run time, the marks by which a repeated enqueue and a repeated step and a command are known, jobs set
 * apart, a result on its way to others. */
const OWN = new Set([
  ...['rq:*:*', 'rq:tsrq:enqueued:*', 'rq:tsrq:step:*', 'rq:tsrq:releasing', 'rq:tsrq:told:*', 'rq:tsrq:result:*'],
]);

describe.each(scripts)('the script %s', (name) => {
  it('builds only keys that keys.ts builds', () => {
    const built = builtBy(readFileSync(new URL(name, folder), 'utf8'));
    expect(built.filter((key) => !KNOWN.has(key) && !OWN.has(key))).toEqual([]);
  });
});

describe('keys', () => {
  it('are found in the scripts at all', () => {
    const built = scripts.flatMap((name) => builtBy(readFileSync(new URL(name, folder), 'utf8')));
    expect(built).toContain(keys.dependenciesKey('*'));
    expect(built).toContain(keys.executionKey('*', '*'));
  });
  it.each(['default', 'a:b', 'ü', 'intermediate'])('of the queue and the worker %s are read back', (name) => {
    expect(keys.queueOfKey(keys.queueKey(name))).toBe(name);
    expect(keys.workerOfKey(keys.workerKey(name))).toBe(name);
  });
  it.each(['', 'default', 'rq:queue:', 'rq:worker:', 'rq:job:a'])('%j names no queue and no worker', (key) => {
    expect(keys.queueOfKey(key)).toBeNull();
    expect(keys.workerOfKey(key)).toBeNull();
  });
});

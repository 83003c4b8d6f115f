import type { Redis as IoRedis } from 'ioredis';
import { expect } from 'vitest';
import { member, type Model } from './model.js';
import { QUEUES, type Execution } from './records.js';
import type { Staff } from './staff.js';

/** A key as it is compared; `ttl`: seconds, null for none. */
interface Entry {
  readonly value: unknown;
  readonly ttl: number | null;
}
type Keys = Record<string, Entry>;

const LEASE = 90;
const ALIVE = 'alive';
const OVER = 'over';

/** Every key of Redis is one that the model has, with what the model has in it; and no job is in two places. */
export async function agree(model: Model, staff: Staff, client: IoRedis): Promise<void> {
  const expected = expectedKeys(model, staff);
  const found = await read(client, model, expected);
  const kept = Object.fromEntries(Object.entries(found).filter(([key, entry]) => !mayBeLeft(model, key, entry)));
  expect(kept).toEqual(expected);
  expectOnePlaceEach(kept);
}

function expectedKeys(model: Model, staff: Staff): Keys {
  const keys: Keys = {};
  const put = (key: string, value: unknown, ttl: number | null = null): void => {
    const size = Array.isArray(value) ? value.length : Object.keys(value as object).length;
    if (size > 0) keys[key] = { value, ttl };
  };
  put('rq:queues', [...model.announced].map((queue) => `rq:queue:${queue}`).sort());
  put('rq:workers', staff.workers.map(({ name }) => `rq:worker:${name}`).sort());
  if (model.suspended) put('rq:suspended', ['1']);
  put('rq:tsrq:paused', Object.fromEntries([...model.paused].map((queue) => [queue, null])));
  for (const { registered, name, stamp, successes, failures } of staff.workers) {
    if (registered) put(`rq:worker:${name}`, { birth: stamp.birth, successes, failures }, stamp.idleTtlSeconds);
  }
  for (const queue of QUEUES) {
    put(`rq:workers:${queue}`, staff.workers.map(({ name }) => `rq:worker:${name}`).sort());
    put(`rq:queue:${queue}`, model.queues[queue]);
    put(`rq:queue:${queue}:intermediate:tsrq`, model.moved[queue]);
    for (const id of model.seen[queue]) put(`rq:queue:${queue}:intermediate:first_seen:${id}`, ['<moment>'], 60);
    const open = model.wip[queue].map((execution) => [member(execution), execution.over ? OVER : ALIVE]);
    put(`rq:wip:${queue}`, Object.fromEntries(open));
    for (const [name, registries] of Object.entries(model.registries)) {
      put(`rq:${name}:${queue}`, Object.fromEntries(registries[queue]));
    }
  }
  for (const [id, job] of model.jobs) {
    const { status, origin, life, retriesLeft, retriesMax, worker, endedAt } = job;
    put(`rq:job:${id}`, { status, origin, life, retriesLeft, retriesMax, worker, endedAt }, job.expires);
  }
  for (const [id, { types, expires }] of model.results) put(`rq:results:${id}`, types, expires);
  const recorded = model.executions.filter((execution) => execution.recorded);
  for (const { id, executionId } of recorded) {
    put(`rq:execution:${id}:${executionId}`, { id: executionId }, LEASE);
    const listed = recorded.filter((execution) => execution.id === id).map((other) => other.executionId);
    put(`rq:executions:${id}`, listed.sort(), LEASE + 60);
  }
  return keys;
}

const WORKER_EXECUTIONS = /^rq:worker:[^:]+:executions$/;

/** What is allowed to be there because it goes by itself. */
function mayBeLeft(model: Model, key: string, entry: Entry): boolean {
  if (entry.ttl === null) return false;
  if (/^rq:tsrq:(step|enqueued):/.test(key)) return entry.ttl <= 60;
  // RQ 3's view of what a worker runs; what it lists is compared where it is written, in rq3.test.ts.
  if (WORKER_EXECUTIONS.test(key)) return entry.ttl <= LEASE + 60;
  const [, id = '', executionId = ''] = /^rq:execution:([^:]+):(.+)$/.exec(key) ?? [];
  if (executionId !== '') return mayHaveRecords(model, { id, executionId }) && entry.ttl <= LEASE;
  return key.startsWith('rq:executions:') && (entry.value as string[]).length === 0 && entry.ttl <= LEASE + 60;
}

/** What was canceled or deleted while it ran keeps its records until they expire; what has just begun may have some. */
function mayHaveRecords(model: Model, execution: Pick<Execution, 'id' | 'executionId'>): boolean {
  const name = member(execution);
  return model.leftovers.has(name) || model.executions.some((open) => !open.recorded && member(open) === name);
}

async function read(client: IoRedis, model: Model, expected: Keys): Promise<Keys> {
  const keys = (await client.keys('*')).sort();
  const pipeline = client.pipeline();
  for (const key of keys) {
    pipeline.pttl(key);
    const [command, ...rest] = readerOf(key);
    pipeline.call(command, key, ...rest);
  }
  const replies = (await pipeline.exec()) ?? [];
  const found: Keys = {};
  keys.forEach((key, i) => {
    const [error, value] = replies[2 * i + 1] ?? [new Error('no reply'), null];
    if (error) throw error;
    const ttl = Number(replies[2 * i]?.[1]);
    found[key] = { value: readable(key, value, model, expected), ttl: nearly(ttl, expected[key]?.ttl ?? null) };
  });
  return found;
}

/** The seconds that a step takes must not count: a TTL below the expected one, but of its size, is the expected one. */
function nearly(ms: number, expected: number | null): number | null {
  if (ms < 0) return null;
  const seconds = ms / 1_000;
  return expected !== null && seconds <= expected && seconds > expected / 8 ? expected : seconds;
}

const LIST = /^rq:queue:[^:]+(:intermediate:tsrq)?$/;

function readerOf(key: string): [string, ...string[]] {
  if (LIST.test(key)) return ['LRANGE', '0', '-1'];
  if (/^rq:(queues|workers)/.test(key) || WORKER_EXECUTIONS.test(key)) return ['SMEMBERS'];
  if (/^rq:(wip|finished|failed|canceled|scheduled|executions):|^rq:tsrq:paused$/.test(key))
    return ['ZRANGE', '0', '-1', 'WITHSCORES'];
  if (/^rq:(job|worker|execution):/.test(key)) return ['HGETALL'];
  return key.startsWith('rq:results:') ? ['XRANGE', '-', '+'] : ['GET'];
}

function readable(key: string, value: unknown, model: Model, expected: Keys): unknown {
  const kind = /^rq:([a-z]+)/.exec(key)?.[1] ?? '';
  if (/:first_seen:/.test(key)) return ['<moment>'];
  if (!Array.isArray(value)) return [value];
  if (LIST.test(key) || WORKER_EXECUTIONS.test(key)) return value;
  if (kind === 'results') return (value as [string, string[]][]).map(([, fields]) => Number(fields[1]));
  if (kind === 'queues' || kind === 'workers') return (value as string[]).sort();
  const pairs = Object.fromEntries(pairsOf(value as string[]));
  if (kind === 'executions') return executionsOf(key, Object.keys(pairs).sort(), model);
  if (kind === 'job') return jobOf(pairs);
  if (kind === 'execution') return { id: pairs['id'] };
  if (kind === 'worker') return workerOf(pairs);
  const ends = (expected[key]?.value ?? {}) as Record<string, number | null>;
  return Object.fromEntries(
    Object.entries(pairs).map(([id, score]) => [
      id,
      kind === 'wip' ? lease(scoreOf(score)) : kept(kind, scoreOf(score), ends[id] ?? null),
    ]),
  );
}

function executionsOf(key: string, listed: string[], model: Model): string[] {
  const id = key.slice('rq:executions:'.length);
  return listed.filter((executionId) => !mayHaveRecords(model, { id, executionId }));
}

const pairsOf = (items: readonly string[]): [string, string][] =>
  items.flatMap((item, i): [string, string][] => (i % 2 === 0 ? [[item, items[i + 1] ?? '']] : []));

const numberOf = (text: string | undefined): number | null => (text === undefined ? null : Number(text));

function jobOf(hash: Record<string, string>): unknown {
  const endedAt = hash['ended_at'] ?? '';
  return {
    ...{ status: hash['status'], origin: hash['origin'], life: hash['created_at'], worker: hash['worker_name'] },
    ...{ retriesLeft: numberOf(hash['retries_left']), retriesMax: numberOf(hash['retries_max']) },
    // Outcomes of the model's workers are of the year 2001: any other moment is one at which a sweep looked.
    endedAt: endedAt === '' || endedAt.startsWith('2001-') ? endedAt : 'swept',
  };
}

const workerOf = (hash: Record<string, string>): unknown => ({
  birth: hash['birth'],
  successes: Number(hash['successful_job_count'] ?? 0),
  failures: Number(hash['failed_job_count'] ?? 0),
});

const scoreOf = (text: string): number => (text === 'inf' ? Infinity : Number(text));
const fromNow = (score: number): number => score - Date.now() / 1_000;

function lease(score: number): unknown {
  if (score === 1) return OVER;
  return fromNow(score) > 0 && fromNow(score) <= LEASE + 1 ? ALIVE : score;
}

function kept(kind: string, score: number, expected: number | null): unknown {
  if (kind === 'canceled' || score === -1 || score === Infinity) return null;
  if (score === 1) return 1;
  return nearly(fromNow(score) * 1_000, expected);
}

/** Without the model: where a job is that must be somewhere, and that it is nowhere else. */
function expectOnePlaceEach(found: Keys): void {
  for (const [key, { value }] of Object.entries(found)) {
    if (!key.startsWith('rq:job:')) continue;
    const id = key.slice('rq:job:'.length);
    const { status } = value as { status: string };
    const places = placesOf(found, id);
    const place = { queued: 'queue', started: 'wip', stopped: 'failed' }[status] ?? status;
    // What was canceled may lie where a worker has moved it, or run on: until somebody sees it.
    const must = status === 'canceled' ? places.filter((name) => name === 'canceled') : places;
    expect({ id, status, places: must }).toEqual({ id, status, places: [place] });
  }
}

function placesOf(found: Keys, id: string): string[] {
  return Object.entries(found).flatMap(([key, { value }]) => {
    const kind = /^rq:(queue|wip|finished|failed|canceled|scheduled):/.exec(key)?.[1];
    if (kind === undefined || key.includes(':first_seen:')) return [];
    const entries = Array.isArray(value) ? value : Object.keys(value as object).map((name) => name.split(':')[0]);
    return entries.filter((entry) => entry === id).map(() => kind);
  });
}

import { dumps } from '../../../src/protocol/json-writer.js';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { newJobFields, parseJob } from '../../../src/protocol/job.js';
import * as keys from '../../../src/protocol/keys.js';
import { decodePayload, encodePayload, inflateText } from '../../../src/protocol/payload.js';
import { describeCall } from '../../../src/protocol/repr.js';
import { parseResult, returnValueOf } from '../../../src/protocol/result.js';
import { formatDate, parseDate } from '../../../src/protocol/time.js';
import { birthFields } from '../../../src/protocol/worker.js';

type Value = string | { b64: string };
interface Key {
  key: string;
  type: string;
  ttl: number;
  value: unknown;
}
interface Vector {
  id: string;
  serializer: string;
  produced_by: string;
  input: { func?: string; args?: unknown[]; kwargs?: Record<string, unknown>; options?: Record<string, unknown> };
  redis: Key[];
  decoded?: Record<string, { data_uncompressed_b64?: string } & Record<string, { exc_string_text?: string }>>;
}

const file = new URL('../../vectors/rq-golden-vectors.json', import.meta.url);
const { vectors } = JSON.parse(readFileSync(file, 'utf8')) as { vectors: Vector[] };

const bytes = (value: Value): Buffer =>
  typeof value === 'string' ? Buffer.from(value) : Buffer.from(value.b64, 'base64');
const map = (value: unknown): Map<string, Buffer> =>
  new Map(Object.entries(value as Record<string, Value>).map(([field, item]) => [field, bytes(item)]));
const jobsOf = (vector: Vector) =>
  vector.redis
    .filter(({ key, type }) => type === 'hash' && key.startsWith('rq:job:'))
    .map(({ key, value }) => ({ id: key.slice('rq:job:'.length), fields: map(value) }));
const vector = (id: string): Vector => vectors.find((candidate) => candidate.id === id) as Vector;

describe.each(vectors)('golden vector $id ($produced_by)', (golden) => {
  it('has jobs that are read without a problem, unknown fields kept', () => {
    for (const { id, fields } of jobsOf(golden)) {
      const job = parseJob(id, fields);
      expect(job.problems).toEqual([]);
      expect(job.status).toBe(fields.get('status')?.toString() ?? null);
      if (golden.produced_by !== 'rq-master') expect([...job.unknown.keys()]).toEqual([]);
      for (const field of job.unknown.keys()) expect(job.unknown.get(field)).toEqual(fields.get(field));
    }
  });

  it('has payloads that are read, or refused by name', () => {
    for (const { fields } of jobsOf(golden)) {
      const data = fields.get('data') as Buffer;
      if (golden.serializer === 'json') {
        const { functionName, args, kwargs } = decodePayload(data);
        expect(JSON.stringify([functionName, null, args, kwargs])).toBe(JSON.stringify(JSON.parse(inflateText(data))));
      } else {
        if (golden.id === 'pickle-instance') {
          expect(() => decodePayload(data)).toThrow(/tasks\.Box/);
          continue;
        }
        const { functionName, args, kwargs, serializer } = decodePayload(data);
        expect(serializer).toBe('pickle');
        const again = decodePayload(encodePayload({ functionName, args, kwargs }, 'pickle'));
        expect(again).toEqual({ functionName, args, kwargs, serializer });
      }
    }
  });

  it('has dates that are written back as they were', () => {
    for (const { fields } of jobsOf(golden)) {
      for (const field of ['created_at', 'enqueued_at', 'started_at', 'ended_at']) {
        const text = fields.get(field)?.toString() ?? '';
        if (text !== '') expect(formatDate(parseDate(text) ?? 0)).toBe(text);
      }
    }
  });

  it('has results that are read', () => {
    for (const { type, value } of golden.redis.filter((key) => key.type === 'stream')) {
      expect(type).toBe('stream');
      for (const [entry, fields] of value as [string, Record<string, Value>][]) {
        const result = parseResult(entry, map(fields));
        expect(result.type).toBe(Number(fields['type']));
        const text = golden.decoded?.['results']?.[entry]?.exc_string_text;
        if (golden.decoded) expect(result.error).toBe(text ?? null);
      }
    }
  });

  it('uses only keys that keys.ts can name', () => {
    for (const { key } of golden.redis) expect(canName(key), key).toBe(true);
  });
});

/** Rebuilds a key from its parts by the functions of keys.ts. */
function canName(key: string): boolean {
  const [, kind = '', ...rest] = key.split(':');
  const tail = rest.join(':');
  const dependents = /^(.*):dependents$/.exec(tail)?.[1];
  const built = [
    keys.QUEUES_KEY,
    keys.WORKERS_KEY,
    keys.SUSPENDED_KEY,
    keys.queueKey(tail),
    keys.jobKey(tail),
    ...(dependents === undefined ? [] : [keys.dependentsKey(dependents)]),
    keys.dependenciesKey(tail.replace(/^:|:dependencies$/g, '')),
    keys.resultsKey(tail),
    keys.executionsKey(tail),
    keys.executionKey(rest[0] ?? '', rest[1] ?? ''),
    keys.workerKey(tail),
    keys.queueWorkersKey(tail),
    keys.schedulerLockKey(tail),
    keys.maintenanceLockKey(tail),
    ...keys.REGISTRIES.map((registry) => keys.registryKey(registry, tail)),
  ];
  // Of later capabilities, and of RQ's unreleased version.
  const later = ['scheduler', 'cron_schedulers', 'cron_scheduler', 'rl', 'rl-keys', 'ready', 'cron_job'].includes(kind);
  return later || built.includes(key) || /^rq:worker:[^:]+:executions$/.test(key);
}

describe('writing as RQ does', () => {
  it.each(['json-min', 'json-unicode'])('%s: every field of an enqueued job', (id) => {
    const golden = vector(id);
    const { func = '', args = [], kwargs = {}, options = {} } = golden.input;
    const [stored] = jobsOf(golden);
    const fields = stored?.fields ?? new Map<string, Buffer>();
    const written = newJobFields({
      payload: encodePayload({ functionName: func, args, kwargs }),
      origin: 'default',
      description: describeCall(func, args, kwargs),
      createdAtMs: parseDate(fields.get('created_at')?.toString() ?? '') ?? 0,
      enqueuedAtMs: parseDate(fields.get('enqueued_at')?.toString() ?? '') ?? 0,
      timeoutSeconds: 180,
      ...(options['meta'] === undefined ? {} : { meta: Buffer.from(dumps(options['meta'])) }),
    });
    const readable = (entries: Iterable<[string, string | Buffer]>) =>
      Object.fromEntries(
        [...entries].map(([field, value]) => [
          field,
          field === 'data' ? inflateText(Buffer.from(value)) : value.toString(),
        ]),
      );
    expect(readable(written)).toEqual(readable(fields));
  });

  it('pickle-full: the options that do not depend on the serializer', () => {
    const [stored] = jobsOf(vector('pickle-full'));
    const written = new Map(
      newJobFields({
        payload: Buffer.from(''),
        origin: 'default',
        description: 'dësc',
        createdAtMs: 0,
        enqueuedAtMs: 0,
        timeoutSeconds: 3600,
        resultTtlSeconds: 77,
        failureTtlSeconds: 88,
        ttlSeconds: 3600,
        retry: { max: 3, intervals: [10, 20], enqueueAtFront: true },
      }),
    );
    for (const field of [
      'description',
      'timeout',
      'result_ttl',
      'failure_ttl',
      'ttl',
      'retries_left',
      'retry_intervals',
      'enqueue_at_front_on_retry',
    ]) {
      expect(written.get(field)?.toString(), field).toBe(stored?.fields.get(field)?.toString());
    }
  });

  it('pickle-running: the fields of a worker at birth', () => {
    const worker = vector('pickle-running').redis.find(({ key }) => key === 'rq:worker:wfork');
    const fields = worker?.value as Record<string, string>;
    const birth = birthFields({
      date: fields['birth'] ?? '',
      queues: ['default'],
      pid: Number(fields['pid']),
      hostname: 'vm',
      ipAddress: fields['ip_address'] ?? '',
      version: '2.10.0',
      runtime: fields['python_version'] ?? '',
    });
    for (const [field, value] of birth) {
      if (!['last_heartbeat', 'state'].includes(field)) expect(fields[field], field).toBe(value);
      expect(fields).toHaveProperty(field);
    }
  });

  it('a result of the JSON serializer is read as its value', () => {
    const fields = new Map([
      ['type', Buffer.from('1')],
      ['return_value', Buffer.from(Buffer.from('{"a": [1, null]}').toString('base64'))],
    ]);
    expect(returnValueOf(parseResult('1795219334051-0', fields)).value).toEqual({ a: [1, null] });
  });
});

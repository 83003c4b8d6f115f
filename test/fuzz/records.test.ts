import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TsrqError } from '../../src/errors.js';
import { NOTHING_RUNS, readWorker } from '../../src/info/worker.js';
import { parseCommand } from '../../src/protocol/commands.js';
import { newJobFields, parseJob, type JobRecord } from '../../src/protocol/job.js';
import * as keys from '../../src/protocol/keys.js';
import { deflateText } from '../../src/protocol/payload.js';
import { parseResult, readError, returnValueOf, type Result } from '../../src/protocol/result.js';
import { formatDate, formatEpochSeconds, parseDate, parseDuration } from '../../src/protocol/time.js';
import { birthFields } from '../../src/protocol/worker.js';
import { expectCleanPrototypes, fieldsOf, fuzz, parameters, thrown } from './fuzz.js';

/** The last millisecond that RQ's date form, with its four digits of the year, can say. */
const LAST_MS = Date.parse('9999-12-31T23:59:59.999Z');
const FIRST_MS = Date.parse('0001-01-01T00:00:00Z');

fuzz('date', (input) => {
  const ms = parseDate(input.toString());
  if (ms !== null) checkDate(ms);
});

fuzz('duration', (input) => {
  const text = input.toString();
  const refused = thrown(() => expect(parseDuration(text)).toSatisfy(Number.isSafeInteger), TsrqError);
  if (refused) expect(refused.code).toBe('USAGE');
});

fuzz('job', (input) => {
  const fields = fieldsOf(input);
  checkJob(parseJob('id', fields), fields);
});

fuzz('result', (input) => {
  const fields = fieldsOf(input);
  checkResult(parseResult(String(fields.get('id')), fields));
});

fuzz('command', (input) => checkCommand(input.toString()));

fuzz('worker', (input) => {
  const reply = [...fieldsOf(input)].flatMap(([field, value]) => [field, value.toString()]);
  const worker = readWorker('w', [{ command: ['HGETALL', 'rq:worker:w'], reply }], NOTHING_RUNS, 0);
  for (const value of [worker.successful, worker.failed, worker.workingSeconds])
    expect(value).toSatisfy(Number.isFinite);
  for (const value of [worker.pid, worker.birthMs, worker.heartbeatAgeSeconds, worker.currentJobSeconds]) {
    if (value !== null) expect(value).toSatisfy(Number.isFinite);
  }
  expect(worker.queues).not.toContain('');
  expect(worker.running.length).toBe(worker.currentJob === null ? 0 : 1);
});

fuzz('keys', (input) => checkKey(input.toString()));

const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));
const text = fc.string({ unit: 'binary', maxLength: 30 });
const moment = fc
  .tuple(fc.integer({ min: FIRST_MS, max: LAST_MS - 1 }), fc.nat(999))
  .map(([ms, micros]) => ms + micros / 1_000);

describe('a date', () => {
  it('of the years 1 to 9999 reads back to the microsecond', () => {
    fc.assert(fc.property(moment, checkDate), parameters());
  });

  it('of three digits or none, and of any offset, is read as JavaScript reads it', () => {
    const offset = fc.tuple(fc.constantFrom('+', '-'), fc.nat(23), fc.nat(59));
    const two = (n: number): string => String(n).padStart(2, '0');
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4e12 }), fc.boolean(), offset, (ms, fraction, [sign, hours, minutes]) => {
        const form = new Date(fraction ? ms : ms - (ms % 1_000)).toISOString().slice(0, fraction ? 23 : 19);
        const date = `${form}${sign}${two(hours)}:${two(minutes)}`;
        expect(parseDate(date)).toBe(Date.parse(date));
        expect(parseDate(date.replace('T', ' '))).toBe(Date.parse(date));
      }),
      parameters(),
    );
  });

  it('in seconds is a float as Python prints it, and the same moment', () => {
    fc.assert(
      fc.property(moment, (ms) => {
        const seconds = formatEpochSeconds(ms);
        expect(seconds).toMatch(/^-?\d+\.\d{1,6}$/);
        expect(Math.abs(Number(seconds) * 1_000 - ms)).toBeLessThanOrEqual(Math.max(0.000_75, Math.abs(ms) * 2 ** -51));
      }),
      parameters(),
    );
  });
});

describe('a duration', () => {
  it('is its number in its unit, with spaces around either', () => {
    const units = { s: 1, M: 60, h: 3_600, D: 86_400, '': 1 };
    const unit = fc.constantFrom(...(Object.keys(units) as (keyof typeof units)[]));
    const space = fc.constantFrom('', ' ', '\t ');
    fc.assert(
      fc.property(fc.integer(), unit, space, space, (number, name, before, between) => {
        const said = `${before}${number}${between}${name}${before}`;
        expect(parseDuration(said) === number * units[name]).toBe(true);
      }),
      parameters(),
    );
  });
});

describe('a record', () => {
  const jobField = fc.constantFrom(
    ...[
      'status',
      'origin',
      'timeout',
      'ttl',
      'result_ttl',
      'created_at',
      'ended_at',
      'retries_left',
      'retry_intervals',
    ],
    ...['dependency_ids', 'dependency_id', 'data', 'meta', 'exc_info', '__proto__', 'constructor', 'toString', ''],
  );
  it('of a job of whatever bytes is read, and every field that cannot be read is named', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(jobField, bytes), { maxLength: 12 }), text, (entries, id) => {
        const fields = new Map(entries);
        const job = parseJob(id, fields);
        expect(job.id).toBe(id);
        checkJob(job, fields);
      }),
      parameters(),
    );
  });

  it('of a new job is read back as it was written', () => {
    const job = fc.record({
      payload: bytes,
      origin: fc.string({ unit: 'grapheme', minLength: 1 }),
      description: fc.string({ unit: 'grapheme', minLength: 1 }),
      createdAtMs: fc.integer({ min: 0, max: LAST_MS }),
      enqueuedAtMs: fc.integer({ min: 0, max: LAST_MS }),
      timeoutSeconds: fc.maxSafeInteger(),
      ttlSeconds: fc.maxSafeInteger(),
      resultTtlSeconds: fc.maxSafeInteger(),
      failureTtlSeconds: fc.maxSafeInteger(),
      retry: fc.record({ max: fc.nat(), intervals: fc.array(fc.nat(), { maxLength: 5 }) }),
    });
    fc.assert(
      fc.property(job, (value) => {
        const fields = new Map(newJobFields(value).map(([field, content]) => [field, Buffer.from(content)]));
        const { payload, retry, ...rest } = value;
        expect(parseJob('id', fields)).toMatchObject({
          ...rest,
          data: payload,
          retriesLeft: retry.max,
          retryIntervals: retry.intervals,
          problems: [],
        });
      }),
      parameters(),
    );
  });

  it('of a result of whatever bytes is read, and an error text reads back, raw or as a zlib stream', () => {
    const field = fc.constantFrom('type', 'return_value', 'exc_string', 'worker_name', 'execution_id', '__proto__');
    fc.assert(
      fc.property(fc.array(fc.tuple(field, bytes)), text, (entries, id) => {
        checkResult(parseResult(id, new Map(entries)));
        const error = `E${Buffer.from(id).toString()}`;
        expect(readError(deflateText(error))).toBe(error);
        expect(readError(Buffer.from(error))).toBe(error);
      }),
      parameters(),
    );
  });

  it('of a worker at its birth says what it was given, once each', () => {
    const birth = fc.record({
      ...{ date: text, queues: fc.array(text), pid: fc.nat(), hostname: text, ipAddress: text },
      ...{ version: text, runtime: text },
    });
    fc.assert(
      fc.property(birth, (value) => {
        const fields = birthFields(value);
        const read = new Map(fields);
        expect(read.size).toBe(fields.length);
        expect(read.get('queues')).toBe(value.queues.join(','));
        expect(read.get('hostname')).toBe(value.hostname);
        expect(Number(read.get('pid'))).toBe(value.pid);
      }),
      parameters(),
    );
  });
});

describe('a command', () => {
  it('of any text is one of RQ or unknown', () => {
    fc.assert(fc.property(fc.oneof(text, fc.json()), checkCommand), parameters());
  });
});

describe('a key', () => {
  it('gives back the name it was made of', () => {
    fc.assert(fc.property(text, checkKey), parameters());
  });

  it('of one job is never that of another, whichever of its keys', () => {
    const id = fc.stringMatching(/^[A-Za-z0-9_-]{1,8}$/);
    const { jobKey, dependentsKey, dependenciesKey, resultsKey, executionsKey, executionKey } = keys;
    fc.assert(
      fc.property(id, id, (a, b) => {
        const of = (job: string): string[] => [
          ...[jobKey, dependentsKey, dependenciesKey, resultsKey, executionsKey].map((key) => key(job)),
          executionKey(job, b),
        ];
        expect(new Set([...of(a), ...of(b)]).size).toBe(a === b ? 6 : 12);
      }),
      parameters(),
    );
  });
});

function checkDate(ms: number): void {
  const form = formatDate(ms);
  expect(form).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  // Half a microsecond, or in far years what a double can hold.
  expect(Math.abs((parseDate(form) ?? NaN) - ms)).toBeLessThanOrEqual(Math.max(0.000_75, Math.abs(ms) * 2 ** -51));
}

/** The fields of a record by the name they have in the hash. */
const SOURCES: readonly (readonly [field: string, of: (job: JobRecord) => unknown])[] = [
  ['created_at', (job) => job.createdAtMs],
  ['enqueued_at', (job) => job.enqueuedAtMs],
  ['started_at', (job) => job.startedAtMs],
  ['ended_at', (job) => job.endedAtMs],
  ['last_heartbeat', (job) => job.lastHeartbeatMs],
  ['timeout', (job) => job.timeoutSeconds],
  ['result_ttl', (job) => job.resultTtlSeconds],
  ['failure_ttl', (job) => job.failureTtlSeconds],
  ['ttl', (job) => job.ttlSeconds],
  ['retries_left', (job) => job.retriesLeft],
];

function checkJob(job: JobRecord, fields: ReadonlyMap<string, Buffer>): void {
  for (const [field, of] of SOURCES) {
    const value = of(job);
    const named = job.problems.some((problem) => problem.startsWith(`${field} is '`));
    const isSet = (fields.get(field)?.toString() ?? '') !== '';
    expect(named, field).toBe(isSet && value === null);
    if (value === null) continue;
    if (/(_at|heartbeat)$/.test(field)) checkDate(value as number);
    else expect(value, field).toSatisfy(Number.isSafeInteger);
  }
  expect(job.retryIntervals.every((seconds) => Number.isFinite(seconds))).toBe(true);
  expect(job.dependencyIds.every((id) => typeof id === 'string')).toBe(true);
  for (const problem of job.problems) expect(problem.length).toBeLessThan(120);
  for (const [field, value] of job.unknown) expect(fields.get(field)).toBe(value);
  expect(job.data).toBe(fields.get('data') ?? null);
  expect(typeof readError(job.legacyError ?? Buffer.alloc(0))).toBe('string');
  expectCleanPrototypes();
}

function checkResult(result: Result): void {
  for (const value of [result.createdAtMs, result.type])
    if (value !== null) expect(value).toSatisfy(Number.isSafeInteger);
  if (result.createdAtMs !== null) expect(new Date(result.createdAtMs).getTime()).toBe(result.createdAtMs);
  for (const value of [result.workerName, result.executionId]) expect(value).not.toBe('');
  if (result.type !== 1) expect(returnValueOf(result)).toEqual({ value: null, unreadable: null });
  else returnValueOf(result);
  expectCleanPrototypes();
}

function checkCommand(said: string): void {
  const command = parseCommand(said);
  const names = ['shutdown', 'kill-horse', 'stop-job', 'stop-execution', 'unknown'];
  expect(names).toContain(command.command);
  if (command.command === 'unknown') return;
  const message = JSON.parse(said) as Record<string, unknown>;
  expect(Object.hasOwn(message, 'command')).toBe(true);
  expect({
    command: message['command'],
    ...('jobId' in command ? { jobId: message['job_id'] } : {}),
    ...('executionId' in command ? { executionId: message['execution_id'] } : {}),
  }).toEqual(command);
}

function checkKey(name: string): void {
  const { isJobId, queueKey, queueOfKey, workerKey, workerOfKey } = keys;
  expect(queueOfKey(queueKey(name))).toBe(name === '' ? null : name);
  expect(workerOfKey(workerKey(name))).toBe(name === '' ? null : name);
  // Taken for a member of rq:queues or rq:workers it is alien, or the key of its name.
  const queue = queueOfKey(name);
  if (queue !== null) expect(queueKey(queue)).toBe(name);
  const worker = workerOfKey(name);
  if (worker !== null) expect(workerKey(worker)).toBe(name);
  expect(isJobId(name)).toBe(name !== '' && [...name].every((char) => /[A-Za-z0-9_-]/.test(char)));
}

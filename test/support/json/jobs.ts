import { z } from 'zod';
import {
  connection,
  count,
  flag,
  list,
  moment,
  named,
  object,
  orNull,
  seconds,
  text,
  value,
  words,
  type JsonDocument,
} from './fields.js';

export const progress = named(
  'Progress',
  'How far a job is.',
  object({ percent: z.number().describe('0 to 100'), text: orNull(text('what it says to that')) }),
);

const times = {
  createdAt: orNull(moment('when it was made')),
  enqueuedAt: orNull(moment('when it was put on its queue')),
  startedAt: orNull(moment('when it was started last')),
  endedAt: orNull(moment('when it ended last')),
};
const status = text(
  "RQ's word: `queued`, `started`, `deferred`, `scheduled`, `finished`, `failed`, `stopped`, `canceled`, …",
);
const error = text('the error, as it was recorded');
const UNREADABLE = 'what the value is if it cannot be read, as only Python can: `a value of type app.Model`; else null';

const job = named(
  'Job',
  'All that is known of a job.',
  object({
    id: text('of the job'),
    status: orNull(status),
    origin: orNull(text('the queue that it came from')),
    description: orNull(text('the call, or what the producer has said')),
    ...times,
    workerName: orNull(text('of the worker that ran it last')),
    timeoutSeconds: orNull(z.number()).describe('how long it may run; -1 for no limit'),
    retriesLeft: orNull(z.int()),
    repeatsLeft: orNull(z.int()),
    meta: value('what was stored with it; null if nothing was, or it cannot be read'),
    result: value('that the newest run has returned; null where that has failed, and for None'),
    unreadable: orNull(text(UNREADABLE)),
    error: orNull(text('of the newest run, if that has failed')),
    retryErrors: list(
      object({
        endedAt: moment('when the attempt ended'),
        workerName: text('of the worker; empty if that died'),
        executionId: text('of the attempt'),
        error,
      }),
      'why attempts failed that were retried, oldest first',
    ),
    progress: orNull(progress).describe('how far it is; null where it does not tell'),
    results: list(
      object({
        type: text(
          '`successful`, `failed`, `retried`, `maxRetriesExceeded`; `type 9` for a number that only a newer RQ knows',
        ),
        createdAt: orNull(moment("when it was recorded, by Redis's clock")),
        startedAt: orNull(moment('when the attempt was started')),
        endedAt: orNull(moment('when the attempt ended')),
        workerName: orNull(text('of the worker')),
        executionId: orNull(text('of the attempt')),
        value: value('that was returned; null for None'),
        unreadable: orNull(text(UNREADABLE)),
        error: orNull(error),
      }),
      'that are kept, newest first',
    ),
    log: list(
      object({
        at: moment("when it was stored, by Redis's clock"),
        executionId: text('of the attempt'),
        text: text('the line'),
      }),
      'the last 10 lines, with `--logs` all that are kept, oldest first',
    ),
    waitsFor: list(
      object({ id: text('of the job'), status: orNull(text('null: it is gone, which is as good as finished')) }),
      'of a deferred job: the jobs that it waits for',
    ),
  }),
);

const noJob = named(
  'NoJob',
  'A job that does not exist.',
  object({ id: text('that was asked for'), done: z.literal(false) }),
);

const STATUS =
  '`gone`: it is not there any more, and nothing tells how it ended; `timeout`: it had not ended in time; `interrupted`: by Ctrl-C; `missing`: there is no such job';
const REGISTRY = 'the queue whose failed registry held it; null if none did';

const ended = {
  status: words(['finished', 'failed', 'stopped', 'canceled', 'gone'], STATUS),
  result: value('that it has returned; null for None, and where it was not kept'),
  unreadable: orNull(text(UNREADABLE)),
  error: orNull(error),
  kept: flag('Redis has something of it still'),
};
const notEnded = {
  status: words(['timeout', 'interrupted', 'missing'], STATUS),
  text: text('the same as a sentence'),
};

const entry = object({
  connection,
  id: text('of the job'),
  queue: text('in which, or in a registry of which, it was found'),
  state: words(
    ['queued', 'started', 'deferred', 'scheduled', 'finished', 'failed', 'stopped', 'canceled'],
    'by the place in which it was found',
  ),
  status: orNull(text('by its own record: another than `state` where a stale entry was found')),
  problem: orNull(text('why nothing is known of it')),
  functionName: orNull(text('null too where the payload is larger than 64 KiB, or cannot be read')),
  description: orNull(text('the call, or what the producer has said')),
  when: orNull(moment('queued, started, deferred: since when; scheduled: until when; else when it ended')),
  ...times,
  seconds: orNull(seconds('that it ran, or has run by now')),
  workerName: orNull(text('of the worker')),
  error: orNull(text('of a failed or stopped job')),
});

export const JOB_DOCUMENTS: readonly JsonDocument[] = [
  {
    name: 'enqueue',
    commands: ['enqueue'],
    about: 'The job.',
    schema: object({
      id: text('of the job'),
      queue: text('its queue'),
      status: words(['queued', 'scheduled', 'deferred', 'rate_limited'], 'what it does now'),
      description: text('the call, or `--description`'),
    }),
  },
  {
    name: 'enqueue-wait',
    commands: ['enqueue --wait'],
    about: 'The job, and how it has ended; `text` in place of `result`, `error` and `kept` if it has not.',
    schema: z.union([
      object({ id: text('of the job'), queue: text('its queue'), description: text('the call'), ...ended }),
      object({ id: text('of the job'), queue: text('its queue'), description: text('the call'), ...notEnded }),
    ]),
  },
  {
    name: 'job-list',
    commands: ['job list'],
    about:
      'Jobs of queues and registries. If Redis goes away meanwhile, those that were found, and the exit code is 69.',
    schema: object({
      jobs: list(entry, 'in the order asked for'),
      more: flag('there may be more than were asked for'),
    }),
  },
  {
    name: 'job-show',
    commands: ['job show'],
    about: 'Jobs, each in full.',
    schema: object({ jobs: list(z.union([job, noJob]), 'in the order given') }),
  },
  {
    name: 'job-wait',
    commands: ['job wait'],
    about: 'How the jobs have ended; `text` in place of `result`, `error` and `kept` where they have not.',
    schema: object({
      jobs: list(
        z.union([object({ id: text('of the job'), ...ended }), object({ id: text('of the job'), ...notEnded })]),
        'in the order given',
      ),
    }),
  },
  {
    name: 'job-end',
    commands: ['job cancel', 'job stop', 'job delete'],
    about: 'What became of each job.',
    schema: object({
      jobs: list(
        object({ id: text('of the job'), done: flag('it was done'), reason: text('why not; only then').optional() }),
        'in the order given',
      ),
    }),
  },
  {
    name: 'requeue',
    commands: ['requeue', 'job requeue'],
    about:
      'What became of each job. If Redis goes away meanwhile, of those that were dealt with, and the exit code is 69.',
    schema: object({
      jobs: list(
        z.union([
          object({
            id: text('of the job'),
            registry: text(REGISTRY),
            requeued: z.literal(true),
            queue: text('that it is on now'),
          }),
          object({
            id: text('of the job'),
            registry: orNull(text(REGISTRY)),
            requeued: z.literal(false),
            reason: text('why not; `dry run` with `--dry-run`'),
          }),
        ]),
        'that were to be requeued',
      ),
      requeued: count('jobs that were requeued'),
      wouldRequeue: count('with `--dry-run` only: jobs that would be requeued').optional(),
      total: count('jobs that were to be requeued'),
    }),
  },
];

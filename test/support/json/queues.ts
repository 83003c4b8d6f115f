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
  words,
  type JsonDocument,
} from './fields.js';
import { workers } from './workers.js';

const queue = named(
  'Queue',
  'A queue and its registries.',
  object({
    connection,
    name: text('of the queue'),
    error: z.null().describe('it can be read'),
    paused: flag("tsrq's workers take nothing from it"),
    pausedForSeconds: orNull(seconds('until that ends by itself; null for never, and where it is not paused')),
    queued: count('jobs that wait'),
    intermediate: count('jobs that a worker has taken off the queue and is about to start'),
    started: count('jobs that run'),
    abandoned: count('jobs that were started by workers that are dead; a worker will retry or fail them'),
    finished: count('jobs that have finished and are kept'),
    failed: count('jobs that have failed and are kept'),
    deferred: count('jobs that wait for others'),
    scheduled: count('jobs that wait for their time'),
    canceled: count('jobs that were canceled'),
    oldestQueuedAt: orNull(moment('when the job at the head was enqueued; null if there is none, or it does not tell')),
    oldestAgeSeconds: orNull(seconds('since then')),
    workers: list(z.string(), 'names of the live workers that listen'),
  }),
);

const brokenQueue = named(
  'BrokenQueue',
  'A queue one of whose keys is none of RQ, or a member of `rq:queues` that is no queue.',
  object({ connection, name: text('of the queue, or the member'), error: text('what is wrong') }),
);

const noQueue = named(
  'NoQueue',
  'A queue that does not exist; of `queue show` only.',
  object({ connection, name: text('that was asked for'), found: z.literal(false) }),
);

const queues = list(
  z.union([queue, brokenQueue]),
  'in the order given, or sorted by name, connection after connection',
);
const totals = object({
  queues: count('queues, also those that cannot be read'),
  workers: count('workers, also those that cannot be read'),
  queued: count('sum over the queues, as the others'),
  started: z.int().min(0),
  abandoned: z.int().min(0),
  finished: z.int().min(0),
  failed: z.int().min(0),
  deferred: z.int().min(0),
  scheduled: z.int().min(0),
  canceled: z.int().min(0),
});

const changed = { queue: text('name of the queue') };

export const QUEUE_DOCUMENTS: readonly JsonDocument[] = [
  {
    name: 'info',
    commands: ['info'],
    about:
      'Queues and workers. With `--interval` one document a line. A Redis that cannot be reached is left out, and the exit code is 69.',
    schema: object({
      time: moment("by Redis's clock"),
      suspended: flag('at any of the connections'),
      totals,
      connections: list(
        object({
          name: text('of the connection'),
          redis: text('where it is, without secrets'),
          time: moment("by this Redis's clock"),
          suspended: flag('no worker starts a job'),
          suspendedForSeconds: orNull(
            seconds('until that ends by itself; null for never, and where it is not suspended'),
          ),
          problems: list(z.string(), 'what was found in the sets of RQ that RQ would not have written'),
        }),
        'those that were asked',
      ),
      queues,
      workers,
    }),
  },
  {
    name: 'queue-list',
    commands: ['queue list', 'queue show'],
    about: 'Queues, as in `info`.',
    schema: object({
      queues: list(
        z.union([queue, brokenQueue, noQueue]),
        'in the order given, or sorted by name, connection after connection',
      ),
    }),
  },
  {
    name: 'queue-pause',
    commands: ['queue pause'],
    about: 'What became of each queue.',
    schema: object({
      queues: list(
        object({
          ...changed,
          done: z.literal(true),
          paused: z.literal(true),
          durationSeconds: orNull(seconds('until it is resumed by itself; null for never')),
        }),
        'in the order given, connection after connection',
      ),
    }),
  },
  {
    name: 'queue-resume',
    commands: ['queue resume'],
    about: 'What became of each queue.',
    schema: object({
      queues: list(
        object({ ...changed, done: z.literal(true), paused: z.literal(false), wasPaused: flag('before') }),
        'in the order given, connection after connection',
      ),
    }),
  },
  {
    name: 'queue-compact',
    commands: ['queue compact'],
    about: 'What became of each queue.',
    schema: object({
      queues: list(
        object({ ...changed, done: z.literal(true), dropped: count('ids without a job') }),
        'in the order given, connection after connection',
      ),
    }),
  },
  {
    name: 'queue-delete',
    commands: ['queue delete'],
    about: 'What became of each queue.',
    schema: object({
      queues: list(
        object({
          ...changed,
          done: flag('it is deleted'),
          removed: count('queued jobs that were deleted, or with `--keep-jobs` forgotten'),
          reason: text('why it was not deleted; only then').optional(),
        }),
        'in the order given, connection after connection',
      ),
    }),
  },
  {
    name: 'empty',
    commands: ['empty'],
    about: 'What was removed.',
    schema: object({
      removed: count('jobs in all; 0 with `--dry-run`'),
      wouldRemove: count('with `--dry-run` only: jobs in all').optional(),
      queues: list(
        object({
          queue: text('name of the queue'),
          place: words(
            ['queued', 'failed', 'finished', 'canceled', 'scheduled', 'deferred'],
            'the queue or a registry of it',
          ),
          removed: count('jobs; 0 with `--dry-run`'),
          wouldRemove: count('with `--dry-run` only: jobs').optional(),
          error: text('why it cannot be emptied; only then').optional(),
        }),
        'one entry for each place of each queue',
      ),
    }),
  },
  {
    name: 'move',
    commands: ['move', 'queue move'],
    about: 'What became of the jobs.',
    schema: object({
      from: text('name of the queue'),
      to: text('name of the queue'),
      moved: count('jobs; 0 with `--dry-run`'),
      wouldMove: count('with `--dry-run` only: jobs').optional(),
      dropped: count('ids without a job to move'),
    }),
  },
  {
    name: 'clean',
    commands: ['clean'],
    about: 'What there was to clean.',
    schema: object({
      dryRun: flag('it was counted, and nothing was changed'),
      queues: list(
        z.union([
          object({
            ...changed,
            abandoned: orNull(
              count('executions of dead workers; null: it is too early to tell, Redis was just started'),
            ),
            retried: count('jobs of them that were put back, at once or for later'),
            failed: count('jobs of them that failed'),
            stranded: count('ids that workers took and never started'),
            putBack: count('of these on their queue again; the others had no job that waits'),
            waiting: count('ids that lie there not for long enough'),
            expired: count('entries of finished and failed jobs whose time was over'),
            gone: count('entries whose job is gone'),
            workers: list(z.string(), 'names of workers of this queue that are gone'),
          }),
          object({ ...changed, error: text('why it cannot be cleaned; only then') }),
        ]),
        'in the order given, or sorted by name, connection after connection',
      ),
      workers: list(z.string(), 'names of all workers that are gone, and were or would be forgotten'),
      groupMembers: count('members of groups whose job is gone; with `--all` only'),
    }),
  },
  {
    name: 'suspend',
    commands: ['suspend'],
    about: '',
    schema: object({
      suspended: z.literal(true),
      durationSeconds: orNull(seconds('until workers go on by themselves; null for never')),
    }),
  },
  {
    name: 'resume',
    commands: ['resume'],
    about: '',
    schema: object({ suspended: z.literal(false), wasSuspended: flag('before') }),
  },
];

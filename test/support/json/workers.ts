import { z } from 'zod';
import { progress } from './jobs.js';
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

const running = named(
  'Running',
  'A job that a worker runs.',
  object({
    id: text('of the job'),
    queue: orNull(text('null where it is not known')),
    seconds: orNull(seconds('for which it has run; null where that is not known')),
    progress: orNull(progress).describe('how far it is; null where it does not tell'),
  }),
);

const worker = named(
  'Worker',
  'A worker, of tsrq or of Python.',
  object({
    connection,
    name: text('of the worker'),
    error: z.null().describe('it can be read'),
    gone: flag('it is registered and has left without saying so'),
    stale: flag('gone, or no sign of life for longer than a live worker leaves between two'),
    hostname: orNull(z.string()),
    ipAddress: orNull(z.string()),
    pid: orNull(z.int()).describe('number of its process'),
    state: text('`idle`, `busy`, `suspended`, …; `?` where it does not tell'),
    queues: list(z.string(), 'that it listens on, in its order'),
    concurrency: orNull(count('jobs at once; null for one that does not tell, as those of Python')),
    quiet: flag('it was told to take no new jobs'),
    stopping: flag('it was told to stop, and ends when its jobs have ended'),
    currentJob: orNull(text('id of a job that it runs')),
    currentJobSeconds: orNull(seconds('for which that has run')),
    running: list(running, 'the jobs that it runs'),
    successful: count('jobs that it has finished'),
    failed: count('jobs that have failed in it'),
    workingSeconds: seconds('that its jobs have run in all'),
    version: orNull(text('of tsrq or RQ')),
    runtime: orNull(text('`Node.js 20.19.0`, or the version of Python')),
    birth: orNull(moment('when it was started')),
    heartbeatAgeSeconds: orNull(seconds("since its last sign of life, by Redis's clock")),
  }),
);

const brokenWorker = named(
  'BrokenWorker',
  'A worker whose key is none of RQ.',
  object({ connection, name: text('of the worker'), error: text('what is wrong') }),
);

export const workers = list(z.union([worker, brokenWorker]), 'sorted by name, connection after connection');

export const WORKER_DOCUMENTS: readonly JsonDocument[] = [
  {
    name: 'workers-list',
    commands: ['workers list'],
    about: 'Workers, as in `info`.',
    schema: object({ workers, missing: list(z.string(), 'names that were given and that no worker has') }),
  },
  {
    name: 'workers-direct',
    commands: ['workers quiet', 'workers resume', 'workers stop', 'workers kill-job', 'workers scale'],
    about: 'What became of the order.',
    schema: object({
      action: words(['quiet', 'resume', 'stop', 'kill-job', 'scale'], 'that was asked for'),
      workers: list(
        object({
          connection,
          name: text('of the worker'),
          state: words(
            ['done', 'already', 'sent', 'unseen', 'unheard', 'unknown', 'dead', 'gone', 'broken'],
            'heard, and it shows; nothing was to do; heard, and not waited for (`--no-wait`); heard, and it does not show within 10 s; nobody listens; the worker does not know this order; registered and dead; there is no such worker; its key cannot be read',
          ),
          subscribers: count('how many have heard it'),
          version: orNull(text('with `unknown`: what the worker is; else null')),
          error: text('with `broken` only: what is wrong').optional(),
        }),
        'those that were chosen',
      ),
    }),
  },
];

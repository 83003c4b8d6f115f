import { z } from 'zod';
import {
  connection,
  count,
  flag,
  list,
  moment,
  object,
  orNull,
  seconds,
  text,
  value,
  words,
  type JsonDocument,
} from './fields.js';

const finding = object({
  connection,
  id: text('what was looked at: `eviction-policy`, `ids-without-job`, …'),
  level: words(['ok', 'warning', 'problem'], ''),
  message: text('what was found'),
  remedy: orNull(text('what helps')),
  details: z
    .record(z.string(), z.unknown())
    .describe('numbers and names, different ones for each `id`; where there are any')
    .optional(),
  fix: z
    .looseObject({ kind: text('what it is that `--fix` does') })
    .describe('where `--fix` does something about it: what')
    .optional(),
});

export const OPERATION_DOCUMENTS: readonly JsonDocument[] = [
  {
    name: 'doctor',
    commands: ['doctor'],
    about:
      'Findings; with `--fix` those behind it. A Redis that cannot be reached is left out, and the exit code is 69.',
    schema: object({
      time: moment("by Redis's clock"),
      redis: text('where it is, or they are, without secrets'),
      findings: list(finding, 'connection after connection'),
      problems: count('findings of that level'),
      warnings: count('findings of that level'),
      fixed: list(
        object({
          connection,
          id: text('of the finding'),
          kind: text('what `--fix` did'),
          done: text('what came of it, as a sentence'),
        }),
        'with `--fix` only',
      ).optional(),
    }),
  },
  {
    name: 'health',
    commands: ['health'],
    about: 'Nothing but a message on stderr if Redis does not answer.',
    schema: object({
      well: flag('the exit code is 0'),
      text: text('why, as a sentence'),
      worker: orNull(text('the worker that was asked for')),
      ageSeconds: orNull(seconds("since its last sign of life, by Redis's clock; null where there is none")),
    }),
  },
  {
    name: 'tail',
    commands: ['tail'],
    about: 'One object a line, for each thing that happens to a job.',
    schema: object({
      time: moment('when, by the clock of who wrote it; where that is not written, when it was seen'),
      event: text(
        '`queued`, `scheduled`, `deferred`, `started`, `finished`, `failed`, `stopped`, `canceled`, `retried`, `requeued`, `gone`, or another status of RQ',
      ),
      id: text('of the job'),
      queue: text('its queue'),
      worker: orNull(text('of `started` and ends: name of the worker')),
      seconds: orNull(seconds('of ends: for which it ran')),
      connection,
    }),
  },
  {
    name: 'cron',
    commands: ['cron --dry-run', 'cron --next'],
    about: 'When the entries of a file run next.',
    schema: object({
      entries: list(
        object({
          name: text('of the entry'),
          function: text('that is called'),
          queue: text('that its jobs are put on'),
          cron: orNull(text('the expression; null if there is an interval')),
          timezone: orNull(text('of the expression; null if there is an interval')),
          interval: orNull(seconds('between two runs; null if there is an expression')),
          missed: words(['once', 'skip', 'all'], 'what about runs that passed while nobody enqueued them'),
          next: list(z.iso.datetime(), 'the next runs; fewer than asked for where none comes within 50 years'),
        }),
        'in the order of the file',
      ),
    }),
  },
  {
    name: 'config',
    commands: ['config'],
    about: 'The effective configuration.',
    schema: object({
      file: orNull(text('path of the configuration file, if there is one')),
      values: list(
        object({
          path: text('as in the file: `worker.concurrency`'),
          value: value('passwords are hidden'),
          source: text('`default`, a variable, an option, or the file'),
        }),
        'sorted by path',
      ),
    }),
  },
];

import { z } from 'zod';
import { connection, count, flag, list, moment, named, object, orNull, text, type JsonDocument } from './fields.js';

const member = object({ id: text('of the job'), status: orNull(text('null: the job is gone')) });
const counts = z.record(z.string(), z.int().min(1)).describe('how many jobs have each status; none is 0');
const group = text('of the group');
const noGroup = named('NoGroup', 'A group that does not exist.', object({ name: group, found: z.literal(false) }));

/** Failures by what they have in common, and RQ's groups. */
export const GROUP_DOCUMENTS: readonly JsonDocument[] = [
  {
    name: 'failures',
    commands: ['failures'],
    about: 'What fails.',
    schema: object({
      total: count('failed jobs'),
      groups: list(
        object({
          connection,
          function: orNull(text('name of the function; null where it cannot be told')),
          error: orNull(text('type and message, without numbers, dates and ids; null where none is recorded')),
          count: count('jobs'),
          newest: orNull(moment('when the newest of them ended; null where none tells')),
          oldest: orNull(moment('when the oldest of them ended; null where none tells')),
          example: text('id of the one that failed last'),
          queues: list(z.string(), 'on which they failed'),
        }),
        'the largest first, connection after connection',
      ),
    }),
  },
  {
    name: 'group-list',
    commands: ['group list'],
    about: 'The groups of all connections.',
    schema: object({ groups: list(object({ name: group, found: z.literal(true) }), 'sorted by name') }),
  },
  {
    name: 'group-show',
    commands: ['group show'],
    about: 'Groups; one that is on several connections is there for each of them.',
    schema: object({
      groups: list(
        z.union([
          object({
            name: group,
            found: z.literal(true),
            jobs: count('members that have a job'),
            gone: count('members whose job is gone'),
            counts,
            done: flag('all of the jobs have ended'),
            members: list(member, 'the first 20, or `--limit`'),
          }),
          noGroup,
        ]),
        'in the order given',
      ),
    }),
  },
  {
    name: 'group-delete',
    commands: ['group delete'],
    about: 'What became of each group; one that was on several connections is there for each of them.',
    schema: object({
      groups: list(
        z.union([object({ name: group, found: z.literal(true), jobs: count('that were in it; they stay') }), noGroup]),
        'in the order given',
      ),
    }),
  },
];

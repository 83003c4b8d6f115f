import { listed, little, NO_CHECKSUM } from './dump.js';
import { char, oneByteEach } from './packed.js';

/** The hash of a new job around what it is called with. */
export interface JobFrame {
  readonly before: string;
  /** When it was created and enqueued, as it is listed. */
  readonly date: string;
  readonly after: string;
  /** Names and values, with payload and description. */
  readonly elements: number;
}

/**
 * Bytes of a hash up to which it is dumped. Some 600 are saved, and beyond this jemalloc's sizes are 1,024 and more apart: one piece may take
 * more room than two.
 */
const MOST_BYTES = 4_096;

const CALLBACKS = ['success_callback_name', 'failure_callback_name', 'stopped_callback_name'];

/**
 * What is written of a job that goes to its queue at once: what RQ always writes, and `fields`. What workers write anew stands in front,
 * where Redis finds it first. `createdAt`: as RQ writes dates.
 */
export function frameJob(
  queue: string,
  createdAt: string,
  fields: readonly (readonly [name: string, value: string | Buffer])[],
): JobFrame {
  const blanks = CALLBACKS.filter((name) => !fields.some(([other]) => other === name));
  let after = GROUP;
  for (const name of blanks) after += listed(name) + BLANK;
  for (const [name, value] of fields) after += listed(name) + listed(bytes(value));
  return {
    before: `${STATUS}${ORIGIN}${listed(bytes(queue))}${ENQUEUED_AT}`,
    date: listed(createdAt),
    after,
    // Eight in front, payload and description, the group.
    elements: 2 * (8 + 2 + 1 + blanks.length + fields.length),
  };
}

/** The same of a job that is written at another time. */
export const dated = ({ before, after, elements }: JobFrame, createdAt: string): JobFrame => {
  return { before, date: listed(createdAt), after, elements };
};

const bytes = (value: string | Buffer): string =>
  typeof value === 'string' ? oneByteEach(value) : value.toString('latin1');

const BLANK = listed('');
const STATUS =
  listed('status') +
  listed('queued') +
  ['started_at', 'last_heartbeat', 'ended_at', 'worker_name'].map((name) => listed(name) + BLANK).join('');
const [ORIGIN, ENQUEUED_AT, CREATED_AT] = [listed('origin'), listed('enqueued_at'), listed('created_at')];
const [DATA, DESCRIPTION, GROUP] = [listed('data'), listed('description'), listed('group_id') + BLANK];

/**
 * The hash of a job as Redis 7's DUMP would give it if it kept all of them as a listpack, unsealed (dump.ts): half the room of the hash table
 * that HSET makes where a value is longer than 64 bytes, and less time. Null where it is too long for that.
 */
export function dumpJob(frame: JobFrame, payload: Buffer, description: string): string | null {
  const { before, date, after, elements } = frame;
  const least = before.length + 2 * date.length + after.length + payload.length + description.length;
  if (least > MOST_BYTES) return null;
  const dates = `${date}${CREATED_AT}${date}${DATA}`;
  const entries = `${before}${dates}${listed(payload.toString('latin1'))}${DESCRIPTION}${listed(oneByteEach(description))}${after}`;
  const length = 6 + entries.length + 1;
  // A hash as a listpack, which is a text of so many bytes; the version.
  return `\x10${char(0x40 | (length >> 8))}${char(length)}${little(length, 4)}${little(elements, 2)}${entries}\xff\x0a\x00${NO_CHECKSUM}`;
}

import { randomUUID } from 'node:crypto';
import { seal } from '../protocol/dump.js';
import { packedBytes, packedList, packedText } from '../protocol/packed.js';
import type { BufferReply, Durability, Redis, RedisArg } from '../redis/redis.js';
import { asList, asText } from './claim.js';
import { HELD, type EnqueuedJob, type PreparedJob } from './new-job.js';
import { dumpFor, sendNoDumps, store, tellEnqueued } from './store.js';

/** What became of a job: `exists`, its id is in use by a job of that status; `refused`, with the reason. */
export type EnqueueOutcome = Omit<EnqueuedJob, 'status'> &
  (
    | { readonly state: EnqueuedJob['status'] }
    | { readonly state: 'exists'; readonly status: string }
    | { readonly state: 'refused'; readonly reason: string }
  );

/** Jobs in one call, and bytes after which it takes no more: a script must not hold Redis for long. */
const MOST_IN_A_CALL = 200;
const ENOUGH_BYTES = 1_048_576;

/** Stores jobs in one atomic step, and publishes each that was stored. */
export async function storeTogether(
  redis: Redis,
  portion: readonly PreparedJob[],
  durable?: Durability,
): Promise<EnqueueOutcome[]> {
  const dumps = portion.map((job) => dumpFor(redis, job));
  const reply = await store(redis, 'enqueue_many', argsOf(portion, dumps), durable, `${portion.length} jobs are`);
  const { outcomes, undumped } = readOutcomes(portion, reply);
  outcomes.forEach((outcome, i) => {
    const job = portion[i];
    if (job && isStored(outcome) && !undumped.includes(i)) tellEnqueued(redis, job, outcome.state);
  });
  if (undumped.length > 0) {
    sendNoDumps(redis);
    const again = undumped.map((i) => portion[i] as PreparedJob);
    const stored = await storeTogether(redis, again, durable);
    undumped.forEach((i, k) => (outcomes[i] = stored[k] as EnqueueOutcome));
  }
  return outcomes;
}

export const isStored = (
  outcome: EnqueueOutcome,
): outcome is EnqueueOutcome & { readonly state: EnqueuedJob['status'] } =>
  outcome.state !== 'exists' && outcome.state !== 'refused';

/** Jobs in portions that are each stored together. */
export function split<T>(jobs: readonly T[], bytesOf: (job: T) => number): T[][] {
  const portions: T[][] = [];
  let bytes = Infinity;
  for (const job of jobs) {
    const portion = portions.at(-1);
    if (!portion || portion.length >= MOST_IN_A_CALL || bytes >= ENOUGH_BYTES) {
      portions.push([job]);
      bytes = bytesOf(job);
    } else {
      portion.push(job);
      bytes += bytesOf(job);
    }
  }
  return portions;
}

/** `dumps`: the hashes of jobs that go in one piece, unsealed; null for others. */
function argsOf(portion: readonly PreparedJob[], dumps: readonly (string | null)[]): RedisArg[] {
  const args: RedisArg[] = [randomUUID()];
  for (let from = 0; from < portion.length;) from = addGroup(args, portion, dumps, from);
  return args;
}

/** Adds the jobs from `from` on that have much in common, and returns where they end: what they share is sent once. */
function addGroup(
  args: RedisArg[],
  portion: readonly PreparedJob[],
  dumps: readonly (string | null)[],
  from: number,
): number {
  const first = portion[from];
  if (!first) return portion.length;
  const isDumped = dumps[from] !== null;
  let end = from + 1;
  while (end < portion.length && (dumps[end] !== null) === isDumped && isAlike(first, portion[end])) end += 1;
  const group = portion.slice(from, end);
  if (isDumped) {
    args.push('', ...first.head, -1, packDumps(group, dumps.slice(from, end)));
    return end;
  }
  const differing = first.fields
    .map((_, i) => i)
    .filter((i) => group.some((job) => job.fields !== first.fields && valueOf(job, i) !== valueOf(first, i)));
  args.push('', ...first.head, first.fields.length);
  first.fields.forEach(([name, value], i) => args.push(name, differing.includes(i) ? '' : value));
  args.push(differing.length, ...differing.map((i) => i + 1));
  let own = packedList(group.length * (3 + differing.length));
  for (const job of group) {
    own += packedBytes(job.id) + packedBytes(job.payload.toString('latin1')) + packedText(job.description);
    for (const i of differing) own += packedValue(valueOf(job, i));
  }
  args.push(Buffer.from(own, 'latin1'));
  return end;
}

/** Ids and dumps; their checksums are made when all is bytes. */
function packDumps(group: readonly PreparedJob[], dumps: readonly (string | null)[]): Buffer {
  let packed = packedList(2 * group.length);
  const ends: number[] = [];
  group.forEach(({ id }, i) => {
    packed += packedBytes(id) + packedBytes(dumps[i] ?? '');
    ends.push(packed.length);
  });
  const bytes = Buffer.from(packed, 'latin1');
  ends.forEach((end, i) => {
    seal(bytes, end - (dumps[i]?.length ?? 0), end);
  });
  return bytes;
}

const valueOf = (job: PreparedJob, i: number): string | Buffer => job.fields[i]?.[1] ?? '';

const packedValue = (value: string | Buffer): string =>
  typeof value === 'string' ? packedText(value) : packedBytes(value.toString('latin1'));

function isAlike(a: PreparedJob, b: PreparedJob | undefined): boolean {
  if (b === undefined) return false;
  const isSameHead = a.head === b.head || a.head.every((word, i) => word === b.head[i]);
  if (!isSameHead || a.fields === b.fields) return isSameHead;
  return a.fields.length === b.fields.length && a.fields.every(([name], i) => name === b.fields[i]?.[0]);
}

/** `undumped`: the places of those that are to be sent again, not as dumps. */
function readOutcomes(
  portion: readonly PreparedJob[],
  reply: BufferReply,
): { readonly outcomes: EnqueueOutcome[]; readonly undumped: readonly number[] } {
  const undumped: number[] = [];
  const outcomes: EnqueueOutcome[] = portion.map(({ id, queue, description, status }) => {
    return { id, queue, description, state: status };
  });
  for (const row of asList(reply)) {
    const [place, state, detail] = asList(row);
    const at = Number(place) - 1;
    const job = outcomes[at];
    if (!job || asText(state) === 'repeated') continue;
    if (asText(state) === 'undumped') {
      undumped.push(at);
      continue;
    }
    const { id, queue, description } = job;
    outcomes[at] = { id, queue, description, ...exception(asText(state), asText(detail)) };
  }
  return { outcomes, undumped };
}

function exception(
  state: string,
  detail: string,
): { state: EnqueuedJob['status'] } | { state: 'exists'; status: string } | { state: 'refused'; reason: string } {
  const held = HELD.find((status) => status === state);
  if (held) return { state: held };
  return state === 'exists' ? { state, status: detail } : { state: 'refused', reason: detail };
}

import { randomUUID } from 'node:crypto';
import { clock } from '../clock.js';
import { TsrqError } from '../errors.js';
import type { BufferReply, Durability, Redis, RedisArg } from '../redis/redis.js';
import { asList, asText } from './claim.js';
import { HELD, prepare, store, tellEnqueued, type EnqueuedJob, type NewJob, type PreparedJob } from './enqueue.js';

/** What became of a job: `exists`, its id is in use by a job of that status; `refused`, with the reason. */
export type EnqueueOutcome = Omit<EnqueuedJob, 'status'> &
  (
    | { readonly state: EnqueuedJob['status'] }
    | { readonly state: 'exists'; readonly status: string }
    | { readonly state: 'refused'; readonly reason: string }
  );

/** How many jobs are stored together. */
export interface EnqueueManyOptions {
  /** Each call counts only when so many replicas have it; fewer in time → NOT_REPLICATED. Goes for all jobs. */
  readonly durable?: Durability;
}

/** Jobs in one call, and bytes after which it takes no more: a script must not hold Redis for long. */
const MOST_IN_A_CALL = 100;
const ENOUGH_BYTES = 1_048_576;
/** Calls under way at once. */
const MOST_IN_FLIGHT = 4;

/**
 * Puts jobs on their queues, in their order: a round trip for every hundred, several under way. What is true of
 * `enqueue` is true of each job; a hundred are stored in one atomic step, not all of them. An id in use is an outcome, not an error. Throws
 * USAGE before anything is stored if a job is not as it should be or two have one id; when Redis fails on the way, the
 * error, whose message says how many jobs are stored. Where the connection is lost and found again on the way, hundreds may
 * change places.
 */
export async function enqueueMany(
  redis: Redis,
  jobs: readonly NewJob[],
  options: EnqueueManyOptions = {},
): Promise<EnqueueOutcome[]> {
  const nowMs = clock();
  const prepared = jobs.map((job) => prepare(job, nowMs));
  refuseTwins(jobs);
  const portions = split(prepared);
  const outcomes: EnqueueOutcome[][] = [];
  let next = 0;
  let stored = 0;
  const send = async (): Promise<void> => {
    while (next < portions.length) {
      const i = next;
      next += 1;
      const portion = portions[i] ?? [];
      const reply = await store(redis, 'enqueue_many', argsOf(portion), options.durable, `${portion.length} jobs are`);
      outcomes[i] = readOutcomes(portion, reply);
      stored += tellStored(redis, portion, outcomes[i]);
    }
  };
  const senders = Array.from({ length: MOST_IN_FLIGHT }, () =>
    send().catch((error: unknown) => {
      next = portions.length;
      throw error;
    }),
  );
  const failed = (await Promise.allSettled(senders)).find((sender) => sender.status === 'rejected');
  if (failed) throw partly(failed.reason, stored, jobs.length);
  return outcomes.flat();
}

/** Publishes each job that was stored; returns how many. */
function tellStored(redis: Redis, portion: readonly PreparedJob[], outcomes: readonly EnqueueOutcome[]): number {
  let count = 0;
  outcomes.forEach(({ state }, i) => {
    const job = portion[i];
    if (!job || state === 'exists' || state === 'refused') return;
    count += 1;
    tellEnqueued(redis, job, state);
  });
  return count;
}

function refuseTwins(jobs: readonly NewJob[]): void {
  const ids = new Set<string>();
  for (const { id } of jobs) {
    if (id === undefined) continue;
    if (ids.has(id)) throw new TsrqError('USAGE', `two of the jobs have the id '${id}'`);
    ids.add(id);
  }
}

function partly(error: unknown, stored: number, all: number): unknown {
  if (!(error instanceof TsrqError)) return error;
  const { code, message, hint } = error;
  return new TsrqError(code, `${message} (${stored} of ${all} jobs are known to be stored)`, {
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  });
}

function split(jobs: readonly PreparedJob[]): PreparedJob[][] {
  const portions: PreparedJob[][] = [];
  let bytes = Infinity;
  for (const job of jobs) {
    const portion = portions.at(-1);
    const data = job.fields[0]?.[1] ?? '';
    if (!portion || portion.length >= MOST_IN_A_CALL || bytes >= ENOUGH_BYTES) {
      portions.push([job]);
      bytes = data.length;
    } else {
      portion.push(job);
      bytes += data.length;
    }
  }
  return portions;
}

function argsOf(portion: readonly PreparedJob[]): RedisArg[] {
  const args: RedisArg[] = [randomUUID()];
  for (let from = 0; from < portion.length;) from = addGroup(args, portion, from);
  return args;
}

/** Adds the jobs from `from` on that have much in common, and returns where they end: what they share is sent once. */
function addGroup(args: RedisArg[], portion: readonly PreparedJob[], from: number): number {
  const first = portion[from];
  if (!first) return portion.length;
  let end = from + 1;
  while (end < portion.length && isAlike(first, portion[end])) end += 1;
  const group = portion.slice(from, end);
  const differing = first.fields
    .map((_, i) => i)
    .filter((i) => group.some((job) => valueOf(job, i) !== valueOf(first, i)));
  args.push('', ...first.head, first.fields.length * 2);
  first.fields.forEach(([name, value], i) => args.push(name, differing.includes(i) ? '' : value));
  // Places as Lua counts them, of the values in the list of names and values.
  args.push(differing.length, ...differing.map((i) => i * 2 + 2), group.length);
  for (const job of group) {
    args.push(job.id);
    for (const i of differing) args.push(valueOf(job, i));
  }
  return end;
}

const valueOf = (job: PreparedJob, i: number): string | Buffer => job.fields[i]?.[1] ?? '';

function isAlike(a: PreparedJob, b: PreparedJob | undefined): boolean {
  return (
    b !== undefined &&
    a.fields.length === b.fields.length &&
    a.head.every((word, i) => word === b.head[i]) &&
    a.fields.every(([name], i) => name === b.fields[i]?.[0])
  );
}

function readOutcomes(portion: readonly PreparedJob[], reply: BufferReply): EnqueueOutcome[] {
  const outcomes: EnqueueOutcome[] = portion.map(({ id, queue, description, status }) => {
    return { id, queue, description, state: status };
  });
  for (const row of asList(reply)) {
    const [place, state, detail] = asList(row);
    const at = Number(place) - 1;
    const job = outcomes[at];
    if (!job || asText(state) === 'repeated') continue;
    const { id, queue, description } = job;
    outcomes[at] = { id, queue, description, ...exception(asText(state), asText(detail)) };
  }
  return outcomes;
}

function exception(
  state: string,
  detail: string,
): { state: EnqueuedJob['status'] } | { state: 'exists'; status: string } | { state: 'refused'; reason: string } {
  const held = HELD.find((status) => status === state);
  if (held) return { state: held };
  return state === 'exists' ? { state, status: detail } : { state: 'refused', reason: detail };
}

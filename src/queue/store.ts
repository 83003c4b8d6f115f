import { publish } from '../diagnostics.js';
import { TsrqError } from '../errors.js';
import { seal } from '../protocol/dump.js';
import { dumpJob } from '../protocol/job-dump.js';
import type { BufferReply, Durability, Redis, RedisArg } from '../redis/redis.js';
import { script } from '../redis/scripts.js';
import { asList, asText } from './claim.js';
import { HELD, type EnqueuedJob, type NewJob, type PreparedJob } from './new-job.js';

/** Stores one job by itself. */
export function storeOne(
  redis: Redis,
  prepared: PreparedJob,
  options: Pick<NewJob, 'durable' | 'onExistingId'> = {},
): Promise<EnqueuedJob> {
  const dump = dumpFor(redis, prepared);
  if (dump === null) return storeFields(redis, prepared, options);
  const { id, queue, head } = prepared;
  return redis.evaluate(script('enqueue_dump'), [], [id, queue, head[1] ?? '', sealed(dump)]).then((reply) => {
    const said = asText(reply);
    if (said === 'queued') return stored(redis, prepared, said);
    if (said === 'undumped') sendNoDumps(redis);
    return storeFields(redis, prepared, options);
  });
}

async function storeFields(
  redis: Redis,
  prepared: PreparedJob,
  { durable, onExistingId }: Pick<NewJob, 'durable' | 'onExistingId'>,
): Promise<EnqueuedJob> {
  const { id, head } = prepared;
  const args = [id, ...head, ...fieldsOf(prepared)];
  const [state, other] = asList(await store(redis, 'enqueue', args, durable, `job ${id} is`)).map(asText);
  if (state === 'exists') throw jobExists(id, other ?? '', onExistingId);
  return stored(redis, prepared, HELD.find((held) => held === state) ?? prepared.status);
}

function stored(redis: Redis, prepared: PreparedJob, status: EnqueuedJob['status']): EnqueuedJob {
  tellEnqueued(redis, prepared, status);
  const { id, queue, description } = prepared;
  return { id, queue, description, status };
}

/** Redis servers, by their connections, that did not take a job's hash as a dump: old ones, and those that forbid RESTORE. */
const withoutDumps = new WeakSet<Redis>();

/** The hash of a job in one piece, unsealed; null where it goes as fields and values. */
export function dumpFor(redis: Redis, { frame, payload, description }: PreparedJob): string | null {
  return frame === null || withoutDumps.has(redis) ? null : dumpJob(frame, payload, description);
}

function sealed(dump: string): Buffer {
  const bytes = Buffer.from(dump, 'latin1');
  seal(bytes, 0, bytes.length);
  return bytes;
}

/** Dumps were not taken: from now on hashes go as fields and values. */
export function sendNoDumps(redis: Redis): void {
  withoutDumps.add(redis);
}

/** Publishes that a job was stored. */
export function tellEnqueued(redis: Redis, job: PreparedJob, status: EnqueuedJob['status']): void {
  const { id, queue, functionName } = job;
  publish('tsrq:job:enqueued', () => ({ id, queue, functionName, status, redis: redis.description }));
}

/** The hash of a job, names and values, without what the scripts write by themselves. */
export function fieldsOf({ payload, description, fields }: PreparedJob): RedisArg[] {
  const words: RedisArg[] = ['data', payload, 'description', description];
  for (const [name, value] of fields) words.push(name, value);
  return words;
}

/** Runs a script; with `durable` it counts only when so many replicas have what it wrote. `what`: is stored, if they have not. */
export async function store(
  redis: Redis,
  name: 'enqueue' | 'enqueue_many',
  args: readonly RedisArg[],
  durable: Durability | undefined,
  what: string,
): Promise<BufferReply> {
  if (!durable) return redis.evaluate(script(name), [], args);
  const { reply, replicas } = await redis.evaluateDurably(script(name), args, durable);
  if (replicas >= durable.replicas) return reply;
  const seen = `${replicas} of ${durable.replicas} replicas had it within ${durable.timeoutMs} ms`;
  throw new TsrqError('NOT_REPLICATED', `${what} stored, not replicated: ${seen}`, {
    hint: 'it will run unless Redis fails over right now; to enqueue it again without doubling it, use its id',
  });
}

function jobExists(id: string, status: string, rule: NewJob['onExistingId']): TsrqError {
  const found = status === '' ? 'without a status' : status;
  return new TsrqError('JOB_EXISTS', `there is a job with id '${id}' already: it is ${found}`, {
    hint: hintFor(status, rule),
  });
}

function hintFor(status: string, rule: NewJob['onExistingId']): string {
  if (status === 'started') return 'a running job cannot be replaced: choose another id, or wait for its end';
  if (rule === 'unique') return 'a unique id is refused as long as anything is kept of its job, whatever became of it';
  return 'choose another id, or replace the waiting job (--replace)';
}

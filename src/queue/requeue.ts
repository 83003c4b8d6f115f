import { registryKey } from '../protocol/keys.js';
import { formatDate } from '../protocol/time.js';
import type { Redis } from '../redis/redis.js';
import { script } from '../redis/scripts.js';
import { asList, asText } from './claim.js';
import { chooseFailed, type FailureFilter } from './failed.js';
import { queueNames, registryPage, registrySizes } from './registry.js';

/** Which failed jobs are requeued, and how. */
export interface RequeueOptions {
  /** Queues whose failed registries are looked at; default: all. */
  readonly queues?: readonly string[];
  readonly atFront?: boolean;
  /** Leave `retries_left` as the failure left it. Default: the retries begin anew. */
  readonly keepRetries?: boolean;
  /** With `requeueAll`: only these. */
  readonly filter?: FailureFilter;
  /** With `requeueAll`: so many at most. */
  readonly limit?: number;
  /** Change nothing; what would be requeued is reported as not requeued, with that reason. */
  readonly dryRun?: boolean;
  /** Ends it between two batches. */
  readonly signal?: AbortSignal;
  /** With `requeueAll`: told of a failed registry that cannot be read, while the others go on. Default: it is thrown. */
  readonly onProblem?: (queue: string, error: Error) => void;
  /** Called after each batch. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** What became of a job that was to be requeued; `reason`: why it was not. */
export type Requeued = {
  readonly id: string;
  /** The queue of the failed registry that held the id; null when none did. */
  readonly registry: string | null;
} & ({ readonly requeued: true; readonly queue: string } | { readonly requeued: false; readonly reason: string });

/** Small enough that one script holds Redis for about two milliseconds. */
const BATCH = 100;

/** The reason in the report of a dry run. */
export const DRY_RUN = 'dry run';

/** How many ids are held in memory at once. */
const PAGE = 5_000;

/**
 * Puts every job back on its origin that is failed when the call begins, a page at a time: memory does not grow with the
 * registries. Reports per id, by `onResults`, and never stops half-way. Returns how many there were and were requeued.
 */
export async function requeueAll(
  redis: Redis,
  options: RequeueOptions & { readonly onResults?: (results: readonly Requeued[]) => void } = {},
): Promise<{ requeued: number; total: number }> {
  const queues = options.queues ?? (await queueNames(redis)).names;
  const sizes = await registrySizes(redis, 'failed', queues, options.onProblem);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const count = { requeued: 0, total: 0 };
  let looked = 0;
  for (const [i, queue] of queues.entries()) {
    const rest = (): number => (options.limit ?? Infinity) - count.total;
    for await (const { results, seen } of requeueRegistry(redis, queue, sizes[i] ?? 0, options, rest)) {
      count.requeued += results.filter((result) => result.requeued).length;
      count.total += results.length;
      looked += seen;
      options.onResults?.(results);
      options.onProgress?.(looked, total);
    }
  }
  return count;
}

/**
 * `size`: how many entries there are to look at; what fails from now on comes behind them. `rest`: how many may be requeued
 * still. `seen`: how many entries a batch has gone through.
 */
async function* requeueRegistry(
  redis: Redis,
  queue: string,
  size: number,
  options: RequeueOptions,
  rest: () => number,
): AsyncGenerator<{ results: Requeued[]; seen: number }> {
  let seen = 0;
  // Entries that could not be requeued stay where they are: the next page begins behind them.
  let stay = 0;
  while (seen < size) {
    const page = await registryPage(redis, 'failed', queue, { from: stay, count: Math.min(PAGE, size - seen) });
    if (page.length === 0) return;
    for (let from = 0; from < page.length; from += BATCH) {
      if (options.signal?.aborted === true || rest() <= 0) return;
      const ids = page.slice(from, from + BATCH);
      const meant = (await chooseFailed(redis, ids, options.filter ?? {})).slice(0, rest());
      const batch = await requeueBatch(redis, queue, meant, options);
      stay += ids.length - meant.length + batch.staying;
      yield { results: batch.results, seen: ids.length };
    }
    seen += page.length;
  }
}

/** Puts the named failed jobs back, whichever failed registry holds them. What a signal has kept from being tried is not in the answer. */
export async function requeueIds(
  redis: Redis,
  ids: readonly string[],
  options: RequeueOptions = {},
): Promise<Requeued[]> {
  const queues = options.queues ?? (await queueNames(redis)).names;
  const unique = [...new Set(ids)];
  const homes = await findRegistries(redis, unique, queues);
  const work = queues.map((queue) => ({ queue, ids: unique.filter((id) => homes.get(id) === queue) }));
  const found = new Map((await requeueBatches(redis, work, options)).map((result) => [result.id, result]));
  const missing = unique.filter((id) => !homes.has(id));
  const reasons = await whyNotFailed(redis, missing, options.queues);
  return unique.flatMap((id): Requeued[] => {
    const result = found.get(id);
    if (result) return [result];
    const reason = reasons.get(id);
    return reason === undefined ? [] : [{ id, registry: null, requeued: false, reason }];
  });
}

async function requeueBatches(
  redis: Redis,
  work: readonly { readonly queue: string; readonly ids: readonly string[] }[],
  options: RequeueOptions,
): Promise<Requeued[]> {
  const total = work.reduce((sum, { ids }) => sum + ids.length, 0);
  const results: Requeued[] = [];
  for (const { queue, ids } of work) {
    for (let from = 0; from < ids.length && options.signal?.aborted !== true; from += BATCH) {
      results.push(...(await requeueBatch(redis, queue, ids.slice(from, from + BATCH), options)).results);
      options.onProgress?.(results.length, total);
    }
  }
  return results;
}

/** `staying`: how many of the ids are in the registry still. */
async function requeueBatch(
  redis: Redis,
  registry: string,
  ids: readonly string[],
  options: RequeueOptions,
): Promise<{ results: Requeued[]; staying: number }> {
  if (ids.length === 0) return { results: [], staying: 0 };
  if (options.dryRun === true) {
    return { results: ids.map((id) => ({ id, registry, requeued: false, reason: DRY_RUN })), staying: ids.length };
  }
  const flags = [options.atFront ? 1 : 0, options.keepRetries ? 1 : 0];
  const args = [formatDate(Date.now()), ...flags, registry, ...ids];
  const rows = asList(await redis.evaluate(script('requeue'), [], args));
  let staying = 0;
  const results = ids.map((id, i): Requeued => {
    const [state = '', detail = '', stays] = asList(rows[i]).map(asText);
    if (stays === '1') staying += 1;
    if (state === 'requeued') return { id, registry, requeued: true, queue: detail };
    if (state === 'repeated') return { id, registry, requeued: true, queue: registry };
    return { id, registry, requeued: false, reason: explain(state, detail) };
  });
  return { results, staying };
}

function explain(state: string, detail: string): string {
  if (state === 'gone') return 'its job does not exist any more; the entry was removed';
  if (state === 'unusable') return detail;
  return detail === '' ? 'it is not in the failed registry any more' : `it is ${detail}, not failed`;
}

async function findRegistries(
  redis: Redis,
  ids: readonly string[],
  queues: readonly string[],
): Promise<Map<string, string>> {
  const homes = new Map<string, string>();
  if (ids.length === 0) return homes;
  const scores = await redis.pipeline(
    queues.map((queue) => ['ZMSCORE', registryKey('failed', queue), ...ids] as const),
  );
  scores.forEach((row, i) => {
    if (!Array.isArray(row)) return;
    row.forEach((score, j) => {
      const [id, queue] = [ids[j], queues[i]];
      if (score !== null && id !== undefined && queue !== undefined && !homes.has(id)) homes.set(id, queue);
    });
  });
  return homes;
}

async function whyNotFailed(
  redis: Redis,
  ids: readonly string[],
  queues: readonly string[] | undefined,
): Promise<Map<string, string>> {
  const statuses = await redis.pipeline(ids.map((id) => ['HGET', `rq:job:${id}`, 'status'] as const));
  const where = queues ? ` of ${queues.join(', ')}` : '';
  return new Map(
    ids.map((id, i) => {
      const status = statuses[i];
      if (typeof status !== 'string') return [id, 'no such job'];
      if (status === 'failed' || status === 'stopped') return [id, `it is not in the failed registry${where}`];
      return [id, `it is ${status}, not failed`];
    }),
  );
}

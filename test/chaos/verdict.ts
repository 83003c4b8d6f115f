import type { Redis as IoRedis } from 'ioredis';
import { readLedger, type Ran } from './ledger.js';
import type { Accepted } from './producer.js';
import { latestResult } from '../support/rq.js';

/** When something was done to a process that may explain why a job ran again. Milliseconds since the epoch. */
export interface Blows {
  /** When the worker of that name was killed. */
  workerKilledAt(name: string): number | null;
  /** When the process with that id was killed. */
  processKilledAt(pid: number): number | null;
  /** Whatever else may have undone what was recorded, between two moments: a fail-over. */
  excuse?(from: number, to: number): boolean;
  /**
   * True for workers that put a job on its queue twice when their horse is killed after it has retried the job: RQ's parent takes a horse
   * that did not exit by itself for one that failed its job, and retries it again.
   */
  copies?(worker: string): boolean;
}

export interface Verdict {
  readonly accepted: number;
  readonly finished: number;
  readonly failed: number;
  /** Runs beyond the first that a kill, a planned failure or an excuse explains. */
  readonly repeatedRuns: number;
  /** What must not be: each a sentence. */
  readonly violations: string[];
}

/** How long after its end a run may be lost by a kill: what it came to is on its way to Redis. */
const UNRECORDED_MS = 2_000;

/** Compares what Redis says of every accepted job with what their handlers wrote down. */
export async function judge(
  client: IoRedis,
  accepted: readonly Accepted[],
  ledger: string,
  blows: Blows,
): Promise<Verdict> {
  const runs = readLedger(ledger);
  const violations: string[] = [];
  const count = { finished: 0, failed: 0, repeated: 0 };
  const registries = await readRegistries(client, accepted);
  for (const job of accepted) {
    const ran = runs.get(job.id) ?? [];
    const status = await client.hget(`rq:job:${job.id}`, 'status');
    const places = [...registries].filter(([, ids]) => ids.has(job.id)).map(([name]) => name);
    const wanted = `rq:${status ?? ''}:${job.queue}`;
    if (status === null) violations.push(`lost: ${job.id} has no hash; it ran ${ran.length} times`);
    else if (places.length !== 1 || places[0] !== wanted)
      violations.push(`${job.id} is ${status} and in [${places.join(', ')}]`);
    if (status === 'finished') {
      count.finished += 1;
      if (!ran.some(({ end }) => end)) violations.push(`${job.id} is finished and never ended`);
    } else if (status === 'failed') {
      count.failed += 1;
      const problem = await whyFailed(client, job, ran, blows);
      if (problem !== null) violations.push(problem);
    }
    for (const [i, next] of ran.entries()) {
      const before = ran[i - 1];
      if (!before) continue;
      count.repeated += 1;
      if (!explained(job, ran.slice(0, i), next, blows))
        violations.push(`double: ${job.id} ran again without a reason: ${show(ran, blows)}`);
    }
  }
  violations.push(...(await strayKeys(client)));
  return {
    accepted: accepted.length,
    finished: count.finished,
    failed: count.failed,
    repeatedRuns: count.repeated,
    violations,
  };
}

function explained(job: Accepted, earlier: readonly Ran[], next: Ran, blows: Blows): boolean {
  const before = earlier.at(-1);
  if (!before || earlier.some((ran) => blows.copies?.(ran.begin.worker) === true && wasHit(ran, blows))) return true;
  if (before.end && job.failAbove >= 0 && before.begin.left > job.failAbove) return true;
  return wasHit(before, blows) || (blows.excuse?.(before.begin.t, next.begin.t) ?? false);
}

/** How long a horse may go on after its worker was told to die: on a busy machine both wait for a processor. */
const DYING_MS = 500;

function wasHit({ begin, end }: Ran, blows: Blows): boolean {
  return [blows.workerKilledAt(begin.worker), blows.processKilledAt(begin.pid)].some(
    (at) => at !== null && at >= begin.t - DYING_MS && (end === null || at <= end.t + UNRECORDED_MS),
  );
}

/** Null when the failure has a reason that is known, and recorded. */
async function whyFailed(client: IoRedis, job: Accepted, ran: readonly Ran[], blows: Blows): Promise<string | null> {
  const [result, worker] = await Promise.all([
    latestResult(client, job.id),
    client.hget(`rq:job:${job.id}`, 'worker_name'),
  ]);
  const reason = result?.error ?? '';
  if (reason === '') return `${job.id} failed and no reason is recorded`;
  const left = Number((await client.hget(`rq:job:${job.id}`, 'retries_left')) ?? 0);
  if (left > 0) return `${job.id} failed with ${left} retries left: ${reason}`;
  if (reason.includes('a planned failure')) return null;
  const last = ran.at(-1);
  if (last && wasHit(last, blows)) return null;
  if (worker !== null && blows.workerKilledAt(worker) !== null) return null;
  if (/killed by SIGKILL|terminated unexpectedly/.test(reason)) return null;
  return `${job.id} failed without a blow: ${reason}; ${show(ran, blows)}`;
}

const show = (ran: readonly Ran[], blows: Blows): string =>
  ran
    .map(({ begin, end }) => {
      const killed = blows.workerKilledAt(begin.worker);
      const horse = blows.processKilledAt(begin.pid);
      const fate =
        (killed === null ? '' : `, its worker killed ${killed - begin.t} ms after its begin`) +
        (horse === null ? '' : `, its horse ${horse - begin.t} ms`);
      return `${begin.worker}/${begin.pid}/${begin.execution.slice(-8)} ${begin.t}–${end?.t ?? '?'}${fate}`;
    })
    .join('; ');

/** Every place where RQ's readers look for a job, with the ids it holds. */
async function readRegistries(client: IoRedis, accepted: readonly Accepted[]): Promise<Map<string, Set<string>>> {
  const found = new Map<string, Set<string>>();
  for (const queue of new Set(accepted.map((job) => job.queue))) {
    for (const list of ['', ':intermediate', ':intermediate:tsrq'].map((end) => `rq:queue:${queue}${end}`)) {
      found.set(list, new Set(await client.lrange(list, 0, -1)));
    }
    for (const name of ['finished', 'failed', 'scheduled', 'deferred', 'canceled']) {
      const key = `rq:${name}:${queue}`;
      found.set(key, new Set(await client.zrange(key, '0', '-1')));
    }
    const wip = await client.zrange(`rq:wip:${queue}`, '0', '-1');
    found.set(`rq:wip:${queue}`, new Set(wip.map((member) => member.split(':')[0] ?? '')));
  }
  return found;
}

const MAY_LIVE_FOR_EVER = /^rq:(queues|workers(:.*)?|finished:.*|failed:.*|queue:[^:]*)$/;

/** Keys that nobody will ever remove. */
async function strayKeys(client: IoRedis): Promise<string[]> {
  const stray: string[] = [];
  let cursor = '0';
  do {
    const [next, keys] = await client.scan(cursor, 'COUNT', 1_000);
    cursor = next;
    const ttls = (await client.pipeline(keys.map((key) => ['ttl', key])).exec()) ?? [];
    keys.forEach((key, i) => {
      if (ttls[i]?.[1] === -1 && !MAY_LIVE_FOR_EVER.test(key)) stray.push(`${key} has no time to live`);
    });
  } while (cursor !== '0');
  return stray;
}

/**
 * Compares the counters of workers that were never killed with the results that bear their names; of all jobs: one whose
 * enqueue was given up on may have been stored, and was run then. Results from before `since`, in milliseconds since the
 * epoch, are of another scenario on the same server, whose workers had these names.
 */
export async function judgeCounters(client: IoRedis, workers: readonly string[], since: number): Promise<string[]> {
  const successes = new Map<string, number>();
  for (const key of await client.keys('rq:results:*')) {
    const entries = (await client.call('XRANGE', key, '-', '+')) as [string, string[]][];
    for (const [entry, fields] of entries) {
      const worker = fields[fields.indexOf('worker_name') + 1] ?? '';
      if (Number(entry.split('-')[0]) < since) continue;
      if (fields[fields.indexOf('type') + 1] === '1') successes.set(worker, (successes.get(worker) ?? 0) + 1);
    }
  }
  const violations: string[] = [];
  for (const name of workers) {
    const counted = Number((await client.hget(`rq:worker:${name}`, 'successful_job_count')) ?? 0);
    if (counted !== (successes.get(name) ?? 0)) {
      violations.push(`${name} counts ${counted} successes, ${successes.get(name) ?? 0} results bear its name`);
    }
  }
  return violations;
}

/** How many ids are still on their way. */
export async function unsettled(client: IoRedis, queues: readonly string[]): Promise<number> {
  const counts = await Promise.all(
    queues.flatMap((queue) => [
      client.llen(`rq:queue:${queue}`),
      client.llen(`rq:queue:${queue}:intermediate`),
      client.llen(`rq:queue:${queue}:intermediate:tsrq`),
      client.zcard(`rq:wip:${queue}`),
      client.zcard(`rq:scheduled:${queue}`),
    ]),
  );
  return counts.reduce((sum, n) => sum + n, 0);
}

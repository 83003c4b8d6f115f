import type { Canceled } from '../../src/queue/end-job.js';
import type { Ending } from '../../src/queue/finish.js';

import {
  QUEUES,
  YEAR,
  type Call,
  type Execution,
  type Job,
  type Outcome,
  type Queue,
  type Status,
  type Taken,
} from './records.js';

type Registry = 'finished' | 'failed' | 'canceled' | 'scheduled';
const LIVE: readonly Status[] = ['queued', 'started', 'scheduled'];
const perQueue = <T>(make: () => T): Record<Queue, T> => ({ a: make(), b: make(), c: make() });

/** What the queue layer promises, without Redis: lists, registries, executions, and who owns what. */
export class Model {
  readonly jobs = new Map<string, Job>();
  readonly queues = perQueue<string[]>(() => []);
  readonly moved = perQueue<string[]>(() => []);
  /** Ids that a sweep has seen among those. */
  readonly seen = perQueue(() => new Set<string>());
  readonly wip = perQueue<Execution[]>(() => []);
  /** Per id what its score says: seconds it is kept, null for ever; of scheduled ones 1 when due. */
  readonly registries: Record<Registry, Record<Queue, Map<string, number | null>>> = {
    finished: perQueue(() => new Map()),
    failed: perQueue(() => new Map()),
    canceled: perQueue(() => new Map()),
    scheduled: perQueue(() => new Map()),
  };
  /** Types of the entries of each result stream, and the seconds it lives. */
  readonly results = new Map<string, { types: number[]; expires: number | null }>();
  /** Queues that `rq:queues` names. */
  readonly announced = new Set<Queue>();
  /** Jobs that ended by themselves and kept no hash: by this their enqueue's repetition is told. */
  readonly vanished = new Map<string, string>();
  /** Executions that were closed while their keys stayed: those expire. */
  readonly leftovers = new Set<string>();
  suspended = false;
  readonly paused = new Set<Queue>();

  enqueue({ id, queue, front, rule, life, resultTtl, failureTtl, retry }: Call): string[] {
    const old = this.jobs.get(id);
    if (old && (rule === 'unique' || (LIVE.includes(old.status) && (rule !== 'replace' || old.status === 'started')))) {
      return ['exists', old.status];
    }
    this.#forget(id);
    this.jobs.set(id, {
      ...{ status: 'queued', origin: queue, life, resultTtl, failureTtl, worker: '', endedAt: '', expires: null },
      ...{ intervals: retry?.intervals ?? [], retriesLeft: retry?.max ?? null, retriesMax: null },
    });
    this.#push(queue, id, front);
    return ['queued'];
  }

  /** A deleted job of that id has left something at another queue: without a hash no enqueue can know which. */
  hasTraces(id: string, queue: Queue): boolean {
    const there = (other: Queue): boolean =>
      this.moved[other].includes(id) || this.wip[other].some((run) => run.id === id);
    return !this.jobs.has(id) && QUEUES.some((other) => other !== queue && there(other));
  }

  /** What a claim takes from queues in their order; `fresh`: the execution ids that Redis gave, in order. */
  take(worker: string, count: number, queues: readonly Queue[], fresh: readonly string[]): Taken {
    const taken: Taken = { jobs: [], skipped: [] };
    if (this.suspended) return taken;
    for (const queue of queues.filter((name) => !this.paused.has(name))) {
      while (taken.jobs.length < count) {
        const id = this.queues[queue].shift();
        if (id === undefined) break;
        this.#start(taken, worker, queue, id, fresh);
      }
    }
    return taken;
  }

  /** What becomes of the id that a wait has moved last: while it may not begin it goes back, unless its job must not run any more. */
  takeMoved(worker: string, queue: Queue, fresh: readonly string[]): Taken | null {
    const taken: Taken = { jobs: [], skipped: [] };
    const id = this.moved[queue].pop();
    if (id === undefined) return null;
    this.seen[queue].delete(id);
    const waits = this.jobs.get(id)?.status === 'queued';
    const held = this.suspended || this.paused.has(queue);
    if (waits && held) this.queues[queue].unshift(id);
    else this.#start(taken, worker, queue, id, fresh);
    return taken;
  }

  /** The worker is not known: what a wait has moved last goes back as it is. */
  putBack(queue: Queue): void {
    const id = this.moved[queue].pop();
    if (id !== undefined) this.queues[queue].unshift(id);
  }

  end(outcome: Outcome): Ending {
    const { id, kind, endedAt } = outcome;
    const job = this.jobs.get(id);
    const execution = this.find(outcome);
    if (!execution) {
      if (job && job.endedAt === endedAt) return { state: 'repeated' };
      return { state: 'lost', status: job?.status ?? '' };
    }
    this.close(execution);
    if (job?.status !== 'started') return { state: 'lost', status: job?.status ?? '' };
    if (kind === 'returned') {
      job.status = 'queued';
      job.worker = '';
      this.#push(outcome.queue, id, true);
      return { state: 'returned' };
    }
    if (kind === 'finished') return this.#succeed(outcome, job);
    const again = kind === 'failed' ? this.#retry(outcome.queue, id, job, endedAt) : null;
    return again ?? this.#fail(outcome.queue, id, job, kind, endedAt);
  }

  /** Retries or fails what no living worker runs any more. */
  endAbandoned(queue: Queue): { id: string; executionId: string; ending: Ending; workerName: string }[] {
    const over = this.wip[queue].filter((execution) => execution.over).sort((x, y) => (member(x) < member(y) ? -1 : 1));
    return over.map((execution) => {
      const { id, executionId } = execution;
      const job = this.jobs.get(id);
      this.close(execution);
      const workerName = job?.worker ?? '';
      let ending: Ending = { state: 'lost', status: job?.status ?? '' };
      if (job?.status === 'started') {
        ending = this.#retry(queue, id, job, 'swept') ?? this.#fail(queue, id, job, 'failed', 'swept');
      }
      return { id, executionId, ending, workerName };
    });
  }

  /** The first look marks an id, the next puts it back. */
  rescue(queue: Queue): { back: string[]; dropped: string[] } {
    const found: { back: string[]; dropped: string[] } = { back: [], dropped: [] };
    for (const id of [...this.moved[queue]]) {
      if (!this.seen[queue].has(id)) {
        this.seen[queue].add(id);
        continue;
      }
      const waits = this.jobs.get(id)?.status === 'queued';
      (waits ? found.back : found.dropped).push(id);
      if (waits) this.queues[queue].unshift(id);
      remove(this.moved[queue], id);
      this.seen[queue].delete(id);
    }
    return found;
  }

  moveDue(queue: Queue): number {
    const scheduled = this.registries.scheduled[queue];
    const due = [...scheduled.keys()].filter((id) => scheduled.get(id) === 1);
    for (const id of due.sort()) {
      scheduled.delete(id);
      const job = this.jobs.get(id);
      if (!job) throw new Error(`${id} is scheduled without a job`);
      job.status = 'queued';
      this.#push(queue, id, false);
    }
    return due.length;
  }

  requeue(registry: Queue, id: string, front: boolean, keepRetries: boolean): string {
    const job = this.jobs.get(id);
    if (!job) throw new Error(`${id} is in the failed registry without a job`);
    this.registries.failed[registry].delete(id);
    job.status = 'queued';
    job.endedAt = '';
    job.expires = null;
    if (!keepRetries && job.retriesMax !== null) job.retriesLeft = job.retriesMax;
    this.#push(job.origin, id, front);
    return job.origin;
  }

  empty(queue: Queue): number {
    const ids = this.queues[queue].splice(0);
    for (const id of ids) {
      if (this.jobs.get(id)?.status !== 'queued') continue;
      this.jobs.delete(id);
      this.results.delete(id);
    }
    return ids.length;
  }

  move(from: Queue, to: Queue): { moved: number; dropped: number } {
    const ids = this.queues[from].splice(0);
    const moved = ids.filter((id) => this.jobs.get(id)?.status === 'queued');
    for (const id of moved) {
      const job = this.jobs.get(id);
      if (job) job.origin = to;
    }
    if (ids.length > 0) this.announced.add(to);
    this.queues[to].push(...moved);
    return { moved: moved.length, dropped: ids.length - moved.length };
  }

  /** tsrq's: out of every place, also where its status does not point to. */
  cancelEverywhere(id: string): Canceled {
    const job = this.jobs.get(id);
    if (!job) return { state: 'gone' };
    if (!LIVE.includes(job.status)) return { state: 'ended', status: job.status };
    this.#takeFromAll(id);
    job.status = 'canceled';
    this.registries.canceled[job.origin].set(id, null);
    return { state: 'canceled' };
  }

  deleteEverywhere(id: string): boolean {
    const job = this.jobs.get(id);
    if (!job) return false;
    this.#takeFromAll(id);
    this.jobs.delete(id);
    this.results.delete(id);
    this.vanished.set(id, job.life);
    return true;
  }

  /**
   * As RQ does it: out of every place of the status that it has seen, and out of the executions that it has found. `found`:
   * null if a worker has claimed the job between look and deed.
   */
  cancel(id: string, found: readonly string[] | null): void {
    const job = this.#leave(id, found);
    job.status = 'canceled';
    this.registries.canceled[job.origin].set(id, null);
  }

  delete(id: string, found: readonly string[] | null): void {
    this.#leave(id, found);
    this.jobs.delete(id);
  }

  find({ id, executionId, queue }: Pick<Execution, 'id' | 'executionId' | 'queue'>): Execution | undefined {
    return this.wip[queue].find((execution) => execution.id === id && execution.executionId === executionId);
  }

  /** Takes an execution off the books; `keys`: whether its keys go with it. */
  close(execution: Execution, keys = true): void {
    this.wip[execution.queue] = this.wip[execution.queue].filter((other) => other !== execution);
    if (!keys) this.leftovers.add(member(execution));
  }

  get executions(): Execution[] {
    return QUEUES.flatMap((queue) => this.wip[queue]);
  }

  #start(taken: Taken, worker: string, queue: Queue, id: string, fresh: readonly string[]): void {
    const job = this.jobs.get(id);
    // An id whose job was deleted or canceled meanwhile is stepped over.
    if (job?.status !== 'queued') {
      taken.skipped.push({ queue, id, reason: job === undefined ? 'gone' : job.status });
      return;
    }
    const executionId = fresh[taken.jobs.length] ?? 'none was given';
    job.status = 'started';
    job.worker = worker;
    job.expires = null;
    this.wip[job.origin].push({ id, executionId, queue: job.origin, over: false, recorded: false });
    const attempt = job.retriesMax === null ? 1 : job.retriesMax - (job.retriesLeft ?? 0) + 1;
    taken.jobs.push({ id, executionId, queue: job.origin, retriesLeft: job.retriesLeft, attempt });
  }

  #retry(queue: Queue, id: string, job: Job, endedAt: string): Ending | null {
    const left = job.retriesLeft;
    if (left === null || left <= 0) return null;
    const inSeconds = job.intervals[Math.max(job.intervals.length - left, 0)] ?? 0;
    job.retriesMax ??= left;
    job.retriesLeft = left - 1;
    job.endedAt = endedAt;
    if (inSeconds > 0) {
      job.status = 'scheduled';
      this.registries.scheduled[queue].set(id, inSeconds);
      this.announced.add(queue);
    } else {
      job.status = 'queued';
      this.#push(queue, id, false);
    }
    return { state: 'retried', inSeconds, retriesLeft: left - 1 };
  }

  #fail(queue: Queue, id: string, job: Job, kind: 'failed' | 'stopped', endedAt: string): Ending {
    job.status = kind;
    job.endedAt = endedAt;
    const ttl = job.failureTtl ?? YEAR;
    if (ttl !== 0) this.registries.failed[queue].set(id, ttl < 0 ? null : ttl);
    this.#keep(id, job, ttl, 2);
    return { state: kind };
  }

  #succeed({ id, queue, endedAt, resultTtl }: Outcome, job: Job): Ending {
    job.status = 'finished';
    job.endedAt = endedAt;
    if (resultTtl !== 0) this.registries.finished[queue].set(id, resultTtl < 0 ? null : resultTtl);
    this.#keep(id, job, resultTtl, 1);
    return { state: 'finished' };
  }

  #keep(id: string, job: Job, ttl: number, type: number): void {
    if (ttl === 0) {
      this.jobs.delete(id);
      this.results.delete(id);
      this.vanished.set(id, job.life);
      return;
    }
    job.expires = ttl < 0 ? null : ttl;
    this.results.set(id, { types: [...(this.results.get(id)?.types ?? []), type], expires: job.expires });
  }

  #push(queue: Queue, id: string, front: boolean): void {
    this.announced.add(queue);
    if (front) this.queues[queue].unshift(id);
    else this.queues[queue].push(id);
  }

  /** A new job takes the id out of every place that a former one has left it in. */
  #forget(id: string): void {
    this.#takeFromAll(id, false);
    this.vanished.delete(id);
  }

  #takeFromAll(id: string, keys = true): void {
    for (const queue of QUEUES) {
      while (remove(this.queues[queue], id));
      while (remove(this.moved[queue], id));
      this.seen[queue].delete(id);
      for (const registry of Object.values(this.registries)) registry[queue].delete(id);
    }
    for (const execution of this.executions) if (execution.id === id) this.close(execution, keys);
  }

  #leave(id: string, found: readonly string[] | null): Job {
    const job = this.jobs.get(id);
    if (!job) throw new Error(`${id} has no job`);
    remove(this.queues[job.origin], id);
    if (!found) return job;
    for (const registry of Object.values(this.registries)) registry[job.origin].delete(id);
    for (const execution of this.executions) {
      if (execution.id === id && found.includes(execution.executionId)) this.close(execution, false);
    }
    return job;
  }
}

export const member = ({ id, executionId }: Pick<Execution, 'id' | 'executionId'>): string => `${id}:${executionId}`;

function remove(list: string[], id: string): boolean {
  const at = list.indexOf(id);
  if (at >= 0) list.splice(at, 1);
  return at >= 0;
}

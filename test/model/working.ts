import { expect } from 'vitest';
import { claim, type Claim, type ClaimedJob, type Wish } from '../../src/queue/claim.js';
import { finish, type Ended, type Finish as Finished } from '../../src/queue/finish.js';
import { heartbeat } from '../../src/queue/heartbeat.js';
import { formatDate } from '../../src/protocol/time.js';
import { register } from '../../src/worker/registration.js';
import { claimMoved } from '../support/claim-moved.js';
import { member } from './model.js';
import { QUEUES, type Outcome, type Queue, type Taken } from './records.js';
import { birthOf, type Worker } from './staff.js';
import { WorkerStep, chosen, reach, type Real, type World } from './step.js';

interface OfWorker {
  readonly worker: number;
}
interface WishParameters {
  readonly count: number;
  readonly queues: readonly Queue[];
}

export class ClaimJobs extends WorkerStep<OfWorker & WishParameters> {
  protected async does(worker: Worker, world: World, { redis }: Real): Promise<void> {
    const reply = await claim(redis, worker.stamp, wishOf(worker, this.p), running(worker));
    if (!worker.registered) {
      expect(reply).toEqual({ state: 'unregistered' });
      return;
    }
    const { count, queues } = this.p;
    receive(world, worker, reply, world.model.take(worker.name, count, queues, executionIds(reply)));
  }
}

/** A wait moves an id; what comes of it the worker may never learn. */
export class Wait extends WorkerStep<OfWorker & { readonly which: number }> {
  override check({ model }: Readonly<World>): boolean {
    return QUEUES.some((queue) => model.queues[queue].length > 0);
  }
  protected async does(worker: Worker, { model }: World, { client }: Real): Promise<void> {
    const waiting = QUEUES.filter((name) => model.queues[name].length > 0);
    const queue = chosen(waiting, this.p.which);
    this.of += `${queue} `;
    const id = model.queues[queue].shift() ?? '';
    model.moved[queue].push(id);
    expect(await client.lmove(`rq:queue:${queue}`, `rq:queue:${queue}:intermediate:tsrq`, 'LEFT', 'RIGHT')).toBe(id);
    worker.waits.push(queue);
  }
}

/** What follows a wait: it takes what was moved last, by whichever wait. */
export class ClaimMoved extends WorkerStep<OfWorker> {
  protected override fits(worker: Worker): boolean {
    return worker.waits.length > 0;
  }
  protected async does(worker: Worker, world: World, { redis }: Real): Promise<void> {
    const { model } = world;
    const queue = worker.waits.shift() as Queue;
    this.of += `${queue} `;
    const { processPrefix, stamp } = worker;
    const isEmpty = model.moved[queue].length === 0;
    const reply = await claimMoved(redis, stamp, { queue, processPrefix });
    if (isEmpty || reply === null) {
      expect({ isEmpty, reply }).toEqual({ isEmpty: true, reply: null });
    } else if (worker.registered) {
      const taken = model.takeMoved(worker.name, queue, executionIds(reply));
      receive(world, worker, reply, taken ?? { jobs: [], skipped: [] });
    } else {
      expect(reply).toEqual({ state: 'unregistered' });
      model.putBack(queue);
    }
  }
}

type FinishParameters = OfWorker & {
  readonly from: number;
  readonly kinds: readonly Ended['kind'][];
  readonly defaultResultTtl: number;
  readonly next: WishParameters;
};

/** Ends some of the executions that a worker believes to be its own, and claims the next jobs. */
export class FinishAndClaim extends WorkerStep<FinishParameters> {
  protected override fits(worker: Worker): boolean {
    return worker.holds.length > 0;
  }

  protected async does(worker: Worker, world: World, { redis }: Real): Promise<void> {
    const { from, kinds, defaultResultTtl, next } = this.p;
    const { model, staff } = world;
    const held = worker.holds;
    const runs = held.map((_, i) => chosen(held, from + i)).slice(0, kinds.length);
    const ended = runs.map((run, i) => endedOf(run, chosen(kinds, i), staff.moment(), defaultResultTtl));
    const rest = held.filter((run) => !runs.includes(run));
    const runningId = rest.at(-1)?.id ?? '';
    const reply = await finish(redis, worker.stamp, ended, wishOf(worker, next), runningId);
    if (!worker.registered) {
      expect(reply).toMatchObject({ state: 'unregistered', endings: [] });
      return;
    }
    const endings = ended.map((one) => model.end(outcomeOf(one)));
    for (const { state } of endings) {
      reach(`finish ${state}`);
      if (state === 'finished') worker.successes += 1;
      if (state === 'failed' || state === 'stopped' || state === 'retried') worker.failures += 1;
    }
    expect(reply.endings).toEqual(endings);
    worker.holds = rest;
    worker.told.push(...ended);
    receive(world, worker, reply, model.take(worker.name, next.count, next.queues, executionIds(reply)));
  }
}

/** The answer to a finish was lost: it is sent again, at once or late. */
export class FinishAgain extends WorkerStep<OfWorker & { readonly which: number }> {
  protected override fits(worker: Worker): boolean {
    return worker.registered && worker.told.length > 0;
  }

  protected async does(worker: Worker, { model }: World, { redis }: Real): Promise<void> {
    const ended = chosen(worker.told, this.p.which);
    const expected = model.end(outcomeOf(ended));
    expect(['repeated', 'lost']).toContain(expected.state);
    reach(`finish again ${expected.state}`);
    const nothing = wishOf(worker, { count: 0, queues: [] });
    const { endings } = await finish(redis, worker.stamp, [ended], nothing, running(worker));
    expect(endings).toEqual([expected]);
  }
}

/** A process whose name another has taken still speaks. */
export class GhostFinish extends WorkerStep<OfWorker> {
  protected override fits(worker: Worker): boolean {
    return (worker.ghost?.holds.length ?? 0) > 0;
  }

  protected async does(worker: Worker, { staff }: World, { redis }: Real): Promise<void> {
    const { stamp = worker.stamp, holds = [] } = worker.ghost ?? {};
    const ended = holds.map((run) => endedOf(run, 'finished', staff.moment(), 500));
    const wish = wishOf(worker, { count: 3, queues: QUEUES });
    const reply = await finish(redis, stamp, ended, wish, '');
    const expected: Pick<Finished, 'state'> = { state: worker.registered ? 'replaced' : 'unregistered' };
    expect(reply).toMatchObject({ ...expected, endings: [] });
  }
}

export class Heartbeat extends WorkerStep<OfWorker> {
  protected async does(worker: Worker, { model }: World, { redis }: Real): Promise<void> {
    const runs = worker.holds.map((run) => ({ ...run, timeoutSeconds: Number(run.timeout) }));
    const reply = await heartbeat(redis, worker.stamp, runs, { state: '', workingSeconds: 1 });
    if (!worker.registered) {
      expect(reply).toEqual({ state: 'unregistered' });
      return;
    }
    const lost = worker.holds.filter((run) => {
      const execution = model.find(placeOf(run));
      if (!execution) return true;
      execution.over = false;
      execution.recorded = true;
      return false;
    });
    expect(reply).toEqual({ state: 'ok', lost: lost.map(({ executionId }) => executionId) });
    if (lost.length > 0) reach('heartbeat lost');
  }
}

/** A worker is silent until its leases are over; it may speak again. */
export class Lapse extends WorkerStep<OfWorker> {
  protected override fits(worker: Worker): boolean {
    return worker.holds.length > 0;
  }
  protected async does(worker: Worker, { model }: World, { client }: Real): Promise<void> {
    await lapse(model, worker.holds, client);
  }
}

/** A worker dies with what it holds, and another process takes its name. */
export class Crash extends WorkerStep<OfWorker> {
  protected async does(worker: Worker, { model, staff }: World, { redis, client }: Real): Promise<void> {
    await lapse(model, worker.holds, client);
    worker.ghost = { stamp: worker.stamp, holds: worker.holds };
    worker.holds = [];
    worker.waits = [];
    worker.told.length = 0;
    staff.bear(worker);
    await register(redis, birthOf(worker));
  }
}

export class LoseWorkerHash extends WorkerStep<OfWorker> {
  protected async does(worker: Worker, _world: World, { client }: Real): Promise<void> {
    await client.del(`rq:worker:${worker.name}`);
    worker.registered = false;
  }
}

export class Register extends WorkerStep<OfWorker> {
  protected override fits(worker: Worker): boolean {
    return !worker.registered;
  }
  protected async does(worker: Worker, { staff }: World, { redis }: Real): Promise<void> {
    await register(redis, birthOf(worker));
    staff.rebirth(worker);
  }
}

async function lapse(model: World['model'], holds: readonly ClaimedJob[], client: Real['client']): Promise<void> {
  for (const run of holds) {
    const execution = model.find(placeOf(run));
    if (execution) execution.over = true;
    await client.zadd(`rq:wip:${run.queue}`, 'XX', '1', member(run));
  }
}

const running = (worker: Worker): string => worker.holds.at(-1)?.id ?? '';

const placeOf = ({ id, executionId, queue }: { id: string; executionId: string; queue: string }) => {
  return { id, executionId, queue: queue as Queue };
};

const wishOf = ({ processPrefix }: Worker, { count, queues }: WishParameters): Wish => {
  return { count, strategy: 'ordered', seed: 1, queues: queues.map((name) => ({ name, weight: 1 })), processPrefix };
};

function endedOf(run: ClaimedJob, kind: Ended['kind'], now: number, defaultResultTtl: number): Ended {
  const resultTtlSeconds = run.resultTtl === null ? defaultResultTtl : Number(run.resultTtl);
  return { ...placeOf(run), kind, startedAtMs: now - 0.5, endedAtMs: now, resultTtlSeconds, value: null };
}

const outcomeOf = (ended: Ended): Outcome => ({
  ...placeOf(ended),
  ...{ kind: ended.kind, endedAt: formatDate(ended.endedAtMs), resultTtl: ended.resultTtlSeconds },
});

const executionIds = (reply: Claim): string[] =>
  reply.state === 'ok' ? reply.jobs.map(({ executionId }) => executionId) : [];

/** What the worker was given is what the model gives it, in executions that nobody had before. */
function receive(world: World, worker: Worker, reply: Claim, taken: Taken): void {
  if (reply.state !== 'ok') throw new Error(`${worker.name} is ${reply.state}`);
  const { jobs, skipped, suspended, more } = reply;
  const given = jobs.map(({ id, executionId, queue, retriesLeft, attempt }) => {
    return { id, executionId, queue, retriesLeft, attempt };
  });
  expect({ jobs: given, skipped, suspended, more }).toEqual({
    ...taken,
    suspended: world.model.suspended,
    more: false,
  });
  for (const { executionId } of jobs) {
    expect(executionId).toMatch(new RegExp(`^${worker.processPrefix}[0-9a-f]{16}$`));
    expect(world.executionIds).not.toContain(executionId);
    world.executionIds.add(executionId);
  }
  for (const { reason } of skipped) reach(`skipped ${reason}`);
  worker.holds = [...worker.holds, ...jobs];
}

import { expect } from 'vitest';
import { endAbandoned } from '../../src/queue/abandoned.js';
import { schedulerLockKey } from '../../src/protocol/keys.js';
import { moveDue } from '../../src/queue/schedule.js';
import { rescueStranded } from '../../src/queue/stranded.js';
import type { Redis } from '../../src/redis/redis.js';
import { QUEUES, type Job, type Queue, type Status } from './records.js';
import { Step, chosen, reach, type Nothing, type Real, type World } from './step.js';

interface OfQueue {
  readonly queue: Queue;
}

export class Sweep extends Step<OfQueue> {
  protected async act({ model }: World, { redis }: Real): Promise<void> {
    const expected = { ended: model.endAbandoned(this.p.queue), ...model.rescue(this.p.queue) };
    told(expected);
    expect(await sweep(redis, this.p.queue)).toEqual(expected);
  }
}

/** Of two sweeps the second finds nothing that the first has ended; each may put back what the other has marked. */
export class TwoSweeps extends Step<OfQueue> {
  protected async act({ model }: World, { redis, other }: Real): Promise<void> {
    const { queue } = this.p;
    const both = await Promise.all([sweep(redis, queue), sweep(other, queue)]);
    const ended = model.endAbandoned(queue);
    const looks = [model.rescue(queue), model.rescue(queue)];
    const all = { ended, back: looks.flatMap(({ back }) => back), dropped: looks.flatMap(({ dropped }) => dropped) };
    told(all);
    const found = {
      ended: both.flatMap((one) => one.ended),
      back: both.flatMap((one) => one.back),
      dropped: both.flatMap((one) => one.dropped),
    };
    // Which of the two came first nobody knows.
    const inAnyOrder = ({ ended: ends, back, dropped }: Swept) => {
      return { ended: ends, back: back.toSorted(), dropped: dropped.toSorted() };
    };
    expect(inAnyOrder(found)).toEqual(inAnyOrder(all));
  }
}

interface Swept {
  readonly ended: readonly { readonly ending: { readonly state: string } }[];
  readonly back: readonly string[];
  readonly dropped: readonly string[];
}

async function sweep(redis: Redis, queue: Queue): Promise<Swept> {
  const ended = await endAbandoned(redis, queue);
  return { ended, ...(await rescueStranded(redis, queue, 0)) };
}

function told({ ended, back, dropped }: Swept): void {
  for (const { ending } of ended) reach(`swept ${ending.state}`);
  if (back.length > 0) reach('swept back');
  if (dropped.length > 0) reach('swept dropped');
}

interface DueParameters {
  readonly queue: number;
  readonly which: number | null;
  readonly schedulers: 1 | 2;
}

/** Time passes for all that is scheduled, or for one of it; `schedulers` look at once. */
export class MoveDue extends Step<DueParameters> {
  override check({ model }: Readonly<World>): boolean {
    return QUEUES.some((queue) => model.registries.scheduled[queue].size > 0);
  }

  protected async act({ model }: World, { redis, other, client }: Real): Promise<void> {
    const { which, schedulers } = this.p;
    const queues = QUEUES.filter((name) => model.registries.scheduled[name].size > 0);
    const queue = chosen(queues, this.p.queue);
    this.of = `${queue} `;
    const scheduled = [...model.registries.scheduled[queue].keys()].sort();
    const due = which === null ? scheduled : [chosen(scheduled, which)];
    for (const id of due) {
      model.registries.scheduled[queue].set(id, 1);
      await client.zadd(`rq:scheduled:${queue}`, 'XX', '1', id);
    }
    await client.set(schedulerLockKey(queue), 'both');
    const moved = await Promise.all([redis, other].slice(0, schedulers).map((one) => moveDue(one, queue, 'both')));
    await client.del(schedulerLockKey(queue));
    expect(moved.reduce((sum, count) => sum + count, 0)).toBe(model.moveDue(queue));
  }
}

interface OfJob {
  readonly which: number;
  /** A worker has claimed the job between Python's look at its status and what Python then does. */
  readonly raced: boolean;
}

/** What Python does to a job, in the way Python does it. */
abstract class JobStep extends Step<OfJob> {
  override check({ model }: Readonly<World>): boolean {
    return this.#fitting(model).length > 0;
  }

  protected async act({ model }: World, { client }: Real): Promise<void> {
    const { which, raced } = this.p;
    const [id, job] = chosen(this.#fitting(model), which);
    this.of = `${id} `;
    reach(`${this.constructor.name} ${job.status}${raced ? ' raced' : ''}`);
    await this.does(model, client, { id, job, raced });
  }

  #fitting({ jobs }: World['model']): [string, Job][] {
    return [...jobs].filter(([, { status }]) => (this.p.raced ? status === 'started' : this.fits(status)));
  }

  protected abstract fits(status: Status): boolean;
  protected abstract does(model: World['model'], client: Real['client'], target: Target): Promise<void>;
}

interface Target {
  readonly id: string;
  readonly job: Job;
  readonly raced: boolean;
}

export class Cancel extends JobStep {
  protected fits(status: Status): boolean {
    return status === 'queued' || status === 'started' || status === 'scheduled';
  }

  protected async does(model: World['model'], client: Real['client'], target: Target): Promise<void> {
    const { id, job, raced } = target;
    const executions = await leave(client, target);
    await client.hset(`rq:job:${id}`, 'status', 'canceled');
    await client.zadd(`rq:canceled:${job.origin}`, String(Date.now() / 1_000), id);
    model.cancel(id, raced ? null : executions);
  }
}

export class Delete extends JobStep {
  protected fits(): boolean {
    return true;
  }

  protected async does(model: World['model'], client: Real['client'], target: Target): Promise<void> {
    const { id, job, raced } = target;
    const executions = await leave(client, target);
    if (!raced && executions.length > 0) {
      await client.zrem(`rq:wip:${job.origin}`, ...executions.map((execution) => `${id}:${execution}`));
      await client.del(...executions.map((execution) => `rq:execution:${id}:${execution}`), `rq:executions:${id}`);
    }
    await client.del(`rq:job:${id}`, `rq:job:${id}:dependents`, `rq:job::${id}:dependencies`);
    model.delete(id, raced ? null : executions);
  }
}

/** Takes the id from its queue and from the registry of the status that Python has seen; returns its executions. */
async function leave(client: Real['client'], { id, job, raced }: Target): Promise<string[]> {
  await client.lrem(`rq:queue:${job.origin}`, 1, id);
  const executions = await client.zrange(`rq:executions:${id}`, '0', '-1');
  if (raced) return executions;
  if (job.status === 'started' && executions.length > 0) {
    await client.zrem(`rq:wip:${job.origin}`, ...executions.map((execution) => `${id}:${execution}`));
  } else if (job.status !== 'queued') {
    const registry = job.status === 'stopped' ? 'failed' : job.status;
    await client.zrem(`rq:${registry}:${job.origin}`, id);
  }
  return executions;
}

export class FlushScripts extends Step<Nothing> {
  protected async act(_world: World, { client }: Real): Promise<void> {
    await client.script('FLUSH');
  }
}

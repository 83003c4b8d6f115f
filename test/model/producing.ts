import { expect } from 'vitest';
import { TsrqError } from '../../src/errors.js';
import { asList, asText } from '../../src/queue/claim.js';
import { empty } from '../../src/queue/empty.js';
import { cancelJob, deleteJob } from '../../src/queue/end-job.js';
import { enqueue, type NewJob } from '../../src/queue/enqueue.js';
import { moveQueue } from '../../src/queue/move.js';
import { pauseQueue, resumeQueue } from '../../src/queue/pause.js';
import { requeueAll, requeueIds } from '../../src/queue/requeue.js';
import { resume, suspend } from '../../src/queue/suspend.js';
import type { Redis, RedisArg } from '../../src/redis/redis.js';
import { script } from '../../src/redis/scripts.js';
import { QUEUES, type Call, type Queue } from './records.js';
import { Step, chosen, reach, type Nothing, type Real, type World } from './step.js';

export type EnqueueParameters = Omit<Call, 'life'> & { readonly times: number };

export class Enqueue extends Step<EnqueueParameters> {
  override check({ model }: Readonly<World>): boolean {
    return !model.hasTraces(this.p.id, this.p.queue);
  }

  protected async act(world: World, { redis }: Real): Promise<void> {
    const { id, queue, front, rule, resultTtl, failureTtl, retry, times } = this.p;
    const job: NewJob = {
      ...{ functionName: 'app.work', id, queue, atFront: front, onExistingId: rule },
      ...(resultTtl === null ? {} : { resultTtlSeconds: resultTtl }),
      ...(failureTtl === null ? {} : { failureTtlSeconds: failureTtl }),
      ...(retry === null ? {} : { retry }),
    };
    const wire = new Wire(redis, times);
    const error = await enqueue(wire.redis, job).then(
      () => null,
      (reason: unknown) => reason,
    );
    const call: Call = { ...this.p, life: String(wire.args[5]) };
    const [state = '', status] = world.model.enqueue(call);
    const first = status === undefined ? [state] : [state, status];
    expect(wire.replies).toEqual([
      first,
      ...Array<string[]>(times - 1).fill(state === 'queued' ? ['repeated'] : first),
    ]);
    expect(error instanceof TsrqError ? error.code : error).toBe(state === 'exists' ? 'JOB_EXISTS' : null);
    reach(`enqueue ${state}`);
    if (state === 'queued') world.calls.push({ call, args: wire.args });
  }
}

/** Sends a script several times, byte for byte, as the connection does when the reply is lost. */
class Wire {
  args: readonly RedisArg[] = [];
  readonly replies: string[][] = [];
  readonly redis: Redis;

  constructor(redis: Redis, times: number) {
    const evaluate: Redis['evaluate'] = async (of, keys, args) => {
      this.args = args;
      for (let i = 1; i < times; i += 1) await this.#send(redis, of, keys, args);
      return this.#send(redis, of, keys, args);
    };
    this.redis = { evaluate } as Redis;
  }

  async #send(redis: Redis, ...call: Parameters<Redis['evaluate']>): ReturnType<Redis['evaluate']> {
    const reply = await redis.evaluate(...call);
    this.replies.push(asList(reply).map(asText));
    return reply;
  }
}

/** An enqueue whose reply was lost for a while: meanwhile its job may have gone any way that jobs go by themselves. */
export class EnqueueAgain extends Step<{ readonly which: number }> {
  override check({ model, calls }: Readonly<World>): boolean {
    return calls.some(({ call }) => stands(model, call));
  }

  protected async act({ model, calls }: World, { redis }: Real): Promise<void> {
    const { args } = chosen(
      calls.filter(({ call }) => stands(model, call)),
      this.p.which,
    );
    expect(asList(await redis.evaluate(script('enqueue'), [], args)).map(asText)).toEqual(['repeated']);
  }
}

/** Nobody has deleted or replaced the job since. */
const stands = ({ jobs, vanished }: World['model'], { id, life }: Call): boolean =>
  jobs.get(id)?.life === life || vanished.get(id) === life;

interface RequeueParameters {
  readonly atFront: boolean;
  readonly keepRetries: boolean;
}

export class RequeueAll extends Step<RequeueParameters> {
  protected async act({ model }: World, { redis, client }: Real): Promise<void> {
    const { atFront, keepRetries } = this.p;
    let total = 0;
    for (const queue of QUEUES) {
      // Their order is that of the moments at which they failed: Redis's clock knows it.
      const ids = await client.zrange(`rq:failed:${queue}`, '0', '-1');
      for (const id of ids) model.requeue(queue, id, atFront, keepRetries);
      total += ids.length;
    }
    if (total > 0) reach('requeue some');
    expect(await requeueAll(redis, this.p)).toEqual({ requeued: total, total });
  }
}

export class RequeueIds extends Step<RequeueParameters & { readonly ids: readonly string[] }> {
  protected async act({ model }: World, { redis }: Real): Promise<void> {
    const { ids, atFront, keepRetries } = this.p;
    const expected = ids.map((id) => {
      const registry = QUEUES.find((queue) => model.registries.failed[queue].has(id));
      if (registry === undefined) return { id, registry: null, requeued: false };
      return { id, registry, requeued: true, queue: model.requeue(registry, id, atFront, keepRetries) };
    });
    const results = await requeueIds(redis, ids, { atFront, keepRetries });
    expect(results).toMatchObject(expected);
    if (expected.some(({ requeued }) => requeued)) reach('requeue some');
  }
}

export class Empty extends Step<{ readonly queue: Queue }> {
  protected async act({ model }: World, { redis }: Real): Promise<void> {
    expect(await empty(redis, this.p.queue)).toBe(model.empty(this.p.queue));
  }
}

export class Move extends Step<{ readonly from: Queue; readonly to: Queue }> {
  override check(): boolean {
    return this.p.from !== this.p.to;
  }
  protected async act({ model }: World, { redis }: Real): Promise<void> {
    const expected = model.move(this.p.from, this.p.to);
    if (expected.moved > 0) reach('move some');
    expect(await moveQueue(redis, this.p.from, this.p.to)).toEqual(expected);
  }
}

/** As tsrq does it, whatever the job's state. */
export class CancelByTsrq extends Step<{ readonly id: string }> {
  protected async act({ model }: World, { redis }: Real): Promise<void> {
    const before = model.jobs.get(this.p.id)?.status ?? 'gone';
    expect(await cancelJob(redis, this.p.id)).toEqual(model.cancelEverywhere(this.p.id));
    reach(`tsrq cancels ${before}`);
  }
}

export class DeleteByTsrq extends Step<{ readonly id: string }> {
  protected async act({ model }: World, { redis }: Real): Promise<void> {
    const before = model.jobs.get(this.p.id)?.status ?? 'gone';
    expect(await deleteJob(redis, this.p.id)).toBe(model.deleteEverywhere(this.p.id));
    reach(`tsrq deletes ${before}`);
  }
}

export class Pause extends Step<{ readonly queue: Queue }> {
  protected async act({ model }: World, { redis }: Real): Promise<void> {
    expect(await pauseQueue(redis, this.p.queue, null)).toBe(model.paused.has(this.p.queue));
    model.paused.add(this.p.queue);
  }
}

export class EndPause extends Step<{ readonly queue: Queue }> {
  override check({ model }: Readonly<World>): boolean {
    return model.paused.size > 0;
  }
  protected async act({ model }: World, { redis }: Real): Promise<void> {
    expect(await resumeQueue(redis, this.p.queue)).toBe(model.paused.delete(this.p.queue));
  }
}

export class Suspend extends Step<Nothing> {
  override check({ model }: Readonly<World>): boolean {
    return !model.suspended;
  }
  protected async act({ model }: World, { redis }: Real): Promise<void> {
    await suspend(redis, null);
    model.suspended = true;
  }
}

export class Resume extends Step<Nothing> {
  override check({ model }: Readonly<World>): boolean {
    return model.suspended;
  }
  protected async act({ model }: World, { redis }: Real): Promise<void> {
    expect(await resume(redis)).toBe(true);
    model.suspended = false;
  }
}

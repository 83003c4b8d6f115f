import type fc from 'fast-check';
import type { Redis as IoRedis } from 'ioredis';
import type { Redis, RedisArg } from '../../src/redis/redis.js';
import { agree } from './agreement.js';
import { Model } from './model.js';
import type { Call } from './records.js';
import { Staff, type Worker } from './staff.js';

/** What the test knows: the model, the workers, and what producers have sent. */
export class World {
  readonly model = new Model();
  readonly staff = new Staff();
  readonly calls: { readonly call: Call; readonly args: readonly RedisArg[] }[] = [];
  readonly executionIds = new Set<string>();
}

export interface Real {
  readonly redis: Redis;
  /** A second connection: for what happens at once. */
  readonly other: Redis;
  /** For what the scripts do not do: Python's part, and time. */
  readonly client: IoRedis;
}

export type Nothing = Readonly<Record<string, never>>;

/** How often each outcome was seen: says what a run has reached. */
export const reached = new Map<string, number>();
export const reach = (what: string): void => {
  reached.set(what, (reached.get(what) ?? 0) + 1);
};

/** Something that happens; afterwards Redis is compared with the model. */
export abstract class Step<P extends object> implements fc.AsyncCommand<World, Real> {
  readonly p: P;
  /** What it was done to when it ran last: its numbers mean what there is at that moment. */
  protected of = '';

  constructor(p: P) {
    this.p = p;
  }

  check(_world: Readonly<World>): boolean {
    return true;
  }

  async run(world: World, real: Real): Promise<void> {
    await this.act(world, real);
    reach(this.constructor.name);
    await agree(world.model, world.staff, real.client);
  }

  toString(): string {
    return `${this.constructor.name}(${this.of}${JSON.stringify(this.p)})`;
  }

  protected abstract act(world: World, real: Real): Promise<void>;
}

/** Something that one of the workers does to whom it can happen. */
export abstract class WorkerStep<P extends { readonly worker: number }> extends Step<P> {
  override check({ staff }: Readonly<World>): boolean {
    return staff.workers.some((worker) => this.fits(worker));
  }

  protected async act(world: World, real: Real): Promise<void> {
    const worker = chosen(
      world.staff.workers.filter((one) => this.fits(one)),
      this.p.worker,
    );
    this.of = `${worker.name} `;
    await this.does(worker, world, real);
  }

  protected fits(_worker: Worker): boolean {
    return true;
  }

  protected abstract does(worker: Worker, world: World, real: Real): Promise<void>;
}

/** The one of a list that an arbitrary number means. */
export function chosen<T>(list: readonly T[], number: number): T {
  const item = list[number % list.length];
  if (item === undefined) throw new Error('nothing to choose from');
  return item;
}

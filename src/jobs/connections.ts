import { AsyncLocalStorage } from 'node:async_hooks';
import { connect } from '../redis/connect.js';
import type { Redis } from '../redis/redis.js';
import type { RedisTarget } from '../redis/target.js';
import { getCurrentJob, type CurrentJob } from './current-job.js';

/** Where queues find their Redis. */
export interface Connections {
  /** The connection of a queue; nothing is opened before its first call. */
  redisOf(queue: string): Redis;
}

interface Scope {
  readonly connections: Connections;
  /** The job it was entered in: another job that is run within it has its own worker's Redis. */
  readonly job: CurrentJob | null;
}

interface Shared {
  readonly scopes: AsyncLocalStorage<Scope>;
  readonly pushed: Connections[];
}

/** Shared by all copies of this module that a process may have loaded (bundles, TypeScript loaders). */
const SHARED = Symbol.for('tsrq.connections');
const holder = globalThis as { [SHARED]?: Shared };

const shared = (): Shared => (holder[SHARED] ??= { scopes: new AsyncLocalStorage<Scope>(), pushed: [] });

/** Under this a `CurrentJob` carries the connections of its worker. */
export const JOB_CONNECTIONS = Symbol.for('tsrq.jobConnections');

/** Runs `work` so that `currentConnections()` answers these in it and in all it awaits. */
export function runWithConnections<T>(connections: Connections, work: () => T): T {
  return shared().scopes.run({ connections, job: getCurrentJob() }, work);
}

/** Makes these the connections of the whole process, where no scope and no job has its own, until they are popped. */
export function pushConnections(connections: Connections): void {
  shared().pushed.push(connections);
}

/** Takes back what was pushed last; null if nothing was. */
export const popConnections = (): Connections | null => shared().pushed.pop() ?? null;

/** Takes these back, whatever was pushed after them. */
export function removeConnections(connections: Connections): void {
  const { pushed } = shared();
  const at = pushed.lastIndexOf(connections);
  if (at >= 0) pushed.splice(at, 1);
}

/** The connections of the calling code: the innermost scope's, the job's, the pushed ones; null for none of these. */
export function currentConnections(): Connections | null {
  const { scopes, pushed } = shared();
  const scope = scopes.getStore();
  const job = getCurrentJob();
  if (scope && scope.job === job) return scope.connections;
  const ofJob = (job as { readonly [JOB_CONNECTIONS]?: Connections } | null)?.[JOB_CONNECTIONS];
  return ofJob ?? scope?.connections ?? pushed.at(-1) ?? null;
}

/** One producer's connection to a worker's Redis, for all its jobs; opened by the first that uses it. */
export function jobConnections(
  target: RedisTarget,
): Connections & { targetOf(queue: string): Promise<RedisTarget>; close(): void } {
  let redis: Redis | null = null;
  return {
    redisOf: () => (redis ??= connect(target, { role: 'producer', waits: true, name: 'tsrq job' })),
    targetOf: () => Promise.resolve(target),
    close: () => redis?.close(),
  };
}

import { TsrqError } from '../errors.js';
import type { Settings } from '../config/settings.js';
import type { RedisTarget } from '../redis/target.js';
import type { WeightedQueue } from '../worker/intake.js';
import type { Place } from '../worker/start-several.js';

/** A Redis and the queues of it that a command is about; null for all it has. */
export interface QueuesOfConnection {
  readonly name: string;
  readonly target: RedisTarget;
  readonly queues: readonly string[] | null;
}

/** Every connection that the configuration uses, with all its queues. */
export function chosenConnections(settings: Settings): QueuesOfConnection[] {
  return settings.usedConnections().map(({ name, target }) => ({ name, target, queues: null }));
}

/** The named queues, grouped by the connection that holds them, in the order given. */
export function queuesByConnection(settings: Settings, queues: readonly string[]): QueuesOfConnection[] {
  const groups = new Map<string, { name: string; target: RedisTarget; queues: string[] }>();
  for (const queue of new Set(queues)) {
    const name = settings.connectionNameOf(queue);
    const group = groups.get(name) ?? { name, target: settings.targetOf(queue), queues: [] };
    group.queues.push(queue);
    groups.set(name, group);
  }
  return [...groups.values()];
}

/** Whether it tells of a Redis that cannot be reached, or refuses us: others may serve all the same. */
export const isOutage = (error: unknown): error is TsrqError =>
  error instanceof TsrqError && error.code.startsWith('REDIS_');

/** What it resolves to, or the outage that it rejects with. */
export const orOutage = <T>(work: Promise<T>): Promise<T | TsrqError> =>
  work.catch((error: unknown) => {
    if (isOutage(error)) return error;
    throw error;
  });

/** What each connection has to say, in their order; of one that cannot be reached its error, which hides nothing of the others. */
export const askEach = <T>(
  connections: readonly QueuesOfConnection[],
  ask: (connection: QueuesOfConnection) => Promise<T>,
): Promise<(T | TsrqError)[]> => Promise.all(connections.map((connection) => orOutage(ask(connection))));

/**
 * Works on one connection after the other. One that cannot be reached does not keep the others from being worked on: returns
 * the first such error, null if there was none.
 */
export async function workOnEach(
  connections: readonly QueuesOfConnection[],
  work: (connection: QueuesOfConnection) => Promise<void>,
): Promise<TsrqError | null> {
  let outage: TsrqError | null = null;
  for (const connection of connections) {
    const answer = await orOutage(work(connection));
    if (isOutage(answer)) outage ??= answer;
  }
  return outage;
}

/** Tells of the first that could not be reached, when all has been said that the others know. */
export function throwOutage(answers: readonly unknown[]): void {
  const outage = answers.find(isOutage);
  if (outage) throw outage;
}

/** The same for a worker's queues; connections that lead to the same address are one place, named by the first of them. */
export function placesOf(settings: Settings, queues: readonly WeightedQueue[]): Place[] {
  const places = new Map<string, { name: string; target: RedisTarget; queues: WeightedQueue[] }>();
  for (const queue of queues) {
    const target = settings.targetOf(queue.name);
    const key = JSON.stringify(target);
    const place = places.get(key) ?? { name: settings.connectionNameOf(queue.name), target, queues: [] };
    place.queues.push(queue);
    places.set(key, place);
  }
  return [...places.values()];
}

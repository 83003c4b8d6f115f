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

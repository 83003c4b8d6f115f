import { betweenKeys, queueKey, registryKey } from '../protocol/keys.js';
import type { Redis, RedisCommand, Reply } from '../redis/redis.js';
import { errorOf, listOf } from './answer.js';

/** Where a job is, in RQ's words; `stopped` jobs lie in the failed registry. */
export const JOB_STATES = [
  ...(['queued', 'started', 'deferred', 'scheduled', 'finished', 'failed', 'stopped', 'canceled'] as const),
] as const;
/** A state by which jobs can be listed. */
export type JobState = (typeof JOB_STATES)[number];
/** States whose jobs are in one registry per queue. */
export type RegisteredState = Exclude<JobState, 'queued' | 'stopped'>;
export type Order = 'newest' | 'oldest';

/** An entry of a place. */
export interface Ref {
  readonly id: string;
  readonly queue: string;
  readonly state: JobState;
  /** Of a registry; null in a list. */
  readonly score: number | null;
}

/** A list or registry that holds ids, read from its newest or its oldest end. */
export interface Place {
  readonly size: number;
  /** Asks for the next so many entries. */
  command(count: number): RedisCommand;
  /** Reads the answer; a key that cannot be read is a problem, and has no entries. */
  read(reply: Reply | Error, problems: string[]): Ref[];
}

interface Kind {
  readonly key: string;
  readonly queue: string;
  readonly state: JobState;
  readonly isList: boolean;
}

/** The places of these states that are not empty. */
export async function openPlaces(
  redis: Redis,
  wanted: {
    readonly queues: readonly string[];
    readonly states?: readonly JobState[];
    readonly order: Order;
    readonly problems: string[];
  },
): Promise<Place[]> {
  const { queues, states = JOB_STATES, order, problems } = wanted;
  const kinds = queues.flatMap((queue) => kindsOf(queue, states));
  const sizes: RedisCommand[] = kinds.map(({ key, isList }) => [isList ? 'LLEN' : 'ZCARD', key]);
  const replies = await redis.pipeline(sizes);
  return kinds.flatMap((kind, i) => {
    const [command, reply] = [sizes[i], replies[i] ?? null];
    const error = command ? errorOf({ command, reply }) : null;
    if (error !== null) problems.push(error);
    return typeof reply === 'number' && reply > 0 ? [placeOf(kind, reply, order)] : [];
  });
}

function kindsOf(queue: string, states: readonly JobState[]): Kind[] {
  const registries = new Set(states.map((state) => (state === 'stopped' ? 'failed' : state)));
  return [...registries].flatMap((state): Kind[] => {
    if (state !== 'queued') return [registryKind(state, queue)];
    return [queueKey(queue), ...betweenKeys(queue)].map((key) => ({ key, queue, state, isList: true }));
  });
}

/** A registry of a queue from a rank on; its size is not asked for. */
export const openRegistry = (state: RegisteredState, queue: string, order: Order, from: number): Place =>
  placeOf(registryKind(state, queue), Infinity, order, from);

const registryKind = (state: RegisteredState, queue: string): Kind => ({
  ...{ key: registryKey(state === 'started' ? 'wip' : state, queue), queue, state, isList: false },
});

function placeOf({ key, queue, state, isList }: Kind, size: number, order: Order, from = 0): Place {
  let asked: RedisCommand = ['PING'];
  return {
    size,
    command: (count) => {
      if (!isList) {
        const range: RedisCommand = ['ZRANGE', key, from, from + count - 1];
        asked = order === 'newest' ? [...range, 'REV', 'WITHSCORES'] : [...range, 'WITHSCORES'];
      } else if (order === 'newest') {
        asked = ['LRANGE', key, -(from + count), -(from + 1)];
      } else {
        asked = ['LRANGE', key, from, from + count - 1];
      }
      from += count;
      return asked;
    },
    read: (reply, problems) => {
      const error = errorOf({ command: asked, reply });
      if (error !== null) problems.push(error);
      const items = listOf(reply instanceof Error ? null : reply);
      if (isList) {
        const refs = items.map((id) => ({ id, queue, state, score: null }));
        return order === 'newest' ? refs.reverse() : refs;
      }
      const refs: Ref[] = [];
      for (let i = 0; i + 1 < items.length; i += 2) {
        // Of a running job the execution stands behind its id.
        const id = state === 'started' ? (items[i] ?? '').split(':')[0] : items[i];
        refs.push({ id: id ?? '', queue, state, score: Number(items[i + 1]) });
      }
      return refs;
    },
  };
}

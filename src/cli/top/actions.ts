import { deleteJob } from '../../queue/end-job.js';
import { pauseQueue, resumeQueue } from '../../queue/pause.js';
import { requeueAll, requeueIds } from '../../queue/requeue.js';
import type { Redis } from '../../redis/redis.js';
import { cancel, stop } from '../commands/job/end.js';
import { plural } from '../render/words.js';

/** What a key does to what is selected. */
export interface Action {
  readonly key: string;
  readonly word: string;
  /** What is asked first; null where nothing is lost by it. */
  readonly question: string | null;
  /** Does it, and says what was done. */
  readonly run: (redis: Redis) => Promise<string>;
}

export interface JobRef {
  readonly id: string;
  readonly queue: string;
  /** A state or a status: what can be done depends on it. */
  readonly state: string;
}

/** What can be done with a job. */
export function jobActions({ id, queue, state }: JobRef): Action[] {
  const all: (Action & { readonly states: readonly string[] })[] = [
    {
      ...{ key: 'r', word: 'requeue', question: null, states: ['failed', 'stopped'] },
      run: async (redis) => {
        const [result] = await requeueIds(redis, [id], queue === '' ? {} : { queues: [queue] });
        return result?.requeued === true
          ? `Requeued ${id} on ${result.queue}.`
          : `${id} was not requeued: ${result?.reason ?? '?'}`;
      },
    },
    {
      ...{ key: 's', word: 'stop', question: `Stop ${id}?`, states: ['started'] },
      run: async (redis) => (await stop(redis, id))?.text ?? gone(id),
    },
    {
      ...{
        key: 'c',
        word: 'cancel',
        question: `Cancel ${id}?`,
        states: ['queued', 'started', 'scheduled', 'deferred'],
      },
      run: async (redis) => (await cancel(redis, id, false))?.text ?? gone(id),
    },
    {
      ...{ key: 'd', word: 'delete', question: `Delete ${id} with its results?` },
      states: ['failed', 'stopped', 'scheduled', 'finished', 'canceled', 'queued', 'deferred'],
      run: async (redis) => ((await deleteJob(redis, id)) ? `Deleted ${id}.` : gone(id)),
    },
  ];
  return all.filter(({ states }) => states.includes(state));
}

const gone = (id: string): string => `There is no job ${id}.`;

/** What can be done with a queue. `failed`: how many of its jobs have failed. */
export function queueActions(queue: string, isPaused: boolean, failed: number): Action[] {
  const hold: Action = isPaused
    ? {
        ...{ key: 'p', word: 'resume', question: null },
        run: async (redis) => ((await resumeQueue(redis, queue)) ? `Resumed ${queue}.` : `${queue} was not paused.`),
      }
    : {
        ...{ key: 'p', word: 'pause', question: null },
        run: async (redis) => {
          await pauseQueue(redis, queue, null);
          return `Paused ${queue}: tsrq's workers take nothing from it.`;
        },
      };
  const requeue: Action = {
    ...{ key: 'r', word: 'requeue failed', question: `Requeue ${plural(failed, 'failed job')} of ${queue}?` },
    run: async (redis) => {
      const { requeued, total } = await requeueAll(redis, { queues: [queue] });
      return `Requeued ${requeued} of ${plural(total, 'job')} of ${queue}.`;
    },
  };
  return failed > 0 ? [hold, requeue] : [hold];
}

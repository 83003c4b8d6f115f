import type { QueueInfo } from '../../info.js';
import { age, printable } from './words.js';

/** Everything about one queue, a line for each thing. */
export function describeQueue(queue: QueueInfo): string {
  const { name, error } = queue;
  const rows: [string, string | number][] =
    error !== null
      ? [['error', printable(error)]]
      : [
          ['paused', pausedText(queue.paused, queue.pausedForSeconds)],
          ['queued', queue.queued],
          ['oldest', queue.oldestAgeSeconds === null ? '-' : age(queue.oldestAgeSeconds)],
          ['about to start', queue.intermediate],
          ['started', queue.started],
          ['abandoned', queue.abandoned],
          ['finished', queue.finished],
          ['failed', queue.failed],
          ['scheduled', queue.scheduled],
          ['deferred', queue.deferred],
          ['canceled', queue.canceled],
          ['workers', queue.workers.length === 0 ? '-' : queue.workers.map(printable).join(', ')],
        ];
  return [['queue', printable(name)] as const, ...rows]
    .map(([head, value]) => `${head.padEnd(14)} ${value}`)
    .join('\n');
}

const pausedText = (paused: boolean, seconds: number | null): string =>
  !paused ? 'no' : seconds === null ? 'until it is resumed' : `for another ${age(Math.ceil(seconds))}`;

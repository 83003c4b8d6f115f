import type { QueueCounts, Snapshot, WorkerInfo } from '../../info.js';
import { printable } from './words.js';

export interface RawView {
  readonly queues: boolean;
  readonly workers: boolean;
  readonly byQueue: boolean;
}

/**
 * The lines of RQ 2.10's `rq info --raw`, character by character; their order is RQ's by chance and ours by name. What
 * cannot be read, which ends RQ's command, is left out: RQ has no line for it.
 */
export function renderRaw(now: Snapshot, view: RawView): string[] {
  const queues = now.queues.filter((queue) => queue.error === null);
  const queueLines = view.queues ? queues.map(queueLine) : [];
  if (!view.workers) return queueLines.map(printable);
  const lines = [
    ...queueLines,
    ...(view.byQueue ? byQueueLines(now, queues) : listedWorkers(now, queues).map(workerLine)),
  ];
  return lines.map(printable);
}

const queueLine = ({ name, queued, started, finished, failed }: QueueCounts): string =>
  `queue ${name} ${queued}, ${started} executing, ${finished} finished, ${failed} failed`;

/** RQ asks the queues it shows for their workers, and all workers only when there is no queue at all. */
function listedWorkers(now: Snapshot, queues: readonly QueueCounts[]): WorkerInfo[] {
  const listed = new Set(queues.flatMap((queue) => queue.workers));
  return now.workers.filter((worker) => {
    return !worker.gone && worker.error === null && (now.queues.length === 0 || listed.has(worker.name));
  });
}

function workerLine(worker: WorkerInfo): string {
  const { name, hostname, ipAddress, pid, state, queues, successful, failed } = worker;
  const where = [hostname, ipAddress, pid].map((part) => part ?? 'None').join(' ');
  return `worker ${name} (${where}) ${state} ${queues.join(', ')}. jobs: ${successful} finished, ${failed} failed`;
}

function byQueueLines(now: Snapshot, queues: readonly QueueCounts[]): string[] {
  const states = new Map(now.workers.map((worker) => [worker.name, worker.state]));
  const width = Math.max(0, ...queues.map((queue) => pythonLength(queue.name))) + 1;
  return queues.map((queue) => {
    const name = `${queue.name}:`;
    const padding = ' '.repeat(width - pythonLength(name));
    const workers = queue.workers.map((worker) => `${worker} (${states.get(worker) ?? '?'})`).sort();
    return `${name}${padding} ${workers.length === 0 ? '–' : workers.join(', ')}`;
  });
}

/** Python pads by code points. */
const pythonLength = (text: string): number => Array.from(text).length;

import type { QueueInfo, Snapshot, WorkerInfo } from '../../info.js';

export interface RawView {
  readonly queues: boolean;
  readonly workers: boolean;
  readonly byQueue: boolean;
}

/** The lines of RQ 2.10's `rq info --raw`, character by character; only their order is ours: sorted. */
export function renderRaw(now: Snapshot, view: RawView): string[] {
  const good = now.queues.filter((queue) => queue.error === null);
  const queues = view.queues ? good.map(queueLine) : [];
  if (!view.workers) return queues;
  if (view.byQueue) return [...queues, ...byQueueLines(now)];
  // RQ shows a worker only if it listens on a queue that is shown; all of them when there is no queue.
  const listening = new Set(now.queues.flatMap((queue) => queue.workers));
  const workers = now.queues.length === 0 ? now.workers : now.workers.filter((worker) => listening.has(worker.name));
  return [...queues, ...workers.map(workerLine)];
}

const queueLine = ({ name, queued, started, finished, failed }: QueueInfo): string =>
  `queue ${name} ${queued}, ${started} executing, ${finished} finished, ${failed} failed`;

function workerLine(worker: WorkerInfo): string {
  const { name, hostname, ipAddress, pid, state, queues, successful, failed } = worker;
  const where = [hostname, ipAddress, pid].map((part) => part ?? 'None').join(' ');
  return `worker ${name} (${where}) ${state} ${queues.join(', ')}. jobs: ${successful} finished, ${failed} failed`;
}

function byQueueLines(now: Snapshot): string[] {
  const states = new Map(now.workers.map((worker) => [worker.name, worker.state]));
  const width = Math.max(0, ...now.queues.map((queue) => queue.name.length));
  return now.queues.map((queue) => {
    const workers = queue.workers
      .filter((name) => states.has(name))
      .map((name) => `${name} (${states.get(name) ?? ''})`)
      .sort();
    return `${`${queue.name}:`.padEnd(width + 1)} ${workers.length === 0 ? '–' : workers.join(', ')}`;
  });
}

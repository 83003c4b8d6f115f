import type { WorkerInfo } from '../../info.js';
import { family, type Labels } from '../metrics/text.js';
import type { Found } from './info-json.js';

/** rq-exporter's metrics under its names, so that its dashboards work, and some more. Several connections get a label. */
export function renderPrometheus(found: readonly Found[], several = found.length > 1): string {
  const label = (connection: string): Labels => (several ? { connection } : {});
  const queues = found.flatMap(({ connection, snapshot }) =>
    snapshot.queues.filter((queue) => queue.error === null).map((queue) => ({ labels: label(connection), queue })),
  );
  const workers = found.flatMap(({ connection, snapshot }) =>
    snapshot.workers
      .filter((worker) => worker.error === null && !worker.gone)
      .map((worker) => ({ labels: label(connection), worker })),
  );
  const perWorker = (name: string, help: string, value: (worker: WorkerInfo) => number): string[] =>
    family(
      name,
      'counter',
      help,
      workers.map(({ labels, worker }) => [{ ...labels, ...workerLabels(worker) }, value(worker)]),
    );
  const lines = [
    ...family(
      'rq_workers',
      'gauge',
      'RQ workers',
      workers.map(({ labels, worker }) => [{ ...labels, ...workerLabels(worker), state: worker.state }, 1]),
    ),
    ...perWorker('rq_workers_success_total', 'Successful jobs by worker', (worker) => worker.successful),
    ...perWorker('rq_workers_failed_total', 'Failed jobs by worker', (worker) => worker.failed),
    ...perWorker('rq_workers_working_time_total', 'Seconds spent in jobs by worker', (worker) => worker.workingSeconds),
    ...family(
      'rq_jobs',
      'gauge',
      'RQ jobs by queue and status',
      queues.flatMap(({ labels, queue }) =>
        STATUSES.map((status) => [{ ...labels, queue: queue.name, status }, queue[status]] as const),
      ),
    ),
    ...family(
      'rq_queue_oldest_seconds',
      'gauge',
      'How long the job at the head of the queue has waited',
      queues.map(({ labels, queue }) => [{ ...labels, queue: queue.name }, queue.oldestAgeSeconds ?? 0]),
    ),
    ...family(
      'rq_suspended',
      'gauge',
      '1 while RQ is suspended',
      found.map(({ connection, snapshot }) => [label(connection), snapshot.suspended ? 1 : 0]),
    ),
    ...family(
      'tsrq_queue_jobs',
      'gauge',
      'Jobs in states that rq_jobs has not',
      queues.flatMap(({ labels, queue }) =>
        OTHERS.map((status) => [{ ...labels, queue: queue.name, status }, queue[status]] as const),
      ),
    ),
    ...family(
      'tsrq_worker_heartbeat_age_seconds',
      'gauge',
      'Since the last sign of life of each worker',
      workers.map(({ labels, worker }) => [{ ...labels, name: worker.name }, worker.heartbeatAgeSeconds ?? 0]),
    ),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/** Those of rq-exporter: another one would count in the sums of its dashboards. */
const STATUSES = ['queued', 'started', 'finished', 'failed', 'deferred', 'scheduled'] as const;

const OTHERS = ['canceled', 'abandoned', 'intermediate'] as const;

const workerLabels = (worker: WorkerInfo): Labels => ({ name: worker.name, queues: worker.queues.join(',') });

import type { Snapshot } from '../../info.js';

/** The metrics of rq-exporter, under its names, so that its dashboards work. */
export function renderPrometheus(now: Snapshot): string {
  const jobs = now.queues
    .filter((queue) => queue.error === null)
    .flatMap((queue) =>
      (['queued', 'started', 'finished', 'failed', 'deferred', 'scheduled'] as const).map(
        (status) => `rq_jobs{queue="${escape(queue.name)}",status="${status}"} ${queue[status]}`,
      ),
    );
  const label = (worker: Snapshot['workers'][number]): string =>
    `name="${escape(worker.name)}",queues="${escape(worker.queues.join(','))}"`;
  const each = (metric: string, value: (worker: Snapshot['workers'][number]) => number): string[] =>
    now.workers.map((worker) => `${metric}{${label(worker)}} ${value(worker)}`);
  return [
    ...family(
      'rq_workers',
      'gauge',
      'RQ workers',
      now.workers.map((worker) => `rq_workers{${label(worker)},state="${escape(worker.state)}"} 1`),
    ),
    ...family(
      'rq_workers_success_total',
      'counter',
      'Successful jobs by worker',
      each('rq_workers_success_total', (worker) => worker.successful),
    ),
    ...family(
      'rq_workers_failed_total',
      'counter',
      'Failed jobs by worker',
      each('rq_workers_failed_total', (worker) => worker.failed),
    ),
    ...family(
      'rq_workers_working_time_total',
      'counter',
      'Working seconds by worker',
      each('rq_workers_working_time_total', (worker) => worker.workingSeconds),
    ),
    ...family('rq_jobs', 'gauge', 'RQ jobs by queue and status', jobs),
    '',
  ].join('\n');
}

function family(name: string, type: 'gauge' | 'counter', help: string, samples: readonly string[]): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples];
}

const escape = (text: string): string => text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');

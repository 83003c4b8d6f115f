import type { WorkerEvent } from '../../worker/events.js';
import type { WorkerOptions } from '../../worker/options.js';
import type { RunningWorker } from '../../worker/start.js';
import type { Cli } from '../context.js';
import type { Log } from '../log.js';
import { serveMetrics } from './server.js';
import { WorkerMetrics } from './worker-metrics.js';

export interface OpenMetrics {
  /** To be told what the worker tells; hands it on. */
  readonly onEvent: (event: WorkerEvent) => void;
  /** The worker that is measured from now on. */
  lead(worker: RunningWorker, log: Log): void;
  close(): void;
}

/** Serves at `address` what a worker with these options does. USAGE if that cannot be listened on. */
export async function openMetrics(cli: Cli, address: string, options: WorkerOptions): Promise<OpenMetrics> {
  const queues = options.queues.map((queue) => queue.name);
  const metrics = new WorkerMetrics(await cli.connect(options.target), queues);
  const server = await serveMetrics(address, () => metrics.render());
  return {
    onEvent: (event) => {
      metrics.observe(event);
      options.onEvent(event);
    },
    lead: (worker, log) => {
      metrics.lead(worker);
      log({ level: 'info', event: 'metrics', message: `Metrics at http://${server.address}/metrics` });
    },
    close: () => {
      metrics.close();
      server.close();
    },
  };
}

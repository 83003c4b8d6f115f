import type { SeveralOptions } from '../../worker/start-several.js';
import type { RunningWorker } from '../../worker/start.js';
import type { Cli } from '../context.js';
import type { Log } from '../log.js';
import { serveMetrics } from './server.js';
import type { Labels } from './text.js';
import { WorkerMetrics, type Source } from './worker-metrics.js';

export interface OpenMetrics {
  /** To be told what the worker tells; hands it on. */
  readonly onEvent: SeveralOptions['onEvent'];
  /** The worker that is measured from now on. */
  lead(worker: RunningWorker, log: Log): void;
  close(): void;
}

/** Serves at `address` what a worker with these options does. USAGE if that cannot be listened on. */
export async function openMetrics(cli: Cli, address: string, options: SeveralOptions): Promise<OpenMetrics> {
  const sources = options.places.map(async ({ name, target, queues }): Promise<Source> => {
    const labels: Labels = options.places.length === 1 ? {} : { connection: name };
    return { labels, redis: await cli.connect(target), queues: queues.map((queue) => queue.name) };
  });
  const metrics = new WorkerMetrics(await Promise.all(sources));
  const server = await serveMetrics(address, () => metrics.render());
  return {
    onEvent: (event, place) => {
      metrics.observe(event, place);
      options.onEvent(event, place);
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
